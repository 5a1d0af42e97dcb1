/*
 * io.h - blocks of a volume to and from its device, many at a time. Keeps the count of writes that
 * a flush still has to cover.
 *
 * A batch gathers pieces; neighbours on the disk become one request. It is sent when it is full and
 * when sfs_batch_wait is called, which sleeps until everything of it has completed.
 */
#ifndef SECTOR0_FS_IO_H
#define SECTOR0_FS_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "include/blk.h"

struct sfs;

#define SFS_BATCH_REQS 8
#define SFS_BATCH_SEGS 128

/* 4 KiB, too big for a stack: allocate it with what it serves. One thread uses it at a time. */
struct sfs_batch {
    struct sfs *fs;
    enum blk_op op;
    enum blk_class cls;  /* of what is added; may be changed between two pieces */
    uint32_t reqs, segs; /* in use */
    int error;           /* the first one */
    struct blk_req req[SFS_BATCH_REQS];
    struct blk_seg seg[SFS_BATCH_SEGS];
};

/* Begin an empty batch of reads or writes. */
void sfs_batch_start(struct sfs_batch *batch, struct sfs *fs, enum blk_op op, enum blk_class cls);

/*
 * Add COUNT blocks from BLOCK on; MEMORY (COUNT blocks, whole) must stay until sfs_batch_wait. May
 * sleep, for what was added before. Pieces of one batch must not overlap.
 */
void sfs_batch_add(struct sfs_batch *batch, uint64_t block, uint32_t count, void *memory);

/* Sleep until everything has completed; the batch is then empty. Returns 0, or EIO. */
int sfs_batch_wait(struct sfs_batch *batch);

/* A block on its way to the disk. */
struct sfs_piece {
    uint64_t block;
    union {
        void *data;
        uint64_t from; /* recovery: the block that has its contents */
    };
    union {
        void *owner;  /* whatever the caller wants to find there */
        uint64_t seq; /* recovery: of the transaction */
    };
};

/* Sort COUNT pieces by block. */
void sfs_pieces_sort(struct sfs_piece *piece, uint32_t count);
/* Sort them, and write them as one BATCH, so that neighbours become one request. */
int sfs_pieces_write(struct sfs_batch *batch, struct sfs *fs, enum blk_class cls,
                     struct sfs_piece *piece, uint32_t count);

/* COUNT blocks from BLOCK on, now. Returns 0, or EIO. */
int sfs_read_blocks(struct sfs *fs, uint64_t block, uint32_t count, void *memory);
int sfs_write_blocks(struct sfs *fs, enum blk_class cls, uint64_t block, uint32_t count,
                     void *memory);

/* F: flush the device if a write has completed since the last flush was submitted. EIO. */
int sfs_io_flush(struct sfs *fs);

/* Has a flush covered the first COUNT writes that have completed? */
bool sfs_io_covered(struct sfs *fs, uint64_t count);

#endif
