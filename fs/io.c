/*
 * io.c - see io.h. What a request may be (segments, sectors) is the device's to say; a batch cuts
 * its pieces to that.
 *
 * The flush rule, which everything that is called durable rests on: a flush covers the writes that
 * had COMPLETED when it was submitted. So writes are counted as they complete, the count is read
 * before the flush is submitted, and that number is what the flush has covered when it returns.
 */
#include "fs/io.h"

#include "fs/volume.h"

/* Waiting goes by request, so there is nothing left to say when one is done. */
static void done(struct blk_req *req)
{
    (void)req;
}

/* A write has completed: before anybody is told that it is done. */
static void count_write(struct sfs *fs)
{
    port_mutex_lock(fs->lock);
    fs->io_completed++;
    port_mutex_unlock(fs->lock);
}

void sfs_batch_start(struct sfs_batch *batch, struct sfs *fs, enum blk_op op, enum blk_class cls)
{
    batch->fs = fs;
    batch->op = op;
    batch->cls = cls;
    batch->reqs = batch->segs = 0;
    batch->error = 0;
}

/* Send what has been gathered, and sleep until it is done. */
static void batch_send(struct sfs_batch *batch)
{
    struct blk_dev *dev = batch->fs->dev;

    if (batch->reqs == 0) {
        return;
    }
    for (uint32_t i = 0; i < batch->reqs; i++) {
        batch->req[i].next = i + 1 < batch->reqs ? &batch->req[i + 1] : NULL;
    }
    if (dev->ops->submit(dev, batch->req) < 0) {
        batch->error = SFS_EIO;
    } else {
        for (uint32_t i = 0; i < batch->reqs; i++) {
            if (dev->ops->wait(dev, &batch->req[i]) < 0) {
                batch->error = SFS_EIO;
            }
            if (batch->op == BLK_WRITE) {
                count_write(batch->fs);
            }
        }
    }
    batch->reqs = batch->segs = 0;
}

/* Can SECTORS more, from LBA on, go into the batch's last request? */
static bool fits(const struct sfs_batch *batch, uint64_t lba, uint32_t sectors)
{
    const struct blk_dev *dev = batch->fs->dev;

    if (batch->reqs == 0 || batch->segs == SFS_BATCH_SEGS) {
        return false;
    }
    const struct blk_req *last = &batch->req[batch->reqs - 1];

    return last->cls == batch->cls && last->lba + last->nsect == lba && last->nseg < dev->max_seg &&
           last->nsect + sectors <= dev->max_sect;
}

/* Append memory to the last request: to its last segment, if it follows that one. */
static void append(struct sfs_batch *batch, uint8_t *memory, uint32_t sectors)
{
    struct blk_req *req = &batch->req[batch->reqs - 1];
    struct blk_seg *last = req->nseg > 0 ? &req->seg[req->nseg - 1] : NULL;

    if (last != NULL && (uint8_t *)last->va + last->len == memory) {
        last->len += sectors * BLK_SECTOR;
    } else {
        req->seg[req->nseg++] = (struct blk_seg){memory, 0, sectors * BLK_SECTOR};
        batch->segs++;
    }
    req->nsect += sectors;
}

static void add_piece(struct sfs_batch *batch, uint64_t lba, uint32_t sectors, uint8_t *memory)
{
    if (!fits(batch, lba, sectors)) {
        if (batch->reqs == SFS_BATCH_REQS || batch->segs == SFS_BATCH_SEGS) {
            batch_send(batch);
        }
        batch->req[batch->reqs++] = (struct blk_req){.op = (uint8_t)batch->op,
                                                     .cls = (uint8_t)batch->cls,
                                                     .lba = lba,
                                                     .seg = &batch->seg[batch->segs],
                                                     .done = done};
    }
    append(batch, memory, sectors);
}

/* Blocks that one request may have. */
static uint32_t blocks_at_once(const struct sfs *fs)
{
    uint32_t most = fs->dev->max_sect / fs->sectors;

    return most > 0 ? most : 1;
}

