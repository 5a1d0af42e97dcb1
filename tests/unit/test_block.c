/*
 * test_block.c - the block layer over a disk that does what the test says: what is refused, the
 * order of the queue, the end of requests, callbacks, tries, capacity. In all of it the disk reads
 * and writes memory by physical addresses alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/address.h"
#include "tests/fakes/disk.h"

#define SECTORS 4096
#define MANY    1000

static struct fake_disk disk;
static struct blk_dev *dev;
static struct blk_req reqs[MANY];
static struct blk_seg segs[MANY];
static unsigned done_count;
static struct blk_req *done_order[MANY * 2];

static int setup(void **state)
{
    (void)state;
    fake_disk_start(&disk, SECTORS);
    dev = &disk.device.dev;
    memset(reqs, 0, sizeof(reqs));
    done_count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_end(&disk);
    return 0;
}

static void note_done(struct blk_req *req)
{
    assert_int_equal(spin_locks_held(), 0);
    assert_int_equal(req->status != BLK_PENDING, 1);
    done_order[done_count++] = req;
}

/* Request I: COUNT sectors at LBA in memory of its own. */
static struct blk_req *make(unsigned i, enum blk_op op, uint64_t lba, uint32_t count)
{
    segs[i] =
        (struct blk_seg){count > 0 ? fake_memory(count * BLK_SECTOR) : NULL, 0, count * BLK_SECTOR};
    reqs[i] = (struct blk_req){.op = (uint8_t)op,
                               .nseg = op != BLK_FLUSH,
                               .lba = lba,
                               .nsect = count,
                               .seg = &segs[i],
                               .done = note_done,
                               .status = 77};
    return &reqs[i];
}

/* Link COUNT requests from FIRST on, and submit them. */
static int submit(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        reqs[i].next = i + 1 < first + count ? &reqs[i + 1] : NULL;
    }
    return dev->ops->submit(dev, &reqs[first]);
}

static int submit_one(enum blk_op op, uint64_t lba, uint32_t count)
{
    make(0, op, lba, count);
    return submit(0, 1);
}

/* ---- What is refused ---- */

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(dev->ops->submit(dev, NULL), 0);
    assert_int_equal(submit_one(BLK_READ, SECTORS, 1), BLK_ENXIO);
    assert_int_equal(submit_one(BLK_READ, SECTORS - 1, 2), BLK_ENXIO);
    assert_int_equal(submit_one(BLK_READ, UINT64_MAX, 2), BLK_ENXIO);
    assert_int_equal(submit_one(BLK_READ, UINT64_MAX - 1, 2), BLK_ENXIO);
    assert_int_equal(submit_one(BLK_READ, 0, 0), BLK_EINVAL);
    assert_int_equal(submit_one(BLK_WRITE, 0, 257), BLK_EINVAL);
    assert_int_equal(submit_one(BLK_DISCARD, 0, 1), BLK_EOPNOTSUPP);
    assert_int_equal(submit_one((enum blk_op)200, 0, 1), BLK_EOPNOTSUPP);
    assert_int_equal(submit_one(BLK_FLUSH, 0, 1), BLK_EINVAL);
    make(0, BLK_FLUSH, 0, 0)->nseg = 1;
    assert_int_equal(submit(0, 1), BLK_EINVAL);
    dev->ro = true;
    assert_int_equal(submit_one(BLK_WRITE, 0, 1), BLK_EROFS);
    assert_int_equal(submit_one(BLK_READ, 0, 1), 0);
    assert_int_equal(reqs[0].status, BLK_PENDING);
    assert_int_equal(disk.taken, 1);
    fake_disk_work(&disk);
    assert_int_equal(done_count, 1);
}

