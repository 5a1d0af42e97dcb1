/* disk.c - see disk.h: the disk. */
#include "tests/fakes/disk.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/address.h"

static struct fake_disk *of(struct block_device *device)
{
    assert_true(spin_is_locked(&device->lock));
    return device->driver_data;
}

static int result_of(struct fake_disk *disk, const struct blk_req *req)
{
    if (req->op == BLK_FLUSH) {
        if (disk->flush_fails > 0) {
            disk->flush_fails--;
            return BLK_EIO;
        }
        return 0;
    }
    if (disk->bad_times > 0 && req->lba <= disk->bad_lba && disk->bad_lba < req->lba + req->nsect) {
        disk->bad_times -= disk->bad_times != UINT32_MAX;
        return disk->bad_status;
    }
    return 0;
}

/* The data of REQ, by physical addresses. */
static void move_data(struct fake_disk *disk, const struct blk_req *req)
{
    uint8_t *at = disk->contents + req->lba * BLK_SECTOR;

    assert_true(req->lba + req->nsect <= disk->device.dev.nsect);
    for (unsigned i = 0; i < req->nseg; i++) {
        const struct blk_seg *seg = &req->seg[i];

        if (req->op == BLK_READ) {
            memcpy(phys_to_virt(seg->pa), at, seg->len);
        } else {
            memcpy(at, phys_to_virt(seg->pa), seg->len);
        }
        at += seg->len;
    }
}

void fake_disk_finish(struct fake_disk *disk, unsigned index)
{
    struct blk_req *req = disk->slot[index];

    assert_true(index < disk->used);
    if (disk->finished[index]) {
        return;
    }
    disk->result[index] = result_of(disk, req);
    if (disk->result[index] == 0 && req->op != BLK_FLUSH) {
        move_data(disk, req);
    }
    disk->finished[index] = true;
}

void fake_disk_finish_all(struct fake_disk *disk)
{
    for (unsigned i = 0; i < disk->used; i++) {
        fake_disk_finish(disk, i);
    }
}

void fake_disk_work(struct fake_disk *disk)
{
    fake_disk_finish_all(disk);
    block_interrupt(&disk->device);
}

static void give(struct fake_disk *disk, struct blk_req *req)
{
    assert_true(disk->used < FAKE_DISK_SLOTS);
    disk->slot[disk->used] = req;
    disk->finished[disk->used++] = false;
    disk->order[disk->taken++ % 4096] = req->op == BLK_FLUSH ? UINT64_MAX : req->lba;
    disk->device.stats.accesses++;
}

static void remove_slot(struct fake_disk *disk, unsigned index)
{
    disk->used--;
    memmove(&disk->slot[index], &disk->slot[index + 1],
            (disk->used - index) * sizeof(disk->slot[0]));
    memmove(&disk->finished[index], &disk->finished[index + 1], disk->used - index);
    memmove(&disk->result[index], &disk->result[index + 1],
            (disk->used - index) * sizeof(disk->result[0]));
}

static void collect(struct block_device *device, int budget)
{
    struct fake_disk *disk = of(device);

    disk->looks++;
    disk->silent_looks += disk->silent;
    if (disk->when_looked_at) {
        fake_disk_finish_all(disk);
    }
    for (unsigned i = 0; i < disk->used && budget > 0;) {
        if (!disk->finished[i]) {
            i++;
            continue;
        }
        struct blk_req *req = disk->slot[i];
        int result = disk->result[i];

        remove_slot(disk, i);
        block_complete(device, req, result);
        budget--;
    }
}

/* Take one request, and those that go on where it ends. */
static bool take(struct fake_disk *disk)
{
    struct block_device *device = &disk->device;
    struct blk_req *req = block_take(device);

    if (req == NULL) {
        return false;
    }
    if (disk->put_back_once > 0) {
        disk->put_back_once--;
        block_put_back(device, req);
        return false;
    }
    uint32_t sectors = req->nsect, segments = req->nseg;

    give(disk, req);
    while (disk->used < disk->depth && sectors < disk->merge_sectors &&
           (req = block_take_next(device, req, disk->merge_sectors - sectors,
                                  disk->merge_segments - segments)) != NULL) {
        sectors += req->nsect;
        segments += req->nseg;
        give(disk, req);
    }
    return true;
}

static void run(struct block_device *device)
{
    struct fake_disk *disk = of(device);
    unsigned before = disk->taken;

    disk->runs++;
    while (!disk->lazy && disk->used < disk->depth && take(disk)) {
        if (disk->at_once) {
            fake_disk_finish_all(disk);
            collect(device, INT32_MAX);
        }
    }
    disk->kicks += disk->taken != before;
}

static bool listen(struct block_device *device, bool on)
{
    struct fake_disk *disk = of(device);

    assert_true(fake_preempt_off > 0);
    disk->silent = !on;
    if (on && disk->found_by_listen > 0) {
        disk->found_by_listen--;
        fake_disk_finish_all(disk);
        return true;
    }
    return false;
}

static bool reset(struct block_device *device)
{
    struct fake_disk *disk = device->driver_data;

    assert_false(spin_is_locked(&device->lock));
    disk->resets++;
    disk->used = 0;
    disk->silent = false;
    if (disk->in_reset != NULL) {
        disk->in_reset(disk);
    }
    return disk->reset_works;
}

static const struct block_driver driver = {
    .name = "fake", .run = run, .collect = collect, .listen = listen, .reset = reset};

void fake_disk_make(struct fake_disk *disk, uint64_t sectors)
{
    memset(disk, 0, sizeof(*disk));
    disk->contents = calloc(sectors, BLK_SECTOR);
    disk->depth = FAKE_DISK_SLOTS;
    disk->reset_works = true;
    disk->bad_status = BLK_EIO;
    disk->device = (struct block_device){.dev = {.nsect = sectors,
                                                 .lbs = BLK_SECTOR,
                                                 .max_seg = 16,
                                                 .max_sect = 256,
                                                 .queue_depth = FAKE_DISK_SLOTS,
                                                 .volatile_cache = true},
                                         .driver = &driver,
                                         .driver_data = disk,
                                         .model = "fake",
                                         .how = "by hand",
                                         .retries = 3};
}

void fake_disk_release(struct fake_disk *disk)
{
    free(disk->contents);
}

void fake_disk_start(struct fake_disk *disk, uint64_t sectors)
{
    struct block_device *device = &disk->device;

    fake_kernel_reset();
    fake_disk_make(disk, sectors);
    disk->at_once = true; /* somebody reads the partition table */
    block_register(device, "fake");
    disk->at_once = false;
    disk->runs = disk->kicks = disk->taken = disk->looks = disk->silent_looks = 0;
    device->dev.reads = device->dev.sectors_read = 0;
    memset(&device->stats, 0, sizeof(device->stats));
    memset(&device->patience, 0, sizeof(device->patience));
}

void fake_disk_end(struct fake_disk *disk)
{
    assert_int_equal(spin_locks_held(), 0);
    assert_int_equal(fake_preempt_off, 0);
    fake_disk_release(disk);
}
