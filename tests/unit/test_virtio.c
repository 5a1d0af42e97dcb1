/*
 * test_virtio.c - the virtio disk driver against a made-up device that checks the driver's side of
 * the standard: both interfaces, what requests become, batches, kicks and interrupts.
 */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "drivers/virtio_blk.h"
#include "tests/fakes/block_layer.h"
#include "tests/fakes/virtio_device.h"
#include "tests/fakes/virtio_disk.h"
#include "tests/fakes/virtio_kernel.h"

/* Both interfaces, with and without the features that change the rings. */
static const struct kind {
    bool modern;
    uint64_t without;
} kinds[] = {
    {true, 0},
    {true, VIRTIO_F_EVENT_IDX},
    {true, VIRTIO_F_INDIRECT_DESC},
    {false, 0},
    {false, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct block_device *start_kind(const struct kind *kind)
{
    new_device(NULL);
    fake_virtio.modern = kind->modern;
    fake_virtio.offers &= ~kind->without;
    return start_driver();
}

static void test_start(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct block_device *disk = start_kind(&kinds[i]);

        assert_string_equal(disk->dev.name, "vblk0");
        assert_string_equal(disk->how, kinds[i].modern ? "modern" : "legacy");
        assert_int_equal(disk->dev.nsect, FAKE_VIRTIO_SECTORS);
        assert_int_equal(disk->dev.lbs, 512);
        assert_false(disk->dev.ro);
        assert_true(disk->dev.volatile_cache);
        assert_true(disk->dev.queue_depth >= 8);
        assert_true(disk->dev.max_seg >= 30);
        assert_int_equal(fake_irq_line, 11);
        assert_int_equal(fake_virtio.resets, 1);
        assert_true(fake_virtio.accesses <= 45); /* each leaves the guest */
        assert_int_equal(fake_virtio.accepted,
                         fake_virtio.offers & (kinds[i].modern ? ~0ull : 0xFFFFFFFF));
        assert_int_equal(fake_log_lines, 0);
    }
}

/* Of all that a device may offer, we take what we know how to use. */
static void test_features(void **state)
{
    const uint64_t wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC |
                            VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO |
                            VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY;

    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        new_device(NULL);
        fake_virtio.modern = legacy == 0;
        fake_virtio.offers = ~0ull;
        fake_virtio.config[2] = 65536;
        assert_non_null(start_driver());
        assert_int_equal(fake_virtio.accepted, legacy ? (uint32_t)wanted : wanted);
    }
}

/* Every combination of place, length and pieces that fits into a few sectors, and the ends. */
static void test_read_and_write(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct block_device *disk = start_kind(&kinds[i]);

        for (uint32_t sectors = 1; sectors <= 20; sectors++) {
            for (unsigned pieces = 1; pieces <= 4 && pieces <= sectors; pieces++) {
                uint64_t last = FAKE_VIRTIO_SECTORS - sectors;

                assert_int_equal(transfer(disk, BLK_WRITE, sectors * 3, sectors, pieces), 0);
                assert_int_equal(transfer(disk, BLK_READ, sectors * 3, sectors, pieces), 0);
                assert_int_equal(transfer(disk, BLK_READ, 0, sectors, pieces), 0);
                assert_int_equal(transfer(disk, BLK_READ, last, sectors, pieces), 0);
                assert_int_equal(transfer(disk, BLK_WRITE, last, sectors, pieces), 0);
            }
        }
        assert_int_equal(transfer(disk, BLK_READ, 0, disk->dev.max_seg, disk->dev.max_seg), 0);
        assert_int_equal(transfer(disk, BLK_WRITE, 0, disk->dev.max_seg, disk->dev.max_seg), 0);
        assert_int_equal(transfer(disk, BLK_READ, 0, 2048, 1), 0); /* a whole MiB */
        assert_int_equal(transfer(disk, BLK_FLUSH, 0, 0, 0), 0);
        assert_int_equal(fake_virtio.flushes, 1);
        assert_int_equal(fake_virtio.refused, 0);
        assert_int_equal(transfer(disk, BLK_READ, FAKE_VIRTIO_SECTORS, 1, 1), BLK_EIO);
        assert_int_equal(transfer(disk, BLK_DISCARD, 0, 1, 1), BLK_EOPNOTSUPP);
    }
}