static void test_bad_segments(void **state)
{
    struct blk_seg many[17];

    (void)state;
    make(0, BLK_WRITE, 0, 4)->nseg = 0;
    assert_int_equal(submit(0, 1), BLK_EINVAL);
    static const uint32_t lengths[] = {0, 1, 511, 513, 1024, 2047, 4096, UINT32_MAX - 511};

    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        make(0, BLK_WRITE, 0, 4);
        segs[0].len = lengths[i];
        assert_int_equal(submit(0, 1), BLK_EINVAL);
    }
    make(0, BLK_WRITE, 0, 4);
    struct blk_seg with_nothing[] = {segs[0], {segs[0].va, 0, 0}};

    reqs[0].seg = with_nothing;
    reqs[0].nseg = 2;
    assert_int_equal(submit(0, 1), BLK_EINVAL);
    make(0, BLK_READ, 0, 17);
    for (unsigned i = 0; i < 17; i++) {
        many[i] = (struct blk_seg){(char *)segs[0].va + i * 512, 0, 512};
    }
    reqs[0].seg = many;
    reqs[0].nseg = 17;
    assert_int_equal(submit(0, 1), BLK_EINVAL);
    reqs[0].nseg = 16;
    reqs[0].nsect = 16;
    assert_int_equal(submit(0, 1), 0);
    fake_disk_work(&disk);

    /* Not mapped; and mapped, but not in one piece. */
    make(0, BLK_READ, 0, 16);
    segs[0].va = (char *)fake_vmalloc(2 * PAGE_SIZE, false) + PAGE_SIZE;
    assert_int_equal(submit(0, 1), BLK_EINVAL);
    segs[0].va = fake_vmalloc(2 * PAGE_SIZE, true);
    assert_int_equal(submit(0, 1), BLK_EINVAL);
    segs[0].va = fake_vmalloc(2 * PAGE_SIZE, false);
    assert_int_equal(submit(0, 1), 0);
    fake_disk_work(&disk);
    assert_int_equal(reqs[0].status, 0);
}

/* Blocks of 4 KiB: everything must be a multiple. */
static void test_large_blocks(void **state)
{
    (void)state;
    dev->lbs = 4096;
    assert_int_equal(submit_one(BLK_READ, 1, 8), BLK_EINVAL);
    assert_int_equal(submit_one(BLK_READ, 8, 7), BLK_EINVAL);
    make(0, BLK_READ, 8, 16);
    struct blk_seg two[] = {{segs[0].va, 0, 512}, {(char *)segs[0].va + 512, 0, 16 * 512 - 512}};

    reqs[0].seg = two;
    reqs[0].nseg = 2;
    assert_int_equal(submit(0, 1), BLK_EINVAL);
    assert_int_equal(submit_one(BLK_READ, 8, 16), 0);
    fake_disk_work(&disk);
    assert_int_equal(done_count, 1);
}

/* One wrong request, wherever it stands, and none is taken. */
static void test_all_or_nothing(void **state)
{
    (void)state;
    for (unsigned wrong = 0; wrong < 5; wrong++) {
        for (unsigned i = 0; i < 5; i++) {
            make(i, BLK_WRITE, i == wrong ? SECTORS : i, 1);
        }
        assert_int_equal(submit(0, 5), BLK_ENXIO);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(reqs[i].status, 77);
        }
    }
    assert_int_equal(disk.taken, 0);
    assert_int_equal(done_count, 0);
    assert_int_equal(dev->writes, 0);
}

/* What pa says from an earlier use must not be believed. */
static void test_stale_address(void **state)
{
    (void)state;
    make(0, BLK_WRITE, 5, 1);
    memset(segs[0].va, 0x5A, 512);
    segs[0].pa = virt_to_phys(segs[0].va) + PAGE_SIZE;
    assert_int_equal(submit(0, 1), 0);
    fake_disk_work(&disk);
    assert_int_equal(disk.contents[5 * 512], 0x5A);
    assert_int_equal(segs[0].pa, virt_to_phys(segs[0].va));
}

/* ---- The queue ---- */

/* Submit requests at LBAS one by one while the disk takes none, then let it, one at a time. */
static void check_order(const uint64_t *lbas, const uint64_t *wanted, unsigned count)
{
    disk.lazy = true;
    for (unsigned i = 0; i < count; i++) {
        make(i, lbas[i] == UINT64_MAX ? BLK_FLUSH : BLK_READ, lbas[i], lbas[i] != UINT64_MAX);
        assert_int_equal(submit(i, 1), 0);
    }
    disk.lazy = false;
    disk.depth = 1;
    disk.taken = 0;
    for (unsigned i = 0; i <= count; i++) {
        fake_disk_work(&disk);
    }
    assert_int_equal(disk.taken, count);
    assert_memory_equal(disk.order, wanted, count * sizeof(wanted[0]));
    assert_int_equal(done_count, count);
    done_count = 0;
}

