/*
 * test_virtio_faults.c - the virtio disk driver against a device that misbehaves: nothing is
 * corrupted, nothing waits for ever, and each case ends with a log line, an error or a reset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virtio_blk.h"
#include "kernel/mm/address.h"
#include "tests/fakes/block_layer.h"
#include "tests/fakes/virtio_device.h"
#include "tests/fakes/virtio_disk.h"
#include "tests/fakes/virtio_kernel.h"

static void assert_left_alone(const char *word)
{
    fake_waited = 0;
    assert_null(start_driver());
    if (strstr(fake_log, word) == NULL) {
        fail_msg("says \"%s\", without \"%s\"", fake_log, word);
    }
    assert_int_equal(fake_log_lines, 1);
    assert_null(fake_irq_handler);
    assert_true(fake_waited < 1000000);
    assert_true(fake_virtio.accesses < 2000);
    assert_int_equal(fake_virtio.command & PCI_COMMAND_MASTER, 0);
}

/* A device that cannot be started is left alone, and told so, with one line in the log. */
static void test_no_start(void **state)
{
    (void)state;
    new_device(NULL);
    fake_virtio.ignores_reset = true;
    assert_left_alone("reset");
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        static const uint16_t sizes[] = {0, 1, 2, 100, 255, 0xFFFF, 0x8001};

        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            new_device(NULL);
            fake_virtio.modern = legacy == 0;
            fake_virtio.queue_size = sizes[i];
            assert_left_alone("queue");
            assert_int_equal(fake_virtio.status, VIRTIO_STATUS_FAILED);
        }
        new_device(NULL);
        fake_virtio.modern = legacy == 0;
        fake_virtio.config_changes = UINT32_MAX;
        assert_left_alone("never holds still");
        new_device(NULL);
        fake_virtio.modern = legacy == 0;
        fake_virtio.memory_left = 0;
        assert_left_alone("memory");
        new_device(NULL);
        fake_virtio.modern = legacy == 0;
        fake_virtio.memory_left = 1;
        assert_left_alone("memory for its queue");
    }
    new_device(NULL);
    fake_virtio.refuses_features = true;
    assert_left_alone("refuses the features");
    new_device(NULL);
    fake_virtio.offers &= ~VIRTIO_F_VERSION_1;
    assert_left_alone("VERSION_1");
    new_device(NULL);
    fake_virtio.useless_notify = true;
    assert_left_alone("notified");
    new_device(NULL);
    fake_virtio.modern = fake_virtio.legacy = false;
    fake_virtio.function.bar[0].base = 0;
    assert_left_alone("no registers");
    new_device(NULL); /* not transitional: there is no other interface */
    fake_virtio.function.device = 0x1042;
    fake_virtio.no_map = fake_virtio.caps_loop = true;
    assert_left_alone("no modern registers");
    new_device(NULL);
    fake_virtio.function.device = 0x1042;
    fake_virtio.function.bar[4].base = 0; /* the BIOS has found no place for them */
    assert_left_alone("no modern registers");
}

static void test_impossible_blocks(void **state)
{
    static const uint32_t sizes[] = {0, 1, 256, 513, 1000, 8192, 0x80000000, 0xFFFFFFFF};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        new_device(NULL);
        fake_virtio.config[5] = sizes[i];
        assert_left_alone("blocks of an impossible size");
    }
    for (uint32_t size_max = 0; size_max < 512; size_max += 73) {
        new_device(NULL);
        fake_virtio.offers |= VIRTIO_BLK_F_SIZE_MAX;
        fake_virtio.config[2] = size_max;
        assert_left_alone("segments smaller than its blocks");
    }
}