/* However many requests come together: one index, one kick, one interrupt. */
static void test_batches(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        for (unsigned count = 1; count <= 8; count++) {
            struct block_device *disk = start_kind(&kinds[i]);
            struct blk_req *list = make_batch(count);
            unsigned accesses = fake_virtio.accesses;

            fake_block_submit(disk, list);
            assert_int_equal(fake_virtio.kicks, 1);
            assert_int_equal(disk->stats.kicks, 1);
            assert_int_equal(fake_virtio_see(), count);
            assert_int_equal(fake_virtio.batches, 1);
            while (fake_virtio.held > 0) {
                fake_virtio_end(fake_virtio.held / 2);
            }
            assert_true(take_interrupts() >= 1);
            assert_int_equal(fake_block.ended, count);
            assert_int_equal(fake_virtio.interrupts,
                             kinds[i].without & VIRTIO_F_EVENT_IDX ? count : 1);
            assert_int_equal(fake_virtio.isr_reads, 1);
            assert_int_equal(fake_virtio.accesses - accesses, 2);
            free_batch(list);
        }
    }
}

/* A busy device is not told again, a parked one is. */
static void test_kicks_while_busy(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct block_device *disk = start_kind(&kinds[i]);
        struct blk_req *first = make_batch(1), *second = make_batch(1), *third = make_batch(1);

        fake_block_submit(disk, first);
        fake_block_submit(disk, second); /* it has not yet looked: the first kick is enough */
        assert_int_equal(fake_virtio.kicks, kinds[i].without & VIRTIO_F_EVENT_IDX ? 2 : 1);
        fake_virtio.kicks = 0;
        assert_int_equal(fake_virtio_see(), 2);
        fake_block_submit(disk, third);
        assert_int_equal(fake_virtio.kicks, 1);
        assert_int_equal(fake_virtio_work(), 3);
        take_interrupts();
        assert_int_equal(fake_block.ended, 3);
        free_batch(first);
        free_batch(second);
        free_batch(third);
    }
}

/*
 * An emulator may let us read avail_event too early: the device seems busy, and has parked. Who is
 * about to sleep looks again.
 */
static void test_missed_kick(void **state)
{
    (void)state;
    struct block_device *disk = start_kind(&kinds[0]);
    struct virtio_queue *queue = &((struct vblk *)disk->driver_data)->queue;
    struct blk_req *list = make_batch(1);

    *queue->avail_event = 100;
    fake_block_submit(disk, list);
    assert_int_equal(fake_virtio.kicks, 0);
    assert_false(disk->driver->listen(disk, true));
    assert_int_equal(fake_virtio.kicks, 0);
    *queue->avail_event = 0;
    assert_false(disk->driver->listen(disk, true));
    assert_int_equal(fake_virtio.kicks, 1);
    assert_false(disk->driver->listen(disk, true));
    assert_int_equal(fake_virtio.kicks, 1);
    fake_virtio_work();
    take_interrupts();
    assert_int_equal(fake_block.ended, 1);
    free_batch(list);
}

/* Without event indexes, a flag of the device says that it looks anyway. */
static void test_no_notify(void **state)
{
    (void)state;
    struct block_device *disk = start_kind(&kinds[1]);
    struct virtio_queue *queue = &((struct vblk *)disk->driver_data)->queue;
    struct blk_req *list = make_batch(1);

    queue->used->flags = 1;
    fake_block_submit(disk, list);
    assert_int_equal(fake_virtio.kicks, 0);
    fake_virtio_work();
    take_interrupts();
    assert_int_equal(fake_block.ended, 1);
    free_batch(list);
}

/* More requests than the device takes wait in the queue; freed room is used at once. */
static void test_full(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct block_device *disk = start_kind(&kinds[i]);
        unsigned depth = disk->dev.queue_depth;
        struct blk_req *list = make_batch(3 * depth);

        fake_block_submit(disk, list);
        assert_int_equal(fake_block.flying, depth);
        assert_int_equal(fake_virtio_see(), depth);
        for (unsigned done = 1; done <= 2 * depth; done++) {
            fake_virtio_end(fake_virtio.held - 1);
            take_interrupts();
            assert_int_equal(fake_block.ended, done);
            assert_int_equal(fake_block.flying, depth);
            fake_virtio_see();
        }
        while (fake_virtio_work() > 0) {
            take_interrupts();
        }
        assert_int_equal(fake_block.ended, 3 * depth);
        free_batch(list);
    }
}

/* Indexes run through 16 bits more than once, and slots through every order. */
static void test_wrap(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i += KINDS - 1) {
        struct block_device *disk = start_kind(&kinds[i]);
        unsigned total = 0;

        for (unsigned round = 0; total < 70000; round++) {
            struct blk_req *list = make_batch(1 + round % 8);

            total += 1 + round % 8;
            fake_block_submit(disk, list);
            fake_virtio_see();
            while (fake_virtio.held > 0) {
                fake_virtio_end(round * 7 % fake_virtio.held);
            }
            take_interrupts();
            assert_int_equal(fake_block.ended, total);
            free_batch(list);
        }
        assert_int_equal(disk->stats.kicks, fake_virtio.kicks);
    }
}