static void test_first_come_first_served(void **state)
{
    const uint64_t lbas[] = {500, 3, 800, 3, 10, 4000};

    (void)state;
    check_order(lbas, lbas, 6);
}

static void test_flushes_come_first(void **state)
{
    const uint64_t lbas[] = {500, 3, UINT64_MAX, 800};
    const uint64_t wanted[] = {UINT64_MAX, 500, 3, 800};

    (void)state;
    check_order(lbas, wanted, 4);
    disk.device.one_by_one = true;
    disk.device.sweep = 0;
    const uint64_t sorted[] = {UINT64_MAX, 3, 500, 800};

    check_order(lbas, sorted, 4);
}

static void test_elevator(void **state)
{
    const uint64_t lbas[] = {500, 3, 800, 99, 10, 4000, 100, 499};
    const uint64_t wanted[] = {100, 499, 500, 800, 4000, 3, 10, 99};

    (void)state;
    disk.device.one_by_one = true;
    disk.device.sweep = 100;
    check_order(lbas, wanted, 8);
    assert_int_equal(disk.device.sweep, 100);

    /* A request that comes behind the sweep waits for the next one; before it, for its turn. */
    disk.depth = 1;
    disk.device.sweep = 0;
    make(0, BLK_READ, 1000, 1);
    make(1, BLK_READ, 2000, 1);
    assert_int_equal(submit(0, 2), 0);
    make(2, BLK_READ, 500, 1);
    make(3, BLK_READ, 1500, 1);
    make(4, BLK_READ, 1000, 1); /* the same again does not keep the others waiting */
    assert_int_equal(submit(2, 3), 0);
    disk.taken = 0;
    for (unsigned i = 0; i < 6; i++) {
        fake_disk_work(&disk);
    }
    const uint64_t then[] = {1500, 2000, 500, 1000};

    assert_memory_equal(disk.order, then, sizeof(then));
}

static void test_elevator_random(void **state)
{
    uint64_t sweep = 2000;

    (void)state;
    srand(4);
    disk.device.one_by_one = true;
    disk.device.sweep = sweep;
    disk.lazy = true;
    for (unsigned i = 0; i < MANY; i++) {
        make(i, BLK_READ, (uint64_t)rand() % SECTORS, 1);
        assert_int_equal(submit(i, 1), 0);
    }
    disk.lazy = false;
    disk.depth = 1;
    disk.taken = 0;
    while (done_count < MANY) {
        fake_disk_work(&disk);
    }
    for (unsigned i = 1; i < MANY; i++) {
        /* Each is as far or further from where the sweep began than the one before; but for those
         * at the sector of the one before, all others only once round. */
        assert_true((disk.order[i] + SECTORS - sweep) % SECTORS >=
                    (disk.order[i - 1] + SECTORS - sweep) % SECTORS);
    }
}

static void test_merging(void **state)
{
    (void)state;
    disk.merge_sectors = 8;
    disk.merge_segments = 16;
    disk.device.one_by_one = true;
    disk.lazy = true;
    /* 0-3 4-5 6-7 | 8-9 (too many sectors) | write 10 | 12 (a gap) */
    static const struct {
        enum blk_op op;
        uint64_t lba;
        uint32_t count;
    } list[] = {{BLK_READ, 6, 2},   {BLK_READ, 0, 4},  {BLK_READ, 8, 2},
                {BLK_WRITE, 10, 1}, {BLK_READ, 12, 1}, {BLK_READ, 4, 2}};

    for (unsigned i = 0; i < 6; i++) {
        make(i, list[i].op, list[i].lba, list[i].count);
        assert_int_equal(submit(i, 1), 0);
    }
    disk.lazy = false;
    fake_disk_work(&disk);
    assert_int_equal(disk.device.stats.merges, 2);
    fake_disk_work(&disk);
    assert_int_equal(done_count, 6);

    /* Segments count, too. */
    disk.merge_sectors = 256;
    disk.merge_segments = 2;
    disk.device.stats.merges = 0;
    for (unsigned i = 0; i < 3; i++) {
        make(i, BLK_READ, 20 + i, 1);
    }
    assert_int_equal(submit(0, 3), 0);
    assert_int_equal(disk.device.stats.merges, 1);
    fake_disk_work(&disk);
    assert_int_equal(done_count, 9);
}

