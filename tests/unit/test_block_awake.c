/*
 * test_block_awake.c - waiting for a request without sleeping: by looking at a device that is told
 * to be silent, or until its interrupt. And when that ends without the request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/disk.h"

#define SECTORS     4096
#define POLL_MICROS 500

static struct fake_disk disk;
static struct block_driver deaf; /* the fake's, but it cannot be silenced */
static struct blk_dev *dev;
static struct blk_req req;
static struct blk_seg seg;
static unsigned turns; /* of the loop of who is awake */
static uint64_t submitted_at;

static int setup(void **state)
{
    (void)state;
    fake_disk_start(&disk, SECTORS);
    disk.device.poll_micros = POLL_MICROS;
    dev = &disk.device.dev;
    deaf = *disk.device.driver;
    deaf.listen = NULL;
    fake_sleeps = turns = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_false(disk.silent);
    fake_disk_end(&disk);
    return 0;
}

static int submit_and_wait(void)
{
    seg = (struct blk_seg){fake_memory(BLK_SECTOR), 0, BLK_SECTOR};
    req = (struct blk_req){.op = BLK_READ, .nseg = 1, .lba = 7, .nsect = 1, .seg = &seg};
    assert_int_equal(dev->ops->submit(dev, &req), 0);
    return dev->ops->wait(dev, &req);
}

static void finish_at_turn_ten(void)
{
    if (++turns == 10) {
        fake_disk_finish_all(&disk);
    }
}

static void interrupt_at_turn_ten(void)
{
    if (++turns == 10) {
        assert_int_equal(fake_preempt_off, 0);
        fake_disk_work(&disk);
    }
}

static void count_turns(void)
{
    turns++;
}

static void work(void)
{
    fake_disk_work(&disk);
}

static void test_silent_device_is_asked(void **state)
{
    (void)state;
    fake_while_awake = finish_at_turn_ten;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(fake_sleeps, 0);
    assert_int_equal(disk.silent_looks, 10);
    assert_int_equal(disk.device.stats.interrupts, 0);
}

/* What has ended between the last look and the end of the silence is found, too. */
static void test_end_found_by_listening(void **state)
{
    (void)state;
    disk.found_by_listen = 1;
    fake_others_ready = true;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(fake_sleeps, 0);
}

/* A device that cannot be silenced is left alone until it interrupts, and others may run. */
static void test_interrupt_is_expected(void **state)
{
    (void)state;
    disk.device.driver = &deaf;
    disk.when_looked_at = true;
    fake_while_awake = interrupt_at_turn_ten;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(fake_sleeps, 0);
    assert_int_equal(turns, 10);
}

static void test_others_want_the_cpu(void **state)
{
    (void)state;
    fake_others_ready = true;
    fake_while_awake = count_turns;
    fake_while_asleep = work;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(fake_sleeps, 1);
    assert_int_equal(turns, 1);
}

static void test_not_for_long(void **state)
{
    (void)state;
    fake_while_asleep = work;
    uint64_t before = fake_now;

    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(fake_sleeps, 1);
    assert_in_range(fake_now - before, POLL_MICROS * 1000, POLL_MICROS * 1100);
}

static struct blk_req others[10];
static struct blk_seg other_segs[10];

/* One of the other requests ends, after a bit less than the longest wait; at last ours. */
static void end_one_by_one(void)
{
    if (fake_now - submitted_at < (turns + 1) * (POLL_MICROS - 50) * 1000ull) {
        return;
    }
    turns++;
    if (disk.used > 1) {
        fake_disk_finish(&disk, 1);
    } else {
        fake_disk_finish(&disk, 0);
    }
}

/* As long as the device gets on, whosever the requests are. */
static void test_longer_while_requests_end(void **state)
{
    (void)state;
    seg = (struct blk_seg){fake_memory(BLK_SECTOR), 0, BLK_SECTOR};
    req = (struct blk_req){.op = BLK_READ, .nseg = 1, .lba = 7, .nsect = 1, .seg = &seg};
    req.next = &others[0];
    for (unsigned i = 0; i < 10; i++) {
        other_segs[i] = (struct blk_seg){fake_memory(BLK_SECTOR), 0, BLK_SECTOR};
        others[i] = (struct blk_req){
            .op = BLK_READ, .nseg = 1, .lba = 10 + i, .nsect = 1, .seg = &other_segs[i]};
        others[i].next = i < 9 ? &others[i + 1] : NULL;
    }
    submitted_at = fake_now;
    fake_while_awake = end_one_by_one;
    assert_int_equal(dev->ops->submit(dev, &req), 0);
    assert_int_equal(dev->ops->wait(dev, &req), 0);
    assert_int_equal(fake_sleeps, 0);
    assert_true(fake_now - submitted_at > 10 * (POLL_MICROS - 50) * 1000);
}

static void submit_again(struct blk_req *other)
{
    other->next = NULL;
    assert_int_equal(dev->ops->submit(dev, other), 0);
}

static void end_the_other(void)
{
    fake_now += 100000;
    fake_disk_finish(&disk, disk.slot[0] == &req ? 1 : 0);
}

static void end_ours(void)
{
    others[0].done = NULL;
    fake_disk_work(&disk);
}

/* A callback that submits again and again does not keep preemption off for ever. */
static void test_not_for_ever(void **state)
{
    (void)state;
    other_segs[0] = (struct blk_seg){fake_memory(BLK_SECTOR), 0, BLK_SECTOR};
    others[0] = (struct blk_req){.op = BLK_READ,
                                 .nseg = 1,
                                 .lba = 9,
                                 .nsect = 1,
                                 .seg = &other_segs[0],
                                 .done = submit_again};
    submit_again(&others[0]);
    fake_while_awake = end_the_other;
    fake_while_asleep = end_ours;
    submitted_at = fake_now;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(fake_sleeps, 1);
    assert_in_range(fake_now - submitted_at, 10000000, 100000000);
}

static void test_clock_stands_still(void **state)
{
    (void)state;
    fake_clock_stands = true;
    fake_while_asleep = work;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(fake_sleeps, 1);
}

static void test_not_at_all(void **state)
{
    (void)state;
    disk.device.poll_micros = 0;
    fake_while_awake = count_turns;
    fake_while_asleep = work;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(turns, 0);
    assert_int_equal(fake_sleeps, 1);
}

static void pass_time(void)
{
    fake_now += 1000;
}

/* Asleep a request takes 1 us here, awake more: after a while hardly anybody stays awake. */
static void test_experience_is_used(void **state)
{
    (void)state;
    fake_while_awake = pass_time;
    fake_while_asleep = work;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(submit_and_wait(), 0);
    }
    uint64_t before = fake_now;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(submit_and_wait(), 0);
    }
    assert_true(fake_now - before < 20 * POLL_MICROS * 1000);
}

/* At start-up nobody can sleep, and no interrupt need come: the device is asked. */
static void test_where_nobody_may_sleep(void **state)
{
    (void)state;
    disk.device.driver = &deaf;
    disk.when_looked_at = true;
    fake_may_sleep = false;
    assert_int_equal(submit_and_wait(), 0);
    assert_int_equal(turns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_silent_device_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_found_by_listening, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupt_is_expected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_want_the_cpu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_for_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_longer_while_requests_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock_stands_still, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_experience_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(test_where_nobody_may_sleep, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
