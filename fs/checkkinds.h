/*
 * checkkinds.h - all that the checker can find: the rule that is broken, what it says, and what it
 * says when it has been repaired. %a and %b stand for the finding's two numbers.
 */
#ifndef SECTOR0_FS_CHECKKINDS_H
#define SECTOR0_FS_CHECKKINDS_H

#define CHECK_KINDS(KIND)                                                                          \
    KIND(STATE, "F1", "marked as damaged, after %a errors, the first one in block %b",             \
         "marked as clean")                                                                        \
    KIND(PRIMARY, "F1", "the superblock is damaged", "written anew from block %a")                 \
    KIND(BACKUP, "F1", "the backup of the superblock is damaged", "written anew")                  \
    KIND(SUPER_ZERO, "F9", "reserved bytes of the superblock are not zero", "made zero")           \
    KIND(NO_LOG, "F2", "the journal has no superblock", "the journal is emptied")                  \
    KIND(LOG_DAMAGED, "F2", "the journal is damaged behind transaction %a",                        \
         "what follows is dropped")                                                                \
    KIND(CSUM, "F3", "the checksum does not match", "written anew")                                \
    KIND(CSUM_CUT, "F3", "an indirect block whose checksum does not match, of file block %a",      \
         "cut off")                                                                                \
    KIND(CSUM_NONE, "F3", "has no checksum", "written anew")                                       \
    KIND(CSUM_NONE_CUT, "F3", "no checksum, and no sense: it is not of file block %a", "cut off")  \
    KIND(CSUM_STALE, "F3", "a checksum of a block that must have none", "cleared")                 \
    KIND(BLOCK_FREE, "F4", "%a blocks from here on are in use, but marked as free",                \
         "marked as in use")                                                                       \
    KIND(BLOCK_LEAK, "F4", "%a blocks from here on are marked as in use, but nobody has them",     \
         "marked as free")                                                                         \
    KIND(BLOCK_TWICE, "F4", "as file block %a, but it belongs to somebody else",                   \
         "a hole in its place")                                                                    \
    KIND(POINTER, "F8", "file block %b is block %a, where it cannot lie", "a hole in its place")   \
    KIND(INODE_FREE, "F5", "%a inodes from here on are in use, but marked as free",                \
         "marked as in use")                                                                       \
    KIND(INODE_LEAK, "F5", "%a inodes from here on are marked as in use, but free",                \
         "marked as free")                                                                         \
    KIND(INODE_JUNK, "F5", "free, but not all zero", "made zero")                                  \
    KIND(BITMAP_END, "F9", "%a bits behind the end of the bitmap are 0", "set")                    \
    KIND(NLINK, "F6", "says %a links, but has %b", "set to %b")                                    \
    KIND(UNNAMED, "F6", "no name leads to it", "goes to lost+found")                               \
    KIND(ORPHAN_SLOT, "F6", "orphan slot %a holds %b, which is no orphan", "list made anew")       \
    KIND(ORPHAN_CLEAN, "F6", "an unfinished removal, on a volume marked as clean", "finished")     \
    KIND(ORPHAN_UNLISTED, "F6", "an unfinished truncate that the orphan list does not know",       \
         "finished")                                                                               \
    KIND(ROOT, "F7", "the root directory is lost", "made anew")                                    \
    KIND(CHAIN, "F7", "records are damaged from byte %a of the block on", "dropped")               \
    KIND(DOT, "F7", "'.' or '..' is of a wrong type, or '.' leads to inode %b", "set right")       \
    KIND(DOTS_MISSING, "F7", "does not begin with '.' and '..'", "put in")                         \
    KIND(DOTDOT, "F7", "'..' leads to inode %a, but the parent is %b", "set right")                \
    KIND(DOTS_AGAIN, "F7", "another '.' or '..' at byte %a of the block", "removed")               \
    KIND(NAME_BAD, "F7", "'/', NUL or no end in a name at byte %a of the block",                   \
         "bad bytes replaced")                                                                     \
    KIND(NAME_TWICE, "F7", "the name at byte %a of the block, of inode %b, is there twice",        \
         "removed")                                                                                \
    KIND(DANGLING, "F7", "the name at byte %a of the block leads to inode %b, which is free",      \
         "removed")                                                                                \
    KIND(RECORD_TYPE, "F7", "the record at byte %a of the block has not the type of inode %b",     \
         "set right")                                                                              \
    KIND(DIR_TWICE, "F7", "the name at byte %a of the block is directory %b's second one",         \
         "removed")                                                                                \
    KIND(DIR_LOOP, "F7",                                                                           \
         "the name at byte %a of the block leads to the directory itself or the root", "removed")  \
    KIND(DIR_CYCLE, "F7", "among its own children, by its name in directory %a", "name removed")   \
    KIND(DIR_UNNAMED, "F7", "a directory that no name leads to", "goes to lost+found")             \
    KIND(INODE_TYPE, "F8", "mode %a is of no type", "inode cleared")                               \
    KIND(SIZE_LARGE, "F8", "size %a, which no file can have", "set to %b")                         \
    KIND(SIZE_SMALL, "F8", "size %a, but there are blocks behind it", "set to %b")                 \
    KIND(SIZE_DIR, "F8", "a directory's size is %a", "set to %b")                                  \
    KIND(HEIGHT_NONE, "F8", "says how tall its tree is, but has none", "cleared")                  \
    KIND(HEIGHT_WRONG, "F8", "says that its tree is %a tall, but it is %b", "set right")           \
    KIND(HEIGHT_TALL, "F8", "a tree %a tall, where %b would do", "made lower")                     \
    KIND(SPARSE, "F8", "has holes, but does not say so", "says so")                                \
    KIND(DIR_HOLE, "F8", "a directory with a hole; %a blocks before it or in all",                 \
         "filled, or ends there")                                                                  \
    KIND(DIR_EMPTY, "F8", "a directory without a block", "inode cleared")                          \
    KIND(LINK_BAD, "F8", "a symbolic link without a target", "inode cleared")                      \
    KIND(TAIL, "F8", "not zero behind byte %a of the last block", "made zero")                     \
    KIND(FLAGS, "F9", "flags %a, which it cannot have", "cleared")                                 \
    KIND(INODE_ZERO, "F9", "bytes of the inode that must be zero are not, from %a on",             \
         "made zero")                                                                              \
    KIND(RECORD_ZERO, "F9", "unused bytes of records are not zero", "made zero")

#endif
