/* op.c - see op.h. */
#include "fs/op.h"

int sfs_op_begin(struct sfs *fs, struct sfs_op *op, uint32_t base, uint32_t freed_meta,
                 uint32_t blocks)
{
    op->fs = fs;
    op->count = op->blocks = 0;
    op->ino = 0;
    return sfs_begin(fs, &op->handle, sfs_credits(fs, base, freed_meta), blocks);
}

static void keep(struct sfs_op *op, struct sfs_buf *buf)
{
    SFS_ASSERT(op->count < SFS_OP_HELD);
    op->held[op->count++] = buf;
}

int sfs_op_hold(struct sfs_op *op, uint64_t block, struct sfs_buf **buf)
{
    int error;

    for (unsigned i = 0; i < op->count; i++) {
        if (op->held[i]->block == block) {
            *buf = op->held[i];
            return 0;
        }
    }
    error = sfs_modify(&op->handle, block, buf);
    if (error == 0) {
        keep(op, *buf);
    }
    return error;
}

static void note_new(struct sfs_op *op, uint64_t first, uint32_t count)
{
    SFS_ASSERT(op->blocks + count <= SFS_OP_BLOCKS);
    while (count-- > 0) {
        op->block[op->blocks++] = first++;
    }
}

int sfs_op_new_block(struct sfs_op *op, uint64_t goal, struct sfs_buf **buf)
{
    uint64_t block;
    int error = sfs_alloc_meta(&op->handle, goal, &block);

    if (error == 0) {
        note_new(op, block, 1);
        error = sfs_new_block(&op->handle, block, buf);
    }
    if (error == 0) {
        keep(op, *buf);
    }
    return error;
}

int sfs_op_new_data(struct sfs_op *op, uint64_t goal, uint32_t want, uint64_t *first, uint32_t *got)
{
    int error = sfs_alloc_data(&op->handle, goal, want, first, got);

    if (error == 0) {
        note_new(op, *first, *got);
    }
    return error;
}

int sfs_op_new_inode(struct sfs_op *op, uint64_t parent, bool dir, uint64_t *ino)
{
    int error = sfs_alloc_inode(&op->handle, parent, dir, ino);

    op->ino = error == 0 ? *ino : 0;
    return error;
}

int sfs_op_end(struct sfs_op *op, int error)
{
    while (op->count > 0) {
        sfs_buf_put(op->fs, op->held[--op->count]);
    }
    while (error < 0 && op->blocks > 0) {
        sfs_alloc_undo(&op->handle, op->block[--op->blocks]);
    }
    if (error < 0 && op->ino != 0) {
        (void)sfs_free_inode(&op->handle, op->ino);
    }
    sfs_end(&op->handle);
    return error;
}
