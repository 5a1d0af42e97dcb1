/*
 * block_submit.c - taking requests: each is checked before the first is taken, so that a list is
 * taken as a whole or not at all.
 */
#include "drivers/block_internal.h"

#include "kernel/clock.h"

/* Sum up the segments of REQ and find their physical addresses. */
static int check_segments(const struct block_device *device, struct blk_req *req)
{
    uint64_t bytes = 0;

    if (req->nseg == 0 || req->nseg > device->dev.max_seg) {
        return BLK_EINVAL;
    }
    for (unsigned i = 0; i < req->nseg; i++) {
        struct blk_seg *seg = &req->seg[i];

        /* Whatever pa says: what is left there from an earlier use would be a wrong address. */
        if (seg->len == 0 || seg->len % device->dev.lbs != 0 ||
            block_physical(seg->va, seg->len, &seg->pa) < seg->len) {
            return BLK_EINVAL;
        }
        bytes += seg->len;
    }
    return bytes == (uint64_t)req->nsect * BLK_SECTOR ? 0 : BLK_EINVAL;
}

/* Does REQ lie on DEVICE, and on what its DISK has now? */
static bool on_device(const struct block_device *device, const struct block_device *disk,
                      const struct blk_req *req)
{
    uint64_t end = device->dev.nsect;

    if (device != disk) {
        uint64_t left = disk->dev.nsect - device->first_sector;

        left = disk->dev.nsect > device->first_sector ? left : 0;
        end = left < end ? left : end;
    }
    return req->lba < end && req->nsect <= end - req->lba;
}

static int check(const struct block_device *device, const struct block_device *disk,
                 struct blk_req *req)
{
    const uint32_t unit = device->dev.lbs / BLK_SECTOR;

    if (req->op == BLK_FLUSH) {
        return req->nsect == 0 && req->nseg == 0 ? 0 : BLK_EINVAL;
    }
    if (req->op != BLK_READ && req->op != BLK_WRITE) {
        return BLK_EOPNOTSUPP; /* no driver has BLK_DISCARD */
    }
    if (req->op == BLK_WRITE && device->dev.ro) {
        return BLK_EROFS;
    }
    if (!on_device(device, disk, req)) {
        return BLK_ENXIO;
    }
    if (req->nsect == 0 || req->nsect > device->dev.max_sect || (req->lba | req->nsect) % unit) {
        return BLK_EINVAL;
    }
    return check_segments(device, req);
}

static int check_list(const struct block_device *device, const struct block_device *disk,
                      struct blk_req *list)
{
    if (disk->lost) {
        return BLK_ENXIO;
    }
    for (struct blk_req *req = list; req != NULL; req = req->next) {
        int status = check(device, disk, req);

        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/* All of LIST is well. A flush has nothing to do where what has completed is durable. */
static void take_list(struct block_device *device, struct block_device *disk, struct blk_req *list)
{
    const uint64_t now = clock_nanos();
    struct blk_req *next;

    for (struct blk_req *req = list; req != NULL; req = next) {
        next = req->next;
        req->status = BLK_PENDING;
        req->dev = &device->dev;
        req->submitted_ns = now;
        req->tries = 0;
        req->lba += device->first_sector;
        if (req->op == BLK_FLUSH && !disk->dev.volatile_cache) {
            block_finish(disk, req, 0);
        } else {
            block_queue_add(disk, req);
        }
    }
    if (!block_watched && disk->queue_first != NULL) {
        block_watch_begin();
    }
}

static int submit(struct blk_dev *dev, struct blk_req *list)
{
    struct block_device *device = block_of(dev);
    struct block_device *disk = block_disk(device);

    block_enter(disk);
    int status = check_list(device, disk, list);

    if (status == 0) {
        take_list(device, disk, list);
    }
    block_leave(disk);
    return status;
}

static int poll(struct blk_dev *dev, int budget)
{
    struct block_device *disk = block_disk(block_of(dev));

    block_enter(disk);
    int ended = block_collect(disk, budget);

    block_leave(disk);
    return ended;
}

const struct blk_ops block_ops = {submit, poll, block_wait};