/* What a driver may take, it asks for with the lock. */
static struct blk_req *take_next(const struct blk_req *previous, uint32_t sectors, uint32_t pieces)
{
    spin_lock(&disk.device.lock);
    struct blk_req *req = block_take_next(&disk.device, previous, sectors, pieces);

    spin_unlock(&disk.device.lock);
    return req;
}

static void test_merging_limits(void **state)
{
    (void)state;
    disk.lazy = true;
    make(0, BLK_READ, 0, 1);
    make(1, BLK_READ, 1, 3);
    assert_int_equal(submit(0, 2), 0);
    spin_lock(&disk.device.lock);
    assert_ptr_equal(block_take(&disk.device), &reqs[0]);
    spin_unlock(&disk.device.lock);
    assert_null(take_next(&reqs[0], 2, 16));
    assert_null(take_next(&reqs[0], 3, 0));
    reqs[1].tries = 1;
    assert_null(take_next(&reqs[0], 3, 1));
    reqs[1].tries = 0;
    reqs[0].tries = 1;
    assert_null(take_next(&reqs[0], 3, 1));
    reqs[0].tries = 0;
    assert_ptr_equal(take_next(&reqs[0], 3, 1), &reqs[1]);
    assert_null(take_next(&reqs[1], 100, 16));
}

static void test_put_back(void **state)
{
    (void)state;
    disk.put_back_once = 1;
    make(0, BLK_READ, 7, 1);
    make(1, BLK_READ, 8, 1);
    assert_int_equal(submit(0, 2), 0);
    assert_int_equal(disk.taken, 0);
    assert_null(disk.device.flight_first);
    fake_disk_work(&disk);
    fake_disk_work(&disk);
    assert_int_equal(disk.order[0], 7);
    assert_int_equal(disk.order[1], 8);
    assert_int_equal(done_count, 2);
}

/* ---- The end of requests ---- */

/* A thousand at once through a device of 64, finished in any order; and every byte is right. */
static void test_many_in_any_order(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < MANY; i++) {
        make(i, i % 2 ? BLK_WRITE : BLK_READ, i * 4, 1 + i % 4);
        memset(segs[i].va, (int)i, segs[i].len);
        memset(disk.contents + i * 4 * 512, (int)(i + 1), 4 * 512);
    }
    uint64_t clock_reads = fake_clock_reads;

    assert_int_equal(submit(0, MANY), 0);
    assert_int_equal(fake_clock_reads, clock_reads + 1);
    assert_int_equal(disk.used, 64);
    while (done_count < MANY) {
        clock_reads = fake_clock_reads;
        for (unsigned i = 0; i < 5; i++) {
            fake_disk_finish(&disk, (unsigned)rand() % disk.used);
        }
        block_interrupt(&disk.device);
        assert_int_equal(fake_clock_reads, clock_reads + 1); /* however many have ended */
    }
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t *memory = segs[i].va, *sector = disk.contents + i * 4 * 512;
        uint8_t wanted = (uint8_t)(i % 2 ? i : i + 1);

        assert_int_equal(reqs[i].status, 0);
        for (unsigned byte = 0; byte < segs[i].len; byte++) {
            assert_int_equal(memory[byte], wanted);
            assert_int_equal(sector[byte], wanted);
        }
    }
    assert_int_equal(dev->reads, MANY / 2);
    assert_int_equal(dev->writes, MANY / 2);
    assert_int_equal(dev->sectors_read + dev->sectors_written, MANY * 10 / 4);
    assert_int_equal(dev->errors, 0);
    uint64_t sum = 0;

    for (unsigned i = 0; i < BLOCK_HISTOGRAM; i++) {
        sum += disk.device.stats.micros[i];
    }
    assert_int_equal(sum, MANY);
    assert_null(disk.device.flight_first);
    assert_null(disk.device.queue_first);
}

