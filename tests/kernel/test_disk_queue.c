/*
 * test_disk_queue.c - real disks with much to do at once: 1 to 64 requests in flight, several disks
 * by several threads, and flushes of which the host can say later whether they came in time
 * (tests/scenario/test_disks.py). Run on every scratch disk that the machine has.
 */
#include "kernel/mm/dma.h"
#include "kernel/mm/heap.h"
#include "kernel/sched/thread.h"
#include "kernel/string.h"
#include "tests/kernel/disks.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/threads.h"

#define DEPTH_MAX    64
#define SLOT_SECTORS 16 /* of each request, at most; and how far apart their places are */

/* One of the requests in flight. Its place on the disk is its own. */
struct slot {
    struct blk_req req;
    struct blk_seg seg;
    uint32_t generation; /* what its place has been written with */
    uint64_t first;
};

struct load {
    struct block_device *disk;
    uint8_t *memory;
    uint64_t phys;
    uint32_t seed;
    volatile uint32_t ended; /* callbacks */
    struct slot slot[DEPTH_MAX];
};

static void count_end(struct blk_req *req)
{
    struct load *load = req->ctx;

    load->ended++; /* one of a disk's callbacks at a time */
}

/* Fill in SLOT's next request: a flush now and then, else a read or write of all or part. */
static void prepare(struct load *load, struct slot *slot, bool write)
{
    uint8_t *memory = load->memory + (size_t)(slot - load->slot) * SLOT_SECTORS * BLK_SECTOR;
    const uint32_t unit = load->disk->dev.lbs / BLK_SECTOR;
    uint32_t count = (1 + random_below(&load->seed, SLOT_SECTORS / unit)) * unit;

    slot->req = (struct blk_req){.op = BLK_FLUSH, .done = count_end, .ctx = load};
    if (!write && random_below(&load->seed, 8) == 0) {
        return;
    }
    if (write) { /* a whole place, so that it is of one generation */
        count = SLOT_SECTORS;
        stamp_sectors(memory, slot->first, count, ++slot->generation);
    } else {
        memset(memory, 0x5A, SLOT_SECTORS * BLK_SECTOR);
    }
    slot->req.op = write ? BLK_WRITE : BLK_READ;
    slot->req.lba = slot->first;
    slot->req.nsect = count;
    slot->req.nseg = 1;
    slot->req.seg = &slot->seg;
    slot->seg = (struct blk_seg){memory, 0, count * BLK_SECTOR};
}

static void wait_and_check(struct load *load, struct slot *slot)
{
    struct block_device *disk = load->disk;
    int status = disk->dev.ops->wait(&disk->dev, &slot->req);

    CHECK(status == 0, "%s: operation %u at %llu: %s", disk->name, slot->req.op,
          (unsigned long long)slot->first, blk_error_name(status));
    for (uint32_t i = 0; slot->req.op == BLK_READ && i < slot->req.nsect; i++) {
        const char *error = stamp_error((uint8_t *)slot->seg.va + i * BLK_SECTOR, slot->first + i,
                                        slot->generation);

        CHECK(error == NULL, "%s: sector %llu is %s", disk->name,
              (unsigned long long)slot->first + i, error);
    }
}

/* DEPTH requests as one list, then one by one what has ended is replaced, oldest or youngest. */
static void keep_in_flight(struct load *load, unsigned depth, unsigned steps)
{
    struct blk_dev *dev = &load->disk->dev;
    const uint32_t before = load->ended;

    for (unsigned i = 0; i < depth; i++) {
        prepare(load, &load->slot[i], true);
        load->slot[i].req.next = i + 1 < depth ? &load->slot[i + 1].req : NULL;
    }
    CHECK(dev->ops->submit(dev, &load->slot[0].req) == 0, "%s: a list of %u", dev->name, depth);
    for (unsigned step = 0; step < steps; step++) {
        struct slot *slot = &load->slot[random_below(&load->seed, depth)];

        wait_and_check(load, slot);
        prepare(load, slot, random_below(&load->seed, 2) == 0);
        CHECK(dev->ops->submit(dev, &slot->req) == 0, "%s: step %u", dev->name, step);
    }
    for (unsigned i = 0; i < depth; i++) {
        wait_and_check(load, &load->slot[i]);
    }
    CHECK(load->ended - before == depth + steps, "%s: %u callbacks for %u requests", dev->name,
          load->ended - before, depth + steps);
}