void sfs_batch_add(struct sfs_batch *batch, uint64_t block, uint32_t count, void *memory)
{
    const struct sfs *fs = batch->fs;
    uint32_t most = blocks_at_once(fs);
    uint8_t *at = memory;

    while (count > 0) {
        uint32_t now = count < most ? count : most;

        add_piece(batch, block * fs->sectors, now * fs->sectors, at);
        block += now;
        count -= now;
        at += (size_t)now * fs->bs;
    }
}

int sfs_batch_wait(struct sfs_batch *batch)
{
    batch_send(batch);
    return batch->error;
}

/* ---- Sorted ---- */

/* Shell's: what is to be sorted here is little, and often in order. */
void sfs_pieces_sort(struct sfs_piece *piece, uint32_t count)
{
    for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < count; i++) {
            struct sfs_piece moved = piece[i];
            uint32_t j = i;

            for (; j >= gap && piece[j - gap].block > moved.block; j -= gap) {
                piece[j] = piece[j - gap];
            }
            piece[j] = moved;
        }
    }
}

int sfs_pieces_write(struct sfs_batch *batch, struct sfs *fs, enum blk_class cls,
                     struct sfs_piece *piece, uint32_t count)
{
    sfs_pieces_sort(piece, count);
    sfs_batch_start(batch, fs, BLK_WRITE, cls);
    for (uint32_t i = 0; i < count; i++) {
        sfs_batch_add(batch, piece[i].block, 1, piece[i].data);
    }
    return sfs_batch_wait(batch);
}

/* ---- Without a batch ---- */

static int transfer(struct sfs *fs, struct blk_req *req)
{
    if (fs->dev->ops->submit(fs->dev, req) < 0 || fs->dev->ops->wait(fs->dev, req) < 0) {
        return SFS_EIO;
    }
    return 0;
}

/* Without a batch, one request after the other: needs no memory. */
static int blocks(struct sfs *fs, enum blk_op op, enum blk_class cls, uint64_t block,
                  uint32_t count, void *memory)
{
    uint32_t most = blocks_at_once(fs);
    int error = 0;

    for (uint32_t now; count > 0 && error == 0; count -= now, block += now) {
        now = count < most ? count : most;
        struct blk_seg seg = {memory, 0, now * fs->bs};
        struct blk_req req = {.op = (uint8_t)op,
                              .cls = (uint8_t)cls,
                              .nseg = 1,
                              .seg = &seg,
                              .lba = block * fs->sectors,
                              .nsect = now * fs->sectors,
                              .done = done};

        error = transfer(fs, &req);
        if (op == BLK_WRITE) {
            count_write(fs);
        }
        memory = (uint8_t *)memory + (size_t)now * fs->bs;
    }
    return error;
}

int sfs_read_blocks(struct sfs *fs, uint64_t block, uint32_t count, void *memory)
{
    return blocks(fs, BLK_READ, BLK_CLASS_NONE, block, count, memory);
}

int sfs_write_blocks(struct sfs *fs, enum blk_class cls, uint64_t block, uint32_t count,
                     void *memory)
{
    return blocks(fs, BLK_WRITE, cls, block, count, memory);
}

static uint64_t writes_completed(struct sfs *fs)
{
    port_mutex_lock(fs->lock);
    uint64_t count = fs->io_completed;
    port_mutex_unlock(fs->lock);
    return count;
}

bool sfs_io_covered(struct sfs *fs, uint64_t count)
{
    port_mutex_lock(fs->lock);
    bool covered = fs->io_flushed >= count;
    port_mutex_unlock(fs->lock);
    return covered;
}

/* Whoever waits for the lock while another flushes may find that it was done for him as well. */
int sfs_io_flush(struct sfs *fs)
{
    uint64_t wanted = writes_completed(fs);
    int error = 0;

    port_mutex_lock(fs->flush_lock);
    if (!sfs_io_covered(fs, wanted)) {
        uint64_t covered = writes_completed(fs);

        if (fs->dev->volatile_cache) {
            struct blk_req req = {.op = BLK_FLUSH, .done = done};

            error = transfer(fs, &req);
        }
        if (error == 0) {
            port_mutex_lock(fs->lock);
            fs->io_flushed = SFS_RULE(FLUSH_COVERS_COMPLETED) ? covered : fs->io_completed;
            port_mutex_unlock(fs->lock);
        }
    }
    port_mutex_unlock(fs->flush_lock);
    return error;
}