static void test_histogram(void **state)
{
    static const struct {
        uint64_t nanos;
        unsigned bucket;
    } cases[] = {{0, 0},          {1000, 1},     {1999, 1},           {2000, 2},
                 {1023999, 10},   {1024000, 11}, {4194303999ull, 22}, {4194304000ull, 23},
                 {1ull << 50, 23}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(submit_one(BLK_READ, 0, 1), 0);
        fake_now = reqs[0].submitted_ns + cases[i].nanos - 100; /* reading the clock takes 100 */
        unsigned before = disk.device.stats.micros[cases[i].bucket];

        fake_disk_work(&disk);
        assert_int_equal(disk.device.stats.micros[cases[i].bucket], before + 1);
    }
}

/* Where what has completed is durable, a flush has nothing to do. */
static void test_flush_without_cache(void **state)
{
    (void)state;
    dev->volatile_cache = false;
    assert_int_equal(submit_one(BLK_FLUSH, 0, 0), 0);
    assert_int_equal(done_count, 1);
    assert_int_equal(reqs[0].status, 0);
    assert_int_equal(disk.taken, 0);
    assert_int_equal(dev->flushes, 1);
}

static unsigned rounds_left;

static void submit_again(struct blk_req *req)
{
    assert_int_equal(spin_locks_held(), 0);
    assert_int_equal(req->status, 0);
    if (rounds_left > 0) {
        rounds_left--;
        req->next = NULL;
        assert_int_equal(dev->ops->submit(dev, req), 0);
    }
}

/* Callbacks that submit do not pile up on the stack, even if all of it ends at once. */
static void test_callback_submits(void **state)
{
    (void)state;
    rounds_left = 300000;
    disk.at_once = true;
    make(0, BLK_READ, 0, 1)->done = submit_again;
    assert_int_equal(submit(0, 1), 0);
    assert_int_equal(rounds_left, 0);
    rounds_left = 300000;
    dev->volatile_cache = false;
    make(0, BLK_FLUSH, 0, 0)->done = submit_again;
    assert_int_equal(submit(0, 1), 0);
    assert_int_equal(rounds_left, 0);
}

/* What 32 callbacks submit one by one is given to the device together. */
static void test_one_kick_for_a_batch(void **state)
{
    (void)state;
    rounds_left = 3200;
    for (unsigned i = 0; i < 32; i++) {
        make(i, BLK_READ, i, 1)->done = submit_again;
    }
    assert_int_equal(submit(0, 32), 0);
    assert_int_equal(disk.kicks, 1);
    for (unsigned round = 1; round <= 100; round++) {
        fake_disk_work(&disk);
        assert_int_equal(disk.kicks, round + 1);
        assert_int_equal(disk.used, 32);
    }
    fake_disk_work(&disk);
    assert_int_equal(disk.used, 0);
    assert_int_equal(disk.device.stats.interrupts, 101);
}

static unsigned nested;

/* An interrupt in the middle of a callback leaves its own to who calls already. */
static void interrupted(struct blk_req *req)
{
    assert_int_equal(nested, 0);
    nested++;
    if (req == &reqs[0]) {
        fake_disk_work(&disk);
        assert_int_equal(reqs[1].status, BLK_PENDING); /* its callback has not run */
    }
    note_done(req);
    nested--;
}

static void test_interrupted_callback(void **state)
{
    (void)state;
    make(0, BLK_READ, 0, 1)->done = interrupted;
    make(1, BLK_READ, 1, 1)->done = interrupted;
    assert_int_equal(submit(0, 2), 0);
    fake_disk_finish(&disk, 0);
    block_interrupt(&disk.device);
    assert_int_equal(done_count, 2);
    assert_ptr_equal(done_order[1], &reqs[1]);
}

