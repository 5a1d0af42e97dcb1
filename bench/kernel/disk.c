/*
 * disk.c - `bench disk`: how much a disk does in a second, with the requests of disk_work.h, and
 * what each of them costs in accesses to the device. Requests go the way that a file system's go.
 *
 *   BENCH disk_<workload> <value> <unit> requests=<n> us=<n> accesses=<n> kicks=<n> interrupts=<n>
 *
 * The last three are per operation. Only a scratch disk is written to.
 */
#include "bench/disk_work.h"
#include "bench/kernel/bench.h"
#include "drivers/block.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/heap.h"
#include "kernel/printf.h"
#include "kernel/string.h"
#include "tests/kernel/scratch.h"

#define NAME_SIZE 32
#define PAGE      4096

struct slot {
    struct blk_req req;
    struct blk_seg seg;
    bool busy;       /* submitted, and its end not noticed yet */
    uint32_t number; /* how many were submitted before */
};

/* One measurement; in the heap, since it is large for a stack. */
struct trial {
    struct block_device *device;
    struct blk_dev *dev; /* the same */
    const struct disk_work *work;
    struct disk_walk walk;
    char *memory; /* DISK_BLOCK_MAX bytes: as many blocks as are in flight */
    uint64_t memory_phys;
    struct slot slot[DISK_DEPTH_MAX];
    uint32_t submitted; /* operations */
    int error;          /* the first */
    uint64_t error_lba;
};

/* Keep the first error. Returns whether STATUS is none. */
static bool check(struct trial *trial, int status, uint64_t lba)
{
    if (status != 0 && trial->error == 0) {
        trial->error = status;
        trial->error_lba = lba;
    }
    return status == 0;
}

/* Let SLOT move SIZE bytes at byte OFFSET of the disk, PLACE bytes into the memory. */
static void prepare(struct trial *trial, struct slot *slot, uint64_t offset, uint32_t place,
                    uint32_t size)
{
    slot->seg = (struct blk_seg){trial->memory + place, trial->memory_phys + place, size};
    slot->req = (struct blk_req){
        .op = trial->work->write ? BLK_WRITE : BLK_READ,
        .nseg = 1,
        .lba = offset / BLK_SECTOR,
        .nsect = size / BLK_SECTOR,
        .seg = &slot->seg,
    };
}

static bool submit(struct trial *trial, struct blk_req *list)
{
    return check(trial, trial->dev->ops->submit(trial->dev, list), list->lba);
}

static bool wait(struct trial *trial, struct blk_req *req)
{
    return check(trial, trial->dev->ops->wait(trial->dev, req), req->lba);
}

/* ---- One operation at a time ------------------------------------------------------------------
 */

/* A block is as many requests as the device needs for it, submitted together. */
static bool do_block(struct trial *trial, uint64_t offset)
{
    uint64_t longest = (uint64_t)trial->dev->max_sect * BLK_SECTOR;
    uint32_t block = trial->work->block, count = 0;
    bool good = true;

    for (uint32_t place = 0; place < block && count < DISK_DEPTH_MAX; count++) {
        uint32_t size = block - place < longest ? block - place : (uint32_t)longest;

        prepare(trial, &trial->slot[count], offset + place, place, size);
        if (count > 0) {
            trial->slot[count - 1].req.next = &trial->slot[count].req;
        }
        place += size;
    }
    if (!submit(trial, &trial->slot[0].req)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        good = wait(trial, &trial->slot[i].req) && good;
    }
    return good;
}

static bool do_flush(struct trial *trial)
{
    struct blk_req *req = &trial->slot[0].req;

    *req = (struct blk_req){.op = BLK_FLUSH};
    return submit(trial, req) && wait(trial, req);
}

static void run_one_by_one(struct trial *trial)
{
    bool good = true;

    for (uint32_t i = 0; i < trial->work->requests && good; i++) {
        good = do_block(trial, disk_walk_next(&trial->walk, trial->work)) &&
               (!trial->work->flush || do_flush(trial));
    }
}

/* ---- Several at a time ------------------------------------------------------------------------
 */

/* Note that SLOT's request has ended, if so, and give it a new one, if there is any. Returns
 * whether it has to be submitted. */
static bool renew(struct trial *trial, struct slot *slot)
{
    uint32_t block = trial->work->block;
    uint32_t place = (uint32_t)(slot - trial->slot) * block;

    if (slot->busy && slot->req.status == BLK_PENDING) {
        return false;
    }
    if (slot->busy) {
        check(trial, slot->req.status, slot->req.lba);
    }
    slot->busy = trial->submitted < trial->work->requests && trial->error == 0;
    if (slot->busy) {
        prepare(trial, slot, disk_walk_next(&trial->walk, trial->work), place, block);
        slot->number = trial->submitted++;
    }
    return slot->busy;
}

/*
 * Replace what has ended by new requests, all of them submitted at once, and wait until the oldest
 * has ended. Returns false when there is nothing to wait for any more.
 */
