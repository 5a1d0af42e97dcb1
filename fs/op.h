/*
 * op.h - one change of the volume: a handle of the journal, the buffers that it holds, and what it
 * has allocated. Take all buffers first, then change: what is held already cannot fail to be got
 * again. An operation that fails ends with its error, and what it has allocated is free again.
 */
#ifndef SECTOR0_FS_OP_H
#define SECTOR0_FS_OP_H

#include <stdint.h>

#include "fs/volume.h"

#define SFS_OP_HELD 24 /* a symlink of 8 blocks, 2 inodes, a directory whose tree grows */

struct sfs_op {
    struct sfs *fs;
    struct sfs_handle handle;
    struct sfs_buf *held[SFS_OP_HELD];
    unsigned count;
    uint32_t fresh;       /* bit i: the block of held[i] is new */
    const uint64_t *data; /* new blocks of data: */
    uint64_t data_fresh;  /* bit i: data[i] */
    uint64_t ino;         /* a new one, or 0 */
};

/* sfs_begin with sfs_credits(BASE, FREED_META). */
int sfs_op_begin(struct sfs *fs, struct sfs_op *op, uint32_t base, uint32_t freed_meta,
                 uint32_t blocks);
/* sfs_modify; the buffer stays held until the end. */
int sfs_op_hold(struct sfs_op *op, uint64_t block, struct sfs_buf **buf);
/* Allocate a block for metadata near GOAL, all zero, held. */
int sfs_op_new_block(struct sfs_op *op, uint64_t goal, struct sfs_buf **buf);
/* Allocate 1 to WANT blocks for data near GOAL, in one piece: DATA[AT] and those behind it, at most up
 * to DATA[63]; *GOT how many. DATA stays until the end. */
int sfs_op_new_data(struct sfs_op *op, uint64_t goal, uint64_t *data, uint32_t at, uint32_t want,
                    uint32_t *got);
/* sfs_alloc_inode. */
int sfs_op_new_inode(struct sfs_op *op, uint64_t parent, bool dir, uint64_t *ino);
/* Let go of everything and end the handle; with an ERROR, free what was allocated. Returns ERROR. */
int sfs_op_end(struct sfs_op *op, int error);

/* Blocks of the data bitmap that M allocated or freed blocks lie in, at most. */
static inline uint32_t sfs_bitmap_blocks(const struct sfs *fs, uint32_t m)
{
    return m < fs->dbm_blocks ? m : (uint32_t)fs->dbm_blocks;
}

#endif
