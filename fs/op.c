/* op.c - see op.h. */
#include "fs/op.h"

int sfs_op_begin(struct sfs *fs, struct sfs_op *op, uint32_t base, uint32_t freed_meta,
                 uint32_t blocks)
{
    op->fs = fs;
    op->count = 0;
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
        if (sfs_free_block(&op->handle, block, true) < 0) {
            sfs_abort(op->fs, error, block);
        }
        return error;
    }
    keep(op, *buf);
    return 0;
}

int sfs_op_free_block(struct sfs_op *op, struct sfs_buf *buf)
{
    uint64_t block = buf->block;
    int error;

    for (unsigned i = 0; i < op->count; i++) {
        if (op->held[i] == buf) {
            op->held[i] = op->held[--op->count];
            break;
        }
    }
    sfs_buf_put(op->fs, buf);
    error = sfs_free_block(&op->handle, block, true);
    if (error < 0) {
        sfs_abort(op->fs, error, block);
    }
    return error;
}

void sfs_op_end(struct sfs_op *op)
{
    while (op->count > 0) {
        sfs_buf_put(op->fs, op->held[--op->count]);
    }
    sfs_end(&op->handle);
}