static void test_poll_obeys_its_budget(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        make(i, BLK_READ, i, 1)->done = NULL;
    }
    assert_int_equal(submit(0, 10), 0);
    assert_int_equal(dev->ops->poll(dev, 10), 0);
    fake_disk_finish_all(&disk);
    assert_int_equal(dev->ops->poll(dev, 3), 3);
    assert_int_equal(reqs[2].status, 0);
    assert_int_equal(reqs[3].status, BLK_PENDING);
    assert_int_equal(dev->ops->poll(dev, 100), 7);
    assert_int_equal(dev->ops->poll(dev, 100), 0);
}

/* ---- Tries ---- */

static void test_retry_helps(void **state)
{
    (void)state;
    for (unsigned times = 1; times <= 3; times++) {
        disk.bad_lba = 9;
        disk.bad_times = times;
        disk.device.stats.retries = 0;
        done_count = 0;
        assert_int_equal(submit_one(times % 2 ? BLK_READ : BLK_WRITE, 8, 4), 0);
        for (unsigned i = 0; i <= times; i++) {
            assert_int_equal(done_count, 0);
            fake_disk_work(&disk);
        }
        assert_int_equal(done_count, 1);
        assert_int_equal(reqs[0].status, 0);
        assert_int_equal(disk.device.stats.retries, times);
    }
    assert_int_equal(dev->errors, 0);
    assert_int_equal(fake_log_lines(), 0);
}

static void test_retries_end(void **state)
{
    (void)state;
    disk.bad_lba = 9;
    disk.bad_times = UINT32_MAX;
    assert_int_equal(submit_one(BLK_READ, 8, 4), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(done_count, 0);
        fake_disk_work(&disk);
    }
    assert_int_equal(done_count, 1);
    assert_int_equal(reqs[0].status, BLK_EIO);
    assert_int_equal(reqs[0].lba, 8);
    assert_int_equal(dev->errors, 1);
    assert_int_equal(dev->sectors_read, 0);
    assert_true(fake_log_has("fake0: read of 4 sectors at 8: EIO after 4 tries"));
    /* The same request again has all its tries again. */
    assert_int_equal(submit(0, 1), 0);
    for (unsigned i = 0; i < 4; i++) {
        fake_disk_work(&disk);
    }
    assert_int_equal(done_count, 2);
    assert_int_equal(disk.device.stats.retries, 6);
    assert_int_equal(submit_one(BLK_READ, 10, 4), 0);
    fake_disk_work(&disk);
    assert_int_equal(reqs[0].status, 0);
    disk.device.retries = 0;
    assert_int_equal(submit_one(BLK_WRITE, 9, 1), 0);
    fake_disk_work(&disk);
    assert_int_equal(reqs[0].status, BLK_EIO);
}

/* Other errors mean what they say, and a flush that failed has failed. */
static void test_no_retry(void **state)
{
    (void)state;
    disk.bad_times = UINT32_MAX;
    disk.bad_status = BLK_EOPNOTSUPP;
    assert_int_equal(submit_one(BLK_WRITE, 0, 1), 0);
    fake_disk_work(&disk);
    assert_int_equal(reqs[0].status, BLK_EOPNOTSUPP);
    disk.flush_fails = 1;
    assert_int_equal(submit_one(BLK_FLUSH, 0, 0), 0);
    fake_disk_work(&disk);
    assert_int_equal(reqs[0].status, BLK_EIO);
    assert_int_equal(submit_one(BLK_FLUSH, 0, 0), 0);
    fake_disk_work(&disk);
    assert_int_equal(reqs[0].status, 0);
    assert_int_equal(disk.device.stats.retries, 0);
    assert_int_equal(dev->flushes, 2);
    assert_int_equal(dev->errors, 2);
}