/* What is unusual, and works. */
static void test_odd_starts(void **state)
{
    (void)state;
    new_device(NULL);
    fake_virtio.slow_reset = 400; /* milliseconds, some slept, some waited */
    fake_waited = 0;
    assert_non_null(start_driver());
    assert_in_range(fake_waited, 400000, 500000);
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        new_device(NULL); /* the capacity grows while it is read */
        fake_virtio.modern = legacy == 0;
        fake_virtio.config_changes = 2;
        assert_int_equal(start_driver()->dev.nsect, FAKE_VIRTIO_SECTORS + 16);
    }
    new_device(NULL); /* the modern registers cannot be had: then the others */
    fake_virtio.no_map = true;
    struct block_device *disk = start_driver();

    assert_string_equal(disk->how, "legacy");
    assert_int_equal(transfer(disk, BLK_READ, 5, 1, 1), 0);
    new_device(NULL); /* a capability of BAR 6, which cannot be, is not one of BAR 0 */
    fake_virtio.function.bar[0] = (struct pci_bar){.base = FAKE_VIRTIO_MMIO + PAGE_SIZE};
    assert_string_equal(start_driver()->how, "modern");
    new_device(NULL); /* a huge queue is cut, if that can be */
    fake_virtio.queue_size = 32768;
    disk = start_driver();
    assert_int_equal(fake_virtio.size, 256);
    assert_int_equal(transfer(disk, BLK_READ, 5, 1, 1), 0);
    new_device(NULL);
    fake_virtio.modern = false;
    fake_virtio.queue_size = 32768;
    disk = start_driver();
    assert_int_equal(disk->dev.queue_depth, 64);
    assert_int_equal(transfer(disk, BLK_READ, 5, 1, 1), 0);
}

/* Every status byte that there is, for each operation. */
static void test_status_bytes(void **state)
{
    static const uint8_t operations[] = {BLK_READ, BLK_WRITE, BLK_FLUSH};

    (void)state;
    for (unsigned i = 0; i < sizeof(operations); i++) {
        uint8_t op = operations[i];
        unsigned pieces = op != BLK_FLUSH;

        new_device(NULL);
        struct block_device *disk = start_driver();

        for (int status = 255; status >= 0; status--) {
            int wanted = status == VIRTIO_BLK_S_OK       ? 0
                         : status == VIRTIO_BLK_S_UNSUPP ? BLK_EOPNOTSUPP
                                                         : BLK_EIO;

            if (op == BLK_FLUSH && status == VIRTIO_BLK_S_UNSUPP) {
                continue; /* has a test of its own */
            }
            fake_virtio.status_byte = status;
            assert_int_equal(transfer(disk, op, 40, 8 * pieces, pieces), wanted);
            assert_int_equal(fake_block.reset_asks, 0);
        }
    }
    new_device(NULL);
    struct block_device *disk = start_driver();

    fake_virtio.writes_no_status = true;
    assert_int_equal(transfer(disk, BLK_READ, 40, 8, 1), BLK_EIO);
    assert_int_equal(transfer(disk, BLK_FLUSH, 0, 0, 0), BLK_EIO);
}

/* A device that turns out to know no flush: said once, and no flush is sent again. */
static void test_flush_unsupported(void **state)
{
    (void)state;
    new_device(NULL);
    struct block_device *disk = start_driver();

    fake_virtio.status_byte = VIRTIO_BLK_S_UNSUPP;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(transfer(disk, BLK_FLUSH, 0, 0, 0), 0);
        assert_int_equal(fake_virtio.flushes, 1);
        assert_int_equal(fake_log_lines, 1);
        assert_false(disk->dev.volatile_cache);
    }
}

/* The reset that the driver has asked for, as block.c would do it. */
static void reset_and_go_on(struct block_device *disk, struct blk_req *list)
{
    assert_int_equal(fake_block.reset_asks, 1);
    assert_true(disk->driver->reset(disk));
    assert_int_equal(fake_virtio.status & VIRTIO_STATUS_DRIVER_OK, VIRTIO_STATUS_DRIVER_OK);
    fake_block.flying = fake_block.reset_asks = 0;
    for (struct blk_req *req = list; req != NULL; req = req->ctx) {
        req->next = req->ctx;
        req->status = 0;
    }
    fake_block.ended = 0;
    assert_int_equal(transfer(disk, BLK_WRITE, 3, 9, 3), 0);
    assert_int_equal(transfer(disk, BLK_READ, 3, 9, 2), 0);
    free_batch(list);
}

/*
 * Three requests are in flight, the first has ended well, and then the device breaks a rule. The
 * other two must not end, whatever it says, until it has been reset.
 */
static struct block_device *begin_breach(struct blk_req **list, unsigned legacy, uint64_t without)
{
    new_device(NULL);
    fake_virtio.modern = legacy == 0;
    fake_virtio.offers &= ~without;
    struct block_device *disk = start_driver();

    *list = make_batch(3);
    fake_block_submit(disk, *list);
    fake_virtio_see();
    fake_virtio_end(0);
    take_interrupts();
    assert_int_equal(fake_block.ended, 1);
    return disk;
}

