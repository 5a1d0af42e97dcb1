/*
 * op.h - one change of the volume: a handle of the journal and the buffers that it holds. Take all
 * buffers first, then change: what is held already cannot fail to be got again.
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
};

/* sfs_begin with sfs_credits(BASE, FREED_META). */
int sfs_op_begin(struct sfs *fs, struct sfs_op *op, uint32_t base, uint32_t freed_meta,
                 uint32_t blocks);
/* sfs_modify; the buffer stays held until the end. */
int sfs_op_hold(struct sfs_op *op, uint64_t block, struct sfs_buf **buf);
/* Allocate a block for metadata near GOAL, all zero, held. ENOSPC and others: nothing is changed.
 */
int sfs_op_new_block(struct sfs_op *op, uint64_t goal, struct sfs_buf **buf);
/* Let go of BUF and free its block; an error has aborted. */
int sfs_op_free_block(struct sfs_op *op, struct sfs_buf *buf);
/* Let go of everything and end the handle. */
void sfs_op_end(struct sfs_op *op);

/* Blocks of the data bitmap that M allocated or freed blocks lie in, at most. */
static inline uint32_t sfs_bitmap_blocks(const struct sfs *fs, uint32_t m)
{
    return m < fs->dbm_blocks ? m : (uint32_t)fs->dbm_blocks;
}

#endif