/* Who polls is not interrupted; who stops polling is, and learns what he has missed. */
static void test_listen(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct block_device *disk = start_kind(&kinds[i]);

        for (unsigned round = 0; round < 3; round++) {
            struct blk_req *list = make_batch(2);

            fake_block_submit(disk, list);
            assert_false(disk->driver->listen(disk, false));
            fake_virtio_see();
            fake_virtio_end(0);
            assert_int_equal(take_interrupts(), 0);
            disk->driver->collect(disk, INT_MAX);
            assert_int_equal(fake_block.ended, 2 * round + 1);
            fake_virtio_end(0); /* just before the poller gives up */
            assert_true(disk->driver->listen(disk, true));
            assert_int_equal(take_interrupts(), 0);
            disk->driver->collect(disk, INT_MAX);
            assert_false(disk->driver->listen(disk, true));
            assert_int_equal(fake_block.ended, 2 * round + 2);
            free_batch(list);
            list = make_batch(1);
            fake_block_submit(disk, list);
            fake_virtio_work();
            assert_int_equal(take_interrupts(), 1);
            assert_int_equal(fake_block.ended, 2 * round + 3);
            free_batch(list);
            fake_block.ended = 2 * round + 2;
        }
    }
}

/* A collector with a budget leaves the rest for later. */
static void test_budget(void **state)
{
    struct block_device *disk = start_kind(&kinds[0]);
    struct blk_req *list = make_batch(5);

    (void)state;
    fake_block_submit(disk, list);
    fake_virtio_work();
    for (unsigned i = 1; i <= 5; i++) {
        disk->driver->collect(disk, 1);
        assert_int_equal(fake_block.ended, i);
    }
    disk->driver->collect(disk, 1);
    assert_int_equal(fake_block.ended, 5);
    free_batch(list);
}

/* Limits of the device are the limits of requests, or requests are split. */
static void test_limits(void **state)
{
    static const struct {
        uint64_t feature;
        uint32_t size_max, seg_max, queue, seg, sect;
    } cases[] = {
        {VIRTIO_BLK_F_SEG_MAX, 0, 254, 256, 124, 8192},
        {VIRTIO_BLK_F_SEG_MAX, 0, 20, 256, 20, 8192},
        {VIRTIO_BLK_F_SEG_MAX, 0, 0, 256, 1, 8192},
        {VIRTIO_BLK_F_SEG_MAX, 0, 254, 16, 14, 8192},
        {VIRTIO_BLK_F_SEG_MAX, 0, 254, 4, 2, 8192},
        {0, 0, 0, 256, 1, 8192},
        {VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX, 4096, 100, 256, 50, 400},
        {VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX, 1000, 3, 256, 1, 2},
        {VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX, 4096, 1, 256, 1, 8},
        {VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX, 1u << 31, 254, 256, 124, 8192},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        new_device(NULL);
        fake_virtio.offers &= ~VIRTIO_BLK_F_SEG_MAX;
        fake_virtio.offers |= cases[i].feature;
        fake_virtio.config[2] = cases[i].size_max;
        fake_virtio.config[3] = cases[i].seg_max;
        fake_virtio.queue_size = (uint16_t)cases[i].queue;
        struct block_device *disk = start_driver();

        assert_int_equal(disk->dev.max_seg, cases[i].seg);
        assert_int_equal(disk->dev.max_sect, cases[i].sect);
        for (uint32_t sectors = 1; sectors <= disk->dev.max_sect; sectors *= 2) {
            for (unsigned pieces = 1; pieces <= disk->dev.max_seg && pieces <= sectors; pieces++) {
                assert_int_equal(
                    transfer(disk, BLK_WRITE, 7, sectors < 4000 ? sectors : 4000, pieces), 0);
            }
        }
    }
}

static void test_kinds_of_disks(void **state)
{
    (void)state;
    new_device(NULL);
    fake_virtio.offers |= VIRTIO_BLK_F_RO;
    assert_true(start_driver()->dev.ro);
    new_device(NULL);
    fake_virtio.config[5] = 4096; /* sectors stay at 512 bytes; the last block must be whole */
    fake_virtio.config[0] = FAKE_VIRTIO_SECTORS - 1;
    struct block_device *disk = start_driver();

    assert_int_equal(disk->dev.lbs, 4096);
    assert_int_equal(disk->dev.nsect, FAKE_VIRTIO_SECTORS - 8);
    assert_int_equal(transfer(disk, BLK_READ, 16, 8, 1), 0);
    new_device(NULL);
    fake_virtio.offers &= ~VIRTIO_BLK_F_BLK_SIZE;
    fake_virtio.config[5] = 4096;
    assert_int_equal(start_driver()->dev.lbs, 512);
    new_device(NULL); /* without FLUSH it has to write through: nothing is sent */
    fake_virtio.offers &= ~VIRTIO_BLK_F_FLUSH;
    disk = start_driver();
    assert_false(disk->dev.volatile_cache);
    assert_int_equal(transfer(disk, BLK_FLUSH, 0, 0, 0), 0);
    assert_int_equal(fake_virtio.kicks, 0);
    new_device(NULL); /* 2^40 sectors */
    fake_virtio.config[1] = 0x100;
    assert_int_equal(start_driver()->dev.nsect, (0x100ull << 32) + FAKE_VIRTIO_SECTORS);
    new_device(NULL); /* nobody has routed an interrupt */
    fake_virtio.function.irq = PCI_NO_IRQ;
    assert_non_null(start_driver());
    assert_null(fake_irq_handler);
}

