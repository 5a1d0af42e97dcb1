/*
 * block_sync.c - reading and writing for those who want to wait, from memory of any kind. Memory
 * that a device could not use itself goes through a buffer: at an odd address, in pieces that are
 * not whole blocks of the device, or a part of such a block.
 */
#include "drivers/block_internal.h"

#include "kernel/mm/dma.h"
#include "kernel/string.h"

#define ALIGNMENT     4  /* of memory that any device can use */
#define PIECES        32 /* of memory, in one request */
#define BOUNCE_SECTOR 128

static int transfer(struct block_device *device, struct blk_req *req)
{
    struct blk_dev *dev = &device->dev;
    int status = dev->ops->submit(dev, req);

    return status != 0 ? status : dev->ops->wait(dev, req);
}

/* COUNT sectors without detours. Returns false if BUFFER is not fit for that. */
static bool transfer_direct(struct block_device *device, enum blk_op op, uint64_t lba,
                            uint32_t count, void *buffer, int *status)
{
    const uint32_t lbs = device->dev.lbs;
    struct blk_seg seg[PIECES];
    unsigned max = device->dev.max_seg < PIECES ? device->dev.max_seg : PIECES;
    struct blk_req req = {.op = op, .lba = lba, .nsect = count, .seg = seg};

    if ((uintptr_t)buffer % ALIGNMENT != 0 || (lba | count) % (lbs / BLK_SECTOR) != 0) {
        return false;
    }
    req.nseg = block_segments(buffer, (size_t)count * BLK_SECTOR, seg, max);
    for (unsigned i = 0; i < req.nseg; i++) {
        if (seg[i].len % lbs != 0) {
            return false;
        }
    }
    if (req.nseg != 0) {
        *status = transfer(device, &req);
    }
    return req.nseg != 0;
}

/* The same through a buffer of SECTORS, for the blocks that hold the COUNT sectors from LBA on. */
static int transfer_bounced(struct block_device *device, enum blk_op op, uint64_t lba,
                            uint32_t count, void *buffer, uint32_t sectors)
{
    const uint32_t unit = device->dev.lbs / BLK_SECTOR;
    const uint32_t skip = (uint32_t)(lba % unit);
    uint64_t phys;
    size_t size = (size_t)sectors * BLK_SECTOR;
    char *bounce = dma_alloc(size, &phys);
    struct blk_seg seg = {bounce, phys, (skip + count + unit - 1) / unit * device->dev.lbs};
    struct blk_req req = {.op = op, .nseg = 1, .lba = lba - skip, .seg = &seg};

    if (bounce == NULL) {
        return BLK_ENOMEM;
    }
    req.nsect = seg.len / BLK_SECTOR;
    if (op == BLK_WRITE) {
        memcpy(bounce, buffer, (size_t)count * BLK_SECTOR);
    }
    int status = transfer(device, &req);

    if (op == BLK_READ && status == 0) {
        memcpy(buffer, bounce + (size_t)skip * BLK_SECTOR, (size_t)count * BLK_SECTOR);
    }
    dma_free(bounce, size);
    return status;
}

/* As many of the COUNT sectors as one request can have; how many is put into *DONE. */
static int transfer_some(struct block_device *device, enum blk_op op, uint64_t lba, uint32_t count,
                         void *buffer, uint32_t *done)
{
    const uint32_t unit = device->dev.lbs / BLK_SECTOR;
    const uint32_t most = device->dev.max_sect / unit * unit;
    const uint32_t sectors = BOUNCE_SECTOR < most ? BOUNCE_SECTOR : most;
    const uint32_t room = sectors - (uint32_t)(lba % unit);
    int status;

    *done = count < most ? count : most;
    if (transfer_direct(device, op, lba, *done, buffer, &status)) {
        return status;
    }
    *done = count < room ? count : room;
    return transfer_bounced(device, op, lba, *done, buffer, sectors);
}

static int transfer_all(struct block_device *device, enum blk_op op, uint64_t lba, uint32_t count,
                        void *buffer)
{
    int status = 0;

    for (uint32_t done; count > 0 && status == 0; lba += done, count -= done) {
        status = transfer_some(device, op, lba, count, buffer, &done);
        buffer = (char *)buffer + (size_t)done * BLK_SECTOR;
    }
    return status;
}

int block_read(struct block_device *device, uint64_t lba, uint32_t count, void *buffer)
{
    return transfer_all(device, BLK_READ, lba, count, buffer);
}

/* A part of a device's block is not written: what else stands in the block could be lost. */
int block_write(struct block_device *device, uint64_t lba, uint32_t count, const void *buffer)
{
    if ((lba | count) % (device->dev.lbs / BLK_SECTOR) != 0) {
        return BLK_EINVAL;
    }
    return transfer_all(device, BLK_WRITE, lba, count, (void *)(uintptr_t)buffer);
}

int block_flush(struct block_device *device)
{
    struct blk_req req = {.op = BLK_FLUSH};

    return transfer(device, &req);
}