static void end_breach(struct block_device *disk, struct blk_req *list, const char *word)
{
    struct blk_req *more = make_batch(1);
    unsigned kicks = fake_virtio.kicks;

    take_interrupts();
    assert_int_equal(fake_block.ended, 1);
    assert_non_null(strstr(fake_log, word));
    assert_non_null(strstr(fake_log, "vblk0"));
    assert_int_equal(fake_log_lines, 1);
    fake_virtio.used_id = fake_virtio.used_length = -1;
    fake_virtio.used_ahead = 0;
    fake_virtio.ends_twice = false;
    while (fake_virtio.held > 0) { /* it has come to its senses, but nobody believes it */
        fake_virtio_end(0);
    }
    disk->driver->collect(disk, INT_MAX);
    fake_block_submit(disk, more);
    assert_false(disk->driver->listen(disk, false));
    assert_false(disk->driver->listen(disk, true));
    assert_int_equal(fake_block.ended, 1);
    assert_int_equal(fake_virtio.kicks, kicks);
    disk->queue_first = NULL;
    free_batch(more);
    reset_and_go_on(disk, list);
}

static void test_breaches(void **state)
{
    static const int64_t ids[] = {3, 63, 64, 255, 256, 65535, 65536, 65537, 0x7FFFFFFF, 0xFFFFFFFF};
    static const int64_t lengths[] = {0, 1, 4096, 4098, 0x7FFFFFFF, 0xFFFFFFFF};
    static const uint16_t ahead[] = {2, 3, 64, 256, 32768, 65534};
    struct blk_req *list;

    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            struct block_device *disk = begin_breach(&list, legacy, 0);

            fake_virtio.used_id = ids[i];
            fake_virtio_end(0);
            end_breach(disk, list, "ends a request that it does not have");
        }
        for (unsigned i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
            struct block_device *disk = begin_breach(&list, legacy, 0);

            fake_virtio.used_ahead = ahead[i];
            fake_virtio_end(0);
            end_breach(disk, list, "ends more requests than it has");
        }
    }
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct block_device *disk = begin_breach(&list, 0, 0);

        fake_virtio.used_length = lengths[i];
        fake_virtio_end(0);
        end_breach(disk, list, "another number of bytes");
    }
}

/* Without tables, a request begins with the first of the descriptors that belong to its slot. */
static void test_descriptors_in_between(void **state)
{
    struct blk_req *list;

    (void)state;
    for (unsigned id = 33; id < 96; id++) {
        if (id % 32 != 0) {
            struct block_device *disk = begin_breach(&list, id % 2, VIRTIO_F_INDIRECT_DESC);

            fake_virtio.used_id = id;
            fake_virtio_end(0);
            end_breach(disk, list, "ends a request that it does not have");
        }
    }
}

/* The same request ends twice: the second time it is nobody's, or already another one's. */
static void test_ends_twice(void **state)
{
    struct blk_req *list;

    (void)state;
    struct block_device *disk = begin_breach(&list, 0, 0);

    fake_virtio.ends_twice = true;
    fake_virtio_end(0);
    take_interrupts();
    assert_int_equal(fake_block.ended, 2);
    fake_block.ended = 1;
    end_breach(disk, list, "ends a request that it does not have");
}

/* By the legacy interface the length means nothing; a failed request may have any that fits. */
static void test_lengths_that_pass(void **state)
{
    static const int64_t lengths[] = {0, 1, 4096, 4098, 0xFFFFFFFF};

    (void)state;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        new_device(NULL);
        fake_virtio.modern = false;
        fake_virtio.used_length = lengths[i];
        assert_int_equal(transfer(start_driver(), BLK_READ, 8, 8, 1), 0);
    }
    for (fake_virtio.used_length = 0; fake_virtio.used_length <= 4097;
         fake_virtio.used_length += 4096) {
        int64_t length = fake_virtio.used_length;

        new_device(NULL);
        fake_virtio.used_length = length;
        fake_virtio.status_byte = VIRTIO_BLK_S_IOERR;
        assert_int_equal(transfer(start_driver(), BLK_READ, 8, 8, 1), BLK_EIO);
        assert_int_equal(fake_block.reset_asks, 0);
        fake_virtio.used_length = length;
    }
}

/* No interrupt comes: whoever asks finds what has ended. */
static void test_lost_interrupts(void **state)
{
    (void)state;
    new_device(NULL);
    struct block_device *disk = start_driver();
    struct blk_req *list = make_batch(3);

    fake_virtio.mute = true;
    fake_block_submit(disk, list);
    fake_virtio_work();
    assert_int_equal(take_interrupts(), 0);
    disk->driver->collect(disk, INT_MAX);
    assert_int_equal(fake_block.ended, 3);
    free_batch(list);
}

