/*
 * rules.h - the rules of write order, by name: what a power cut leaves rests on them. Each is kept at
 * one place, which says so by SFS_RULE(name). That is "true", and costs nothing, but in the build of
 * the crash tests, which break one rule after the other to prove that they would notice.
 */
#ifndef SECTOR0_FS_RULES_H
#define SECTOR0_FS_RULES_H

#include <stdbool.h>

/* RULE(name, what it says) */
#define SFS_RULES(RULE)                                                                            \
    RULE(HANDLES_END_FIRST, "J0: a transaction is frozen when nobody is changing it")              \
    RULE(COMMITS_ARE_SERIAL, "J3b: one transaction after the other goes to the log")               \
    RULE(FLUSH_COVERS_COMPLETED, "J3: a flush covers what had completed when it was submitted")    \
    RULE(COMMIT_IS_FLUSHED, "J3: a commit is done when a flush behind its commit block is")        \
    RULE(LOG_BEFORE_COMMIT, "J3: two-phase: a flush between the payload and the commit block")     \
    RULE(TWO_PHASE, "J3: with new data in place, the commit block waits for a flush")              \
    RULE(DATA_BEFORE_COMMIT, "J1: new data are written before the commit that points to them")     \
    RULE(BUSY_PAGE_RESTS, "J1: contents on their way to the disk do not change")                   \
    RULE(DURABLE_COPY, "J4: a checkpoint writes durable copies home, not what is newer")           \
    RULE(HOME_BEFORE_TAIL, "J5: what the tail leaves behind is home, and flushed")                 \
    RULE(TAIL_BEFORE_REUSE, "J5: log space is used again when the moved tail is flushed")          \
    RULE(TAIL_IN_TWO_SLOTS, "J5: the journal's superblocks are written in turn")                   \
    RULE(LOG_HAS_ROOM, "J5: nothing in the log is overwritten that the tail still needs")          \
    RULE(NEWER_STAYS, "J5: what has a copy behind the moved tail stays in memory")                 \
    RULE(FREED_UNTIL_DURABLE, "J6: a freed block is left alone until its freeing is durable")      \
    RULE(FREED_UNTIL_TAIL, "J6: data avoid freed blocks that the log has copies of")               \
    RULE(STICKY, "J7: what the log has a copy of is written through the log")                      \
    RULE(FSYNC_WRITES, "J8: fsync writes what the file overwrites in place")                       \
    RULE(FSYNC_COMMITS, "J8: fsync commits what changed the inode or its names")                   \
    RULE(FSYNC_LOGGED, "J8: fdatasync commits what took contents into the log")                    \
    RULE(FSYNC_FLUSHES, "J8: fsync flushes, even if it had nothing to commit")                     \
    RULE(SYNC_WRITES, "J8: sync writes what files overwrite in place")                             \
    RULE(SYNC_COMMITS, "J8: and commits")                                                          \
    RULE(SYNC_FLUSHES, "J8: and flushes")                                                          \
    RULE(ORPHANS_LISTED, "J10: what nobody links is in the orphan block")                          \
    RULE(TRUNCATE_MARKED, "J10: so is a file with blocks behind its end")                          \
    RULE(NEWER_TAIL, "J11: of two journal superblocks the newer one counts")                       \
    RULE(RECOVERED_BEFORE_TAIL, "J11: what recovery wrote home is flushed before the tail moves")  \
    RULE(NUMBER_BURNT, "J11: the number of a torn transaction is not used again")                  \
    RULE(PAYLOAD_VERIFIED, "J11: a transaction counts if all of its payload verifies")             \
    RULE(IN_USE_FIRST, "J12: the superblock says \"in use\" before anything else is written")      \
    RULE(SUPER_IS_FLUSHED, "J12: and is flushed")                                                  \
    RULE(EMPTY_BEFORE_CLEAN, "J12: \"clean\" is written when the log is empty")                    \
    RULE(END_THROUGH_LOG, "J14: the block with a file's durable end changes through the log")      \
    RULE(OLDER_SIZE, "J14: the size in the transaction before is an end, too")                     \
    RULE(TAIL_THROUGH_LOG, "J14: the zeros behind a truncate's cut go through the log")

enum sfs_rule {
    SFS_NO_RULE,
#define SFS_RULE_NUMBER(name, text) SFS_RULE_##name,
    SFS_RULES(SFS_RULE_NUMBER)
#undef SFS_RULE_NUMBER
        SFS_RULE_END
};

#ifdef SFS_BREAKABLE
extern enum sfs_rule sfs_broken_rule;
#define SFS_RULE(name) (sfs_broken_rule != SFS_RULE_##name)
#else
#define SFS_RULE(name) true
#endif

#endif