/* A request that failed is not merged again: its neighbours succeed without it. */
static void test_bad_sector_spares_neighbours(void **state)
{
    (void)state;
    disk.merge_sectors = 256;
    disk.merge_segments = 16;
    disk.bad_lba = 2;
    disk.bad_times = UINT32_MAX;
    for (unsigned i = 0; i < 5; i++) {
        make(i, BLK_READ, i, 1);
    }
    assert_int_equal(submit(0, 5), 0);
    assert_int_equal(disk.device.stats.merges, 4);
    for (unsigned i = 0; i < 5; i++) {
        fake_disk_work(&disk);
    }
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(reqs[i].status, i == 2 ? BLK_EIO : 0);
    }
    assert_int_equal(disk.device.stats.merges, 4);
}

/* A disk without a single good sector writes some lines, not millions. */
static void test_errors_do_not_flood_the_log(void **state)
{
    (void)state;
    disk.device.retries = 0;
    disk.bad_times = UINT32_MAX;
    disk.at_once = true;
    for (unsigned i = 0; i < 5000; i++) {
        make(0, BLK_READ, 0, 1)->done = NULL;
        segs[0].va = fake_memory(0);
        assert_int_equal(submit(0, 1), 0);
        assert_int_equal(reqs[0].status, BLK_EIO);
    }
    assert_int_equal(dev->errors, 5000);
    assert_in_range(fake_log_lines(), 10, 20);
}

/* ---- Capacity ---- */

static void test_capacity_shrinks(void **state)
{
    (void)state;
    disk.depth = 1;
    for (unsigned i = 0; i < 4; i++) {
        make(i, BLK_WRITE, i * 1000, 2);
    }
    make(4, BLK_FLUSH, UINT64_MAX, 0);
    assert_int_equal(submit(0, 5), 0);
    make(5, BLK_FLUSH, UINT64_MAX, 0); /* the lba of a flush means nothing */
    assert_int_equal(submit(5, 1), 0);
    block_set_capacity(&disk.device, 2001);
    assert_int_equal(done_count, 2);
    assert_int_equal(reqs[2].status, BLK_ENXIO);
    assert_int_equal(reqs[3].status, BLK_ENXIO);
    assert_int_equal(reqs[1].status, BLK_PENDING);
    for (unsigned i = 0; i < 4; i++) {
        fake_disk_work(&disk);
    }
    assert_int_equal(done_count, 6);
    assert_int_equal(reqs[1].status, 0);
    assert_int_equal(reqs[5].status, 0);
    assert_int_equal(submit_one(BLK_READ, 2000, 2), BLK_ENXIO);
    assert_true(fake_log_has("the capacity is now 2001 sectors, it was 4096"));
    block_set_capacity(&disk.device, SECTORS);
    assert_int_equal(submit_one(BLK_READ, 2000, 2), 0);
    fake_disk_work(&disk);
    block_set_capacity(&disk.device, SECTORS);
    assert_int_equal(fake_log_lines(), 2 + 2); /* two errors, two changes */
}

/* ---- Names ---- */

static void test_names(void **state)
{
    struct fake_disk others[11];

    (void)state;
    for (unsigned i = 0; i < 11; i++) {
        fake_disk_make(&others[i], 8);
        others[i].at_once = true;
        block_register(&others[i].device, i == 3 ? "vblk" : "fake");
    }
    assert_string_equal(others[3].device.name, "vblk0");
    assert_string_equal(others[10].device.name, "fake10");
    assert_ptr_equal(block_find("fake10"), &others[10].device);
    assert_ptr_equal(block_find("fake0"), &disk.device);
    assert_null(block_find("fake"));
    assert_null(block_find("fake1p1"));
    assert_ptr_equal(block_next(NULL), &disk.device);
    assert_ptr_equal(block_next(&disk.device), &others[0].device);
    assert_null(block_next(&others[10].device));
    assert_string_equal(blk_error_name(BLK_EIO), "EIO");
    assert_string_equal(blk_error_name(-1), "error");
    for (unsigned i = 0; i < 11; i++) {
        fake_disk_release(&others[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_come_first_served, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flushes_come_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elevator, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elevator_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merging, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merging_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flush_without_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(test_callback_submits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_kick_for_a_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupted_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_poll_obeys_its_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retry_helps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retries_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_retry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_sector_spares_neighbours, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_do_not_flood_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capacity_shrinks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