GUEST_TEST(disk_many_in_flight)
{
    struct load *load = kcalloc(1, sizeof(*load));

    need_scratch_disks(1);
    CHECK(load != NULL, "no memory");
    load->memory = dma_alloc(DEPTH_MAX * SLOT_SECTORS * BLK_SECTOR, &load->phys);
    CHECK(load->memory != NULL, "no memory");
    for (load->disk = NULL; (load->disk = scratch_next(load->disk)) != NULL;) {
        for (unsigned i = 0; i < DEPTH_MAX; i++) {
            load->slot[i].first = SCRATCH_FIRST + i * SLOT_SECTORS;
        }
        for (unsigned depth = 1; depth <= DEPTH_MAX; depth *= 2) {
            keep_in_flight(load, depth, 100);
        }
    }
    dma_free(load->memory, DEPTH_MAX * SLOT_SECTORS * BLK_SECTOR);
    kfree(load);
}

/* ---- Several threads, several disks ---- */

#define THREADS_PER_DISK 3
#define THREADS_MAX      12
#define PART_SECTORS     1024

static void exercise(void *part)
{
    part_exercise(part, 60);
}

/* All of them at once: disks on different drivers, too, if the machine has such. */
GUEST_TEST(disk_many_threads_on_all_disks)
{
    struct thread *thread[THREADS_MAX];
    struct disk_part *part = kcalloc(THREADS_MAX, sizeof(*part));
    unsigned count = 0;

    need_scratch_disks(1);
    CHECK(part != NULL, "no memory");
    for (struct block_device *disk = NULL; (disk = scratch_next(disk)) != NULL;) {
        for (unsigned i = 0; i < THREADS_PER_DISK && count < THREADS_MAX; i++, count++) {
            part_begin(&part[count], disk, SCRATCH_FIRST + i * PART_SECTORS, PART_SECTORS, count);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        thread[i] = start_helper(exercise, &part[i], THREAD_NORMAL);
    }
    for (unsigned i = 0; i < count; i++) {
        thread_join(thread[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        part_end(&part[i]);
    }
    kfree(part);
}

/* ---- Flushes ---- */

#define ROUNDS         8
#define WRITES         8
#define COVERED_FIRST  4096 /* where the host looks for what the flushes of a round cover */
#define UNCOVERED_GAP  1024 /* behind it: what is still in flight then */
#define WRITE_SECTORS  8
#define WRITE_DISTANCE 16

static void submit_writes(struct load *load, unsigned first, uint64_t lba, uint32_t generation)
{
    struct blk_dev *dev = &load->disk->dev;

    for (unsigned i = 0; i < WRITES; i++) {
        struct slot *slot = &load->slot[first + i];
        uint8_t *memory = load->memory + (first + i) * WRITE_SECTORS * BLK_SECTOR;

        slot->first = lba + i * WRITE_DISTANCE;
        stamp_sectors(memory, slot->first, WRITE_SECTORS, generation);
        slot->seg = (struct blk_seg){memory, 0, WRITE_SECTORS * BLK_SECTOR};
        slot->req = (struct blk_req){.op = BLK_WRITE,
                                     .nseg = 1,
                                     .lba = slot->first,
                                     .nsect = WRITE_SECTORS,
                                     .seg = &slot->seg,
                                     .next = i + 1 < WRITES ? &slot[1].req : NULL};
    }
    CHECK(dev->ops->submit(dev, &load->slot[first].req) == 0, "%s", dev->name);
}

static void wait_for_writes(struct load *load, unsigned first)
{
    for (unsigned i = 0; i < WRITES; i++) {
        wait_and_check(load, &load->slot[first + i]);
    }
}

/* Write, wait, flush, with other writes in flight; each round is one generation. */
static void flush_rounds(struct load *load)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        submit_writes(load, 0, COVERED_FIRST, round);
        submit_writes(load, WRITES, COVERED_FIRST + UNCOVERED_GAP, round);
        wait_for_writes(load, 0);
        CHECK(block_flush(load->disk) == 0, "%s: flush %u", load->disk->name, round);
        wait_for_writes(load, WRITES);
    }
}

GUEST_TEST(disk_flushes_what_has_completed)
{
    struct load *load = kcalloc(1, sizeof(*load));

    need_scratch_disks(1);
    CHECK(load != NULL, "no memory");
    load->memory = dma_alloc(2 * WRITES * WRITE_SECTORS * BLK_SECTOR, &load->phys);
    CHECK(load->memory != NULL, "no memory");
    for (load->disk = NULL; (load->disk = scratch_next(load->disk)) != NULL;) {
        uint64_t before = load->disk->dev.flushes;

        flush_rounds(load);
        CHECK(load->disk->dev.flushes == before + ROUNDS, "%s: counted", load->disk->name);
    }
    dma_free(load->memory, 2 * WRITES * WRITE_SECTORS * BLK_SECTOR);
    kfree(load);
}
