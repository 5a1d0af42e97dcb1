/*
 * ramdisk.c - see ramdisk.h.
 *
 * Like a real disk it finishes requests later, and from elsewhere: run only notes them, the thread
 * "work" copies. Between two requests the lock is free, so that interrupts are not kept off for
 * longer than one request takes; hence the small max_sect. Who looks for the end by himself
 * (poll, wait) copies in his own context.
 */
#include "drivers/ramdisk.h"

#include "drivers/block.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/vmap.h"
#include "kernel/sched/work.h"
#include "kernel/string.h"

#define DEPTH       64  /* requests in flight */
#define MAX_SECTORS 256 /* of a request: some 20 microseconds */
#define MAX_SEGS    64

struct ramdisk {
    struct work work; /* first: work.h gives it back */
    struct block_device device;
    char *memory;
    struct blk_req *ring[DEPTH]; /* taken, not yet done; guarded by the device's lock */
    unsigned first, count;
};

static void copy(struct ramdisk *disk, const struct blk_req *req)
{
    char *at = disk->memory + req->lba * BLK_SECTOR;

    for (unsigned i = 0; req->op != BLK_FLUSH && i < req->nseg; i++) {
        const struct blk_seg *seg = &req->seg[i];

        if (req->op == BLK_READ) {
            memcpy(seg->va, at, seg->len);
        } else {
            memcpy(at, seg->va, seg->len);
        }
        at += seg->len;
    }
}

static void collect(struct block_device *device, int budget)
{
    struct ramdisk *disk = device->driver_data;

    for (; disk->count > 0 && budget > 0; budget--) {
        struct blk_req *req = disk->ring[disk->first];

        disk->first = (disk->first + 1) % DEPTH;
        disk->count--;
        copy(disk, req);
        block_complete(device, req, 0);
    }
}

static void run(struct block_device *device)
{
    struct ramdisk *disk = device->driver_data;
    struct blk_req *req;

    while (disk->count < DEPTH && (req = block_take(device)) != NULL) {
        disk->ring[(disk->first + disk->count++) % DEPTH] = req;
    }
    if (disk->count > 0) {
        work_queue(&disk->work);
    }
}

static void work(struct work *self)
{
    struct blk_dev *dev = &((struct ramdisk *)self)->device.dev;

    while (dev->ops->poll(dev, 1) > 0) {
    }
}

/* Memory is never slow; but what was taken can be forgotten. */
static bool reset(struct block_device *device)
{
    struct ramdisk *disk = device->driver_data;

    disk->count = 0;
    return true;
}

static const struct block_driver driver = {
    .name = "ramdisk", .run = run, .collect = collect, .reset = reset};

static bool memory_is_enough(uint64_t sectors)
{
    struct frame_stats frames;

    frame_get_stats(&frames);
    return sectors <= frames.free / 4 * 3 * (FRAME_SIZE / BLK_SECTOR);
}

struct block_device *ramdisk_create(uint64_t sectors)
{
    struct ramdisk *disk = NULL;

    if (sectors > 0 && memory_is_enough(sectors)) {
        disk = kcalloc(1, sizeof(*disk));
    }
    if (disk == NULL || (disk->memory = vmalloc(sectors * BLK_SECTOR)) == NULL) {
        kfree(disk);
        return NULL;
    }
    memset(disk->memory, 0, sectors * BLK_SECTOR);
    disk->work.run = work;
    disk->device.dev = (struct blk_dev){.nsect = sectors,
                                        .lbs = BLK_SECTOR,
                                        .max_seg = MAX_SEGS,
                                        .max_sect = MAX_SECTORS,
                                        .queue_depth = DEPTH};
    disk->device.driver = &driver;
    disk->device.driver_data = disk;
    disk->device.model = "RAM disk";
    disk->device.how = "memory";
    block_register(&disk->device, "ram");
    return &disk->device;
}
