/* op.c - see op.h. */
#include "fs/op.h"

int sfs_op_begin(struct sfs *fs, struct sfs_op *op, uint32_t base, uint32_t freed_meta,
                 uint32_t blocks)
{
    op->fs = fs;
    op->count = op->fresh = 0;
    op->data_fresh = op->ino = 0;
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

int sfs_op_new_block(struct sfs_op *op, uint64_t goal, struct sfs_buf **buf)
{
    uint64_t block;
    int error = sfs_alloc_meta(&op->handle, goal, &block);

    if (error < 0) {
        return error;
    }
    error = sfs_new_block(&op->handle, block, buf);
    if (error < 0) {
        sfs_alloc_undo(&op->handle, block);
        return error;
    }
    op->fresh |= 1u << op->count;
    keep(op, *buf);
    return 0;
}

int sfs_op_new_data(struct sfs_op *op, uint64_t goal, uint64_t *data, uint32_t at, uint32_t want,
                    uint32_t *got)
{
    int error = sfs_alloc_data(&op->handle, goal, want, &data[at], got);

    op->data = data;
    for (uint32_t i = 0; error == 0 && i < *got; i++) {
        data[at + i] = data[at] + i;
        op->data_fresh |= 1ull << (at + i);
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
        struct sfs_buf *buf = op->held[--op->count];
        uint64_t block = buf->block;

        sfs_buf_put(op->fs, buf);
        if (error < 0 && (op->fresh & 1u << op->count) != 0) {
            sfs_alloc_undo(&op->handle, block);
        }
    }
    for (; error < 0 && op->data_fresh != 0; op->data_fresh &= op->data_fresh - 1) {
        sfs_alloc_undo(&op->handle, op->data[__builtin_ctzll(op->data_fresh)]);
    }
    if (error < 0 && op->ino != 0) {
        (void)sfs_free_inode(&op->handle, op->ino);
    }
    sfs_end(&op->handle);
    return error;
}