/* A device that never says where it parks is told of everything, or of nothing: it works on. */
static void test_event_never_set(void **state)
{
    (void)state;
    new_device(NULL);
    fake_virtio.event_never_set = true;
    struct block_device *disk = start_driver();

    for (unsigned i = 0; i < 70000; i++) {
        struct blk_req *list = make_batch(1);

        fake_block_submit(disk, list);
        assert_int_equal(fake_virtio_work(), 1);
        take_interrupts();
        assert_int_equal(fake_block.ended, i + 1);
        free_batch(list);
    }
    /* At first, and once around, when it seems to stand just where the next request comes. */
    assert_in_range(fake_virtio.kicks, 2, 600);
}

/* The device asks for a reset; what was in flight is gone afterwards. */
static void test_needs_reset(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        new_device(NULL);
        struct block_device *disk = start_driver();
        struct blk_req *list = make_batch(3);
        unsigned accesses = fake_virtio.accesses;

        fake_virtio.slow_reset = i;
        fake_block_submit(disk, list);
        fake_virtio_see();
        fake_virtio_need_reset();
        assert_int_equal(take_interrupts(), 1);
        assert_non_null(strstr(fake_log, "needs a reset"));
        assert_int_equal(fake_block.ended, 0);
        reset_and_go_on(disk, list);
        assert_int_equal(fake_virtio.resets, 2);
        assert_true(fake_virtio.accesses - accesses < 80 + i);
        assert_int_equal(disk->stats.accesses, fake_virtio.accesses);
    }
}

/* After its reset it is another disk, or none. */
static void test_lost_by_reset(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        new_device(NULL);
        struct block_device *disk = start_driver();

        fake_virtio.ignores_reset = i == 0;
        fake_virtio.refuses_features = i == 1;
        fake_virtio.queue_size = i == 2 ? 128 : 256;
        fake_virtio.config[5] = i == 3 ? 4096 : 512;
        fake_virtio.config[3] = i == 4 ? 2 : 254;
        fake_virtio.offers |= i == 5 ? VIRTIO_BLK_F_RO : 0;
        fake_virtio.offers &= ~(i == 6 ? VIRTIO_F_VERSION_1 : 0);
        assert_false(disk->driver->reset(disk));
        assert_non_null(strstr(fake_log, "it is lost"));
        assert_int_equal(fake_virtio.command & PCI_COMMAND_MASTER, 0);
    }
}

/* The capacity changes while the disk is used, or in a reset. */
static void test_capacity(void **state)
{
    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        new_device(NULL);
        fake_virtio.modern = legacy == 0;
        struct block_device *disk = start_driver();

        fake_virtio.config[0] = 100;
        fake_virtio_config_changed();
        assert_int_equal(take_interrupts(), 1);
        assert_int_equal(disk->dev.nsect, 100);
        fake_virtio.config_changes = 2;
        fake_virtio_config_changed();
        take_interrupts();
        assert_int_equal(disk->dev.nsect, 116);
        fake_virtio.config_changes = UINT32_MAX; /* nobody knows: it stays as it was */
        fake_virtio_config_changed();
        take_interrupts();
        assert_int_equal(fake_block.capacity, 116);
        fake_virtio.config_changes = 0;
        fake_virtio.config[0] = 50;
        fake_virtio.config[1] = 0;
        fake_block.capacity = 0;
        assert_true(disk->driver->reset(disk));
        assert_int_equal(fake_block.capacity, 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_no_start, end_driver),
        cmocka_unit_test_teardown(test_impossible_blocks, end_driver),
        cmocka_unit_test_teardown(test_odd_starts, end_driver),
        cmocka_unit_test_teardown(test_status_bytes, end_driver),
        cmocka_unit_test_teardown(test_flush_unsupported, end_driver),
        cmocka_unit_test_teardown(test_breaches, end_driver),
        cmocka_unit_test_teardown(test_descriptors_in_between, end_driver),
        cmocka_unit_test_teardown(test_ends_twice, end_driver),
        cmocka_unit_test_teardown(test_lengths_that_pass, end_driver),
        cmocka_unit_test_teardown(test_lost_interrupts, end_driver),
        cmocka_unit_test_teardown(test_event_never_set, end_driver),
        cmocka_unit_test_teardown(test_needs_reset, end_driver),
        cmocka_unit_test_teardown(test_lost_by_reset, end_driver),
        cmocka_unit_test_teardown(test_capacity, end_driver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
