/*
 * check.h - is a volume sound, and how it is made so again: `mkdisk check` on the host, `fsck` in
 * the kernel.
 *
 *   F1 superblock, geometry, backup      F4 blocks: one owner each, bitmap     F7 directories
 *   F2 the journal                       F5 inodes: bitmap, free ones zero     F8 sizes and trees
 *   F3 checksums, both ways              F6 number of links, orphans           F9 what must be zero
 *
 * Without `repair` nothing is written: the journal is replayed in memory. With it, the journal is
 * replayed on the disk first; before the first repair the superblock says "damaged", durably, and
 * goes on saying so until a whole round has found nothing more. Repairs go through the journal, so
 * a power cut leaves each block as before or as after, and another check goes on.
 *
 * What a repair decides:
 * - A block that two claim: metadata whose checksum matches wins, then whoever comes first in the
 *   order of inodes. The loser has a hole there.
 * - A damaged indirect block is kept if all its pointers lead to where files lie, else cut off. A
 *   damaged block of a directory keeps the records before the damage.
 * - Sizes grow to the last block that a file has; blocks are not thrown away. What no name leads to
 *   gets one: lost+found/#<inode>.
 *
 * Memory: for each GiB of the volume, at most 96 KiB with blocks of 4096 bytes and 768 KiB with
 * blocks of 512, of which only those 4 KiB pieces are made where something is in use; 8 bytes and a
 * bit for each inode in use or near one, 48 bytes for each directory; 320 KiB for buffers and
 * findings, and at most 2 MiB of the checksum table; as many bytes as the largest directory has, at
 * most 1 MiB; while lost+found is filled, up to 32 bytes for each name in it.
 */
#ifndef SECTOR0_FS_CHECK_H
#define SECTOR0_FS_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "include/blk.h"

struct sfs_check_options {
    bool repair;
    /* Called once a round is over with a line of text, without its \n, for each finding: the rule,
     * block, inode and path as far as they are known, what is wrong, what has been done. Of each
     * kind 20 are told and the others counted. */
    void (*report)(void *ctx, const char *line);
    void (*progress)(void *ctx, unsigned percent); /* of this round; or NULL */
    void *ctx;
};

struct sfs_check_result {
    uint64_t findings; /* all that were found */
    uint64_t fixed;    /* of them, repaired */
    uint64_t left;     /* still there at the end */
    uint32_t replayed; /* transactions of the journal: no error, only an unclean end */
    uint32_t version, block_size;
    uint64_t blocks, blocks_used, inodes, inodes_used;
};

/*
 * Check the volume on DEV, which nobody has mounted. Returns 0 if the check could be done, whatever
 * it has found. EUCLEAN: there is no superblock, nor a backup; EINVAL: features that we do not
 * know; EROFS: a repair of a read-only device; EIO, ENOMEM: it ended early, and a repair can be
 * done again. May sleep.
 */
int sfs_check(struct blk_dev *dev, const struct sfs_check_options *options,
              struct sfs_check_result *result);

#endif