/* The line is shared: an interrupt of another device is not ours, and is looked at once. */
static void test_shared_line(void **state)
{
    (void)state;
    struct block_device *disk = start_kind(&kinds[0]);
    struct blk_req *list = make_batch(1);

    for (unsigned i = 0; i < 10; i++) {
        assert_false(fake_irq_handler->handle(fake_irq_handler->context));
    }
    assert_int_equal(fake_virtio.isr_reads, 10);
    assert_int_equal(fake_block.interrupts, 0);
    fake_block_submit(disk, list);
    assert_false(fake_irq_handler->handle(fake_irq_handler->context));
    assert_int_equal(fake_block.ended, 0);
    fake_virtio_work();
    assert_int_equal(take_interrupts(), 1);
    assert_int_equal(fake_block.ended, 1);
    free_batch(list);
}

/*
 * "Write, then look" on both sides: it must not be that both look before the other's write. Without
 * the barrier, some of these rounds show it wherever there are two processors. On a busy machine
 * there are fewer of them, as each needs both.
 */
#define ROUNDS     100000
#define TIME       1 /* seconds, or two */
#define LAST_ROUND UINT_MAX

static struct {
    _Alignas(64) uint16_t ours;
    _Alignas(64) uint16_t theirs;
    _Alignas(64) unsigned round;
    _Alignas(64) unsigned answered;
    uint16_t seen_by_them;
} litmus;

/* Wait until *PLACE is no longer OLD; returns what it is. */
static unsigned wait_for_change(const unsigned *place, unsigned old)
{
    unsigned now;

    do { /* without yielding: both have to run at the same time */
        now = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    } while (now == old);
    return now;
}

static void *other_side(void *unused)
{
    unsigned round = 0;

    while ((round = wait_for_change(&litmus.round, round)) != LAST_ROUND) {
        __atomic_store_n(&litmus.theirs, (uint16_t)round, __ATOMIC_SEQ_CST);
        litmus.seen_by_them = __atomic_load_n(&litmus.ours, __ATOMIC_SEQ_CST);
        __atomic_store_n(&litmus.answered, round, __ATOMIC_RELEASE);
    }
    return unused;
}

static void test_store_then_look(void **state)
{
    pthread_t thread;
    time_t end = time(NULL) + TIME;
    unsigned wrong = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, other_side, NULL), 0);
    for (unsigned i = 1; i <= ROUNDS && time(NULL) <= end; i++) {
        __atomic_store_n(&litmus.round, i, __ATOMIC_RELEASE);
        for (volatile unsigned wait = i % 64; wait > 0; wait--) {
        }
        virtio_store_then_look(&litmus.ours, (uint16_t)i);
        uint16_t seen_by_us = virtio_look(&litmus.theirs);

        wait_for_change(&litmus.answered, i - 1);
        wrong += seen_by_us != (uint16_t)i && litmus.seen_by_them != (uint16_t)i;
    }
    __atomic_store_n(&litmus.round, LAST_ROUND, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_start, end_driver),
        cmocka_unit_test_teardown(test_features, end_driver),
        cmocka_unit_test_teardown(test_read_and_write, end_driver),
        cmocka_unit_test_teardown(test_batches, end_driver),
        cmocka_unit_test_teardown(test_kicks_while_busy, end_driver),
        cmocka_unit_test_teardown(test_missed_kick, end_driver),
        cmocka_unit_test_teardown(test_no_notify, end_driver),
        cmocka_unit_test_teardown(test_full, end_driver),
        cmocka_unit_test_teardown(test_wrap, end_driver),
        cmocka_unit_test_teardown(test_listen, end_driver),
        cmocka_unit_test_teardown(test_budget, end_driver),
        cmocka_unit_test_teardown(test_limits, end_driver),
        cmocka_unit_test_teardown(test_kinds_of_disks, end_driver),
        cmocka_unit_test_teardown(test_shared_line, end_driver),
        cmocka_unit_test(test_store_then_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