static bool turn(struct trial *trial)
{
    struct blk_req *list = NULL;
    struct slot *oldest = NULL;

    for (uint32_t i = 0; i < trial->work->depth; i++) {
        struct slot *slot = &trial->slot[i];

        if (renew(trial, slot)) {
            slot->req.next = list;
            list = &slot->req;
        }
        if (slot->busy && (oldest == NULL || slot->number < oldest->number)) {
            oldest = slot;
        }
    }
    if (list != NULL && !submit(trial, list)) {
        return false;
    }
    if (oldest != NULL) {
        wait(trial, &oldest->req);
    }
    return oldest != NULL;
}

/* After an error: the memory is the device's until everything has ended. */
static void wait_for_all(struct trial *trial)
{
    for (uint32_t i = 0; i < DISK_DEPTH_MAX; i++) {
        if (trial->slot[i].busy && trial->slot[i].req.status == BLK_PENDING) {
            wait(trial, &trial->slot[i].req);
        }
    }
}

static void run_deep(struct trial *trial)
{
    while (turn(trial)) {
    }
    wait_for_all(trial);
}

/* ---- Workloads --------------------------------------------------------------------------------
 */

/* COUNT for each of the workload's operations, with two decimals. */
static void print_each(const char *what, uint64_t count, const struct disk_work *work)
{
    uint64_t hundredths = (count * 100 + work->requests / 2) / work->requests;

    kprintf(" %s=%llu.%02u", what, (unsigned long long)(hundredths / 100),
            (unsigned)(hundredths % 100));
}

static void report(const char *name, const struct trial *trial, uint64_t nanos,
                   const struct block_stats *before)
{
    const struct block_stats *after = &trial->device->stats;
    uint64_t tenths = disk_work_tenths(trial->work, nanos);

    kprintf("BENCH %s %llu.%u %s requests=%u us=%llu", name, (unsigned long long)(tenths / 10),
            (unsigned)(tenths % 10), disk_work_unit(trial->work), trial->work->requests,
            (unsigned long long)(nanos / 1000));
    print_each("accesses", after->accesses - before->accesses, trial->work);
    print_each("kicks", after->kicks - before->kicks, trial->work);
    print_each("interrupts", after->interrupts - before->interrupts, trial->work);
    kprintf("\n");
}

static bool measure(struct trial *trial, const struct disk_work *work)
{
    uint64_t size = trial->dev->nsect * BLK_SECTOR;
    struct block_stats before = trial->device->stats;
    char name[NAME_SIZE], problem[2 * NAME_SIZE];
    uint64_t start;

    format_string(name, sizeof(name), "disk_%s", work->name);
    trial->work = work;
    trial->walk = disk_walk_start(work, size < DISK_SPAN ? size : DISK_SPAN);
    trial->submitted = 0;
    start = clock_nanos();
    (work->depth > 1 ? run_deep : run_one_by_one)(trial);
    if (trial->error != 0) {
        format_string(problem, sizeof(problem), "%s at sector %llu", blk_error_name(trial->error),
                      (unsigned long long)trial->error_lba);
        return bench_failed(name, problem);
    }
    report(name, trial, clock_nanos() - start, &before);
    return true;
}

static void fill_memory(struct trial *trial)
{
    memset(trial->memory, DISK_FILL, DISK_BLOCK_MAX);
    for (uint32_t place = 0; place < DISK_BLOCK_MAX; place += PAGE) {
        memcpy(trial->memory + place, SCRATCH_MARK, SCRATCH_MARK_SIZE);
    }
}

static bool measure_all(struct block_device *device)
{
    struct trial *trial = kcalloc(1, sizeof(*trial));
    bool good = trial != NULL;

    if (good) {
        trial->device = device;
        trial->dev = &device->dev;
        trial->memory = dma_alloc(DISK_BLOCK_MAX, &trial->memory_phys);
        good = trial->memory != NULL;
    }
    if (!good) {
        kfree(trial);
        return bench_failed("disk", "not enough memory");
    }
    for (size_t i = 0; i < DISK_WORKS && good; i++) {
        fill_memory(trial); /* what was read has no marks, if nobody had ever written it */
        good = measure(trial, &disk_works[i]);
    }
    dma_free(trial->memory, DISK_BLOCK_MAX);
    kfree(trial);
    return good;
}

/* ---- Which disk -------------------------------------------------------------------------------
 */

static bool is_scratch(struct block_device *device)
{
    char sector[BLK_SECTOR];

    return device->whole == NULL && device->dev.nsect * BLK_SECTOR >= 2 * DISK_BLOCK_MAX &&
           block_read(device, 0, 1, sector) == 0 &&
           memcmp(sector, SCRATCH_MARK, SCRATCH_MARK_SIZE) == 0;
}

bool bench_disk(const char *name)
{
    struct block_device *device = NULL;

    if (name != NULL) {
        device = block_find(name);
        if (device == NULL) {
            return bench_failed(name, "there is no disk of that name");
        }
        if (!is_scratch(device)) {
            return bench_failed(
                name, "it would be overwritten, and does not begin with \"" SCRATCH_MARK "\"");
        }
        return measure_all(device);
    }
    while ((device = block_next(device)) != NULL && !is_scratch(device)) {
    }
    return device != NULL ? measure_all(device)
                          : bench_failed("disk", "no disk begins with \"" SCRATCH_MARK "\"");
}
