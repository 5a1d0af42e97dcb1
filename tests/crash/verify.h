/*
 * verify.h - what is checked of each state:
 *
 *   (a) it mounts, which recovers it, and unmounts, both without an error
 *   (b) the checker finds nothing, and the superblock says "clean"
 *   (c) the tree is that of one step, from the last one promised to the last one begun
 *   (d) every byte that fsync promised is as then, or as written later
 *   (e) no byte is anybody else's, nor what lay on the disk before
 *   (f) it can be written: create, write, fsync, read, unlink; and the free counts are exact
 *
 * (a) is done for each state. What recovery makes of most of them is the same as of another one:
 * the same bytes everywhere but in the journal. (b) to (f) are done once for each such volume, and
 * (c) to (e) again when more is promised.
 */
#ifndef SECTOR0_TESTS_CRASH_VERIFY_H
#define SECTOR0_TESTS_CRASH_VERIFY_H

#include "tests/crash/enumerate.h"
#include "tests/crash/oracle.h"

struct verifier;

/* Of what happens to DISK; ORACLE knows what was done. */
struct verifier *verifier_create(struct scratch *disk, const struct oracle *oracle);
void verifier_free(struct verifier *v);

/* What is wrong with the state of POINT; kind VERDICT_FINE: nothing. DISK is left as it was. */
enum failure {
    FAILURE_NONE,
    FAILURE_MOUNT,
    FAILURE_CHECK,
    FAILURE_LOST,
    FAILURE_EXPOSED,
};
struct finding {
    enum failure failure;
    uint64_t bytes;
    bool fresh;      /* this state was not looked at before */
    bool new_volume; /* recovery led to a volume that was not seen before */
    char text[256];
};
void verifier_look(struct verifier *v, struct point *point, struct finding *finding);

/* The options that states are mounted with. */
extern const struct sfs_mount_options verify_options;

#endif
