/*
 * test_block_wait.c - waiting for requests that end, that end without an interrupt, and that never
 * end: the short look and the sleep, the thread "disks", time-outs, resets and lost disks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/disk.h"

#define SECTORS 4096
#define MANY    100
#define SECOND  1000000000ull
#define MILLI   1000000ull

static struct fake_disk disk;
static struct blk_dev *dev;
static struct blk_req reqs[MANY];
static struct blk_seg seg;
static unsigned done_count;

static int setup(void **state)
{
    (void)state;
    fake_disk_start(&disk, SECTORS);
    dev = &disk.device.dev;
    memset(reqs, 0, sizeof(reqs));
    seg = (struct blk_seg){fake_memory(BLK_SECTOR), 0, BLK_SECTOR};
    done_count = 0;
    fake_watch_run(); /* until it sleeps */
    fake_watch_wakes = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_end(&disk);
    return 0;
}

static struct blk_req *submit(unsigned i, enum blk_op op, uint64_t lba)
{
    reqs[i].op = (uint8_t)op;
    reqs[i].nseg = op != BLK_FLUSH;
    reqs[i].nsect = op != BLK_FLUSH;
    reqs[i].lba = lba;
    reqs[i].seg = &seg;
    reqs[i].next = NULL;
    assert_int_equal(dev->ops->submit(dev, &reqs[i]), 0);
    return &reqs[i];
}

static void note_done(struct blk_req *req)
{
    (void)req;
    done_count++;
}

static void work(void)
{
    fake_disk_work(&disk);
}

/* Let SECONDS pass, with the thread's looks. */
static void pass(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        fake_now += SECOND;
        fake_watch_run();
    }
}

/* ---- Waiting ---- */

static void test_sleep_until_the_interrupt(void **state)
{
    (void)state;
    fake_while_asleep = work;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), 0);
    assert_int_equal(fake_sleeps, 1);
    assert_true(fake_wakes > 0);
    assert_int_equal(dev->ops->wait(dev, &reqs[0]), 0); /* it is over already */
    assert_int_equal(fake_sleeps, 1);
    disk.bad_times = UINT32_MAX;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_WRITE, 0)), BLK_EIO);
}

/* Who waits for a request with a callback wakes when that has run. */
static void test_wait_for_callback(void **state)
{
    (void)state;
    fake_while_asleep = work;
    reqs[0].done = note_done;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), 0);
    assert_int_equal(done_count, 1);
}

static void test_short_look(void **state)
{
    (void)state;
    disk.device.poll_micros = 50;
    disk.when_looked_at = true;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), 0);
    assert_int_equal(fake_sleeps, 0);
    assert_true(disk.silent_looks > 0); /* it need not interrupt meanwhile */
    assert_false(disk.silent);          /* but it must again */

    /* In vain: no longer than was said, then sleep. */
    disk.when_looked_at = false;
    fake_while_asleep = work;
    submit(0, BLK_READ, 1);
    uint64_t start = fake_now;

    assert_int_equal(dev->ops->wait(dev, &reqs[0]), 0);
    assert_int_equal(fake_sleeps, 1);
    assert_in_range(fake_now - start, 50000, 60000);
    assert_false(disk.silent);
}

/* What ended while the device was silent is found before anybody sleeps. */
static void test_nothing_is_lost_in_silence(void **state)
{
    (void)state;
    disk.device.poll_micros = 1;
    disk.found_by_listen = 2;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), 0);
    assert_int_equal(fake_sleeps, 0);
    assert_int_equal(disk.found_by_listen, 0);
}

static void finish_slowly(void)
{
    static unsigned calls;

    if (++calls % 100 == 0) {
        fake_disk_finish_all(&disk); /* without an interrupt: nobody would see it */
    }
}

static void test_no_sleep_where_it_is_not_allowed(void **state)
{
    (void)state;
    fake_may_sleep = false;
    fake_each_wait = finish_slowly;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), 0);
    assert_int_equal(fake_sleeps, 0);
    assert_int_equal(disk.resets, 0);
}

/* Without sleep there is nobody but the waiter to see a time-out. */
static void test_no_sleep_and_no_answer(void **state)
{
    (void)state;
    fake_may_sleep = false;
    disk.device.timeout_ms = 100;
    uint64_t start = fake_now;

    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_WRITE, 1)), BLK_EIO);
    assert_in_range(fake_now - start, 100 * MILLI, 120 * MILLI);
    assert_int_equal(disk.resets, 1);
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), BLK_EIO);
    assert_int_equal(disk.resets, 5); /* 1 + 3 tries more */
    assert_null(disk.device.flight_first);
}

/* ---- The thread "disks" ---- */

static void test_idle_machine_sleeps(void **state)
{
    (void)state;
    assert_int_equal(fake_watch_run(), UINT64_MAX);
    submit(0, BLK_READ, 1);
    assert_int_equal(fake_watch_wakes, 1);
    assert_int_equal(fake_watch_run(), SECOND);
    for (unsigned i = 1; i < 50; i++) {
        submit(i, BLK_READ, i);
    }
    assert_int_equal(fake_watch_wakes, 1); /* it comes by itself */
    work();
    assert_int_equal(fake_watch_run(), UINT64_MAX);
    submit(0, BLK_READ, 1);
    assert_int_equal(fake_watch_wakes, 2);
    work();
}

static void test_lost_interrupt(void **state)
{
    (void)state;
    submit(0, BLK_READ, 1);
    pass(1);
    fake_disk_finish_all(&disk);
    assert_int_equal(reqs[0].status, BLK_PENDING);
    pass(1);
    assert_int_equal(reqs[0].status, 0);
    assert_int_equal(disk.device.stats.lost_interrupts, 1);
    assert_int_equal(disk.device.stats.timeouts, 0);
    assert_true(fake_log_has("fake0: a request had ended, but no interrupt came"));
    assert_int_equal(fake_log_lines(), 1);
    submit(0, BLK_READ, 1);
    fake_disk_finish_all(&disk);
    pass(3);
    assert_int_equal(disk.device.stats.lost_interrupts, 2);
    assert_int_equal(fake_log_lines(), 1); /* said once */
}

/* A disk that is slow, but works on, is left alone however long its queue takes. */
static void test_slow_is_not_stuck(void **state)
{
    (void)state;
    disk.depth = 1;
    for (unsigned i = 0; i < MANY; i++) {
        submit(i, BLK_READ, i);
    }
    for (unsigned i = 0; i < MANY; i++) {
        pass(20);
        work();
    }
    assert_int_equal(disk.resets, 0);
    assert_int_equal(disk.device.stats.timeouts, 0);
    assert_int_equal(reqs[MANY - 1].status, 0);
    /* The same request again and again is not the same. */
    for (unsigned i = 0; i < 5; i++) {
        submit(0, BLK_READ, 0);
        pass(20);
        work();
    }
    assert_int_equal(disk.resets, 0);
}

static void test_time_out(void **state)
{
    (void)state;
    disk.depth = 3;
    submit(0, BLK_READ, 10);
    submit(1, BLK_WRITE, 20);
    submit(2, BLK_READ, 30);
    submit(3, BLK_READ, 40);
    pass(30);
    assert_int_equal(disk.resets, 0);
    disk.taken = 0;
    pass(2);
    assert_int_equal(disk.resets, 1);
    assert_int_equal(disk.device.stats.timeouts, 1);
    assert_int_equal(disk.device.stats.resets, 1);
    assert_true(fake_log_has("fake0: no answer to read of 1 sectors at 10 in 30000 ms: resetting"));
    assert_int_equal(reqs[1].status, BLK_EIO); /* nobody knows what has been written */
    const uint64_t order[] = {10, 30, 40};

    assert_int_equal(disk.taken, 3); /* the reads go again, in their order, then the next */
    assert_memory_equal(disk.order, order, sizeof(order));
    work();
    assert_int_equal(reqs[0].status, 0);
    assert_int_equal(reqs[2].status, 0);
    assert_int_equal(reqs[3].status, 0);
    assert_int_equal(disk.device.stats.retries, 2);
}

static void test_own_time_out(void **state)
{
    (void)state;
    disk.device.timeout_ms = 200;
    submit(0, BLK_FLUSH, 0);
    assert_int_equal(fake_watch_run(), 50 * MILLI);
    for (unsigned i = 0; i < 5; i++) {
        fake_now += 50 * MILLI;
        fake_watch_run();
    }
    assert_int_equal(reqs[0].status, BLK_EIO);
    assert_true(fake_log_has("no answer to flush in 200 ms"));
}

/* A sleeper's request ends, whatever the disk does. */
static void pass_a_second(void)
{
    pass(1);
}

static void test_stuck_for_ever(void **state)
{
    (void)state;
    fake_while_asleep = pass_a_second;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), BLK_EIO);
    assert_int_equal(disk.resets, 4);
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_WRITE, 1)), BLK_EIO);
    assert_int_equal(disk.resets, 5);
    assert_false(disk.device.lost);
    disk.at_once = true;
    assert_int_equal(dev->ops->wait(dev, submit(0, BLK_READ, 1)), 0);
    assert_int_equal(disk.device.watch.resets, 0);
}

/* Resets that help nothing are not repeated for ever. */
static void test_too_many_resets(void **state)
{
    (void)state;
    fake_while_asleep = pass_a_second;
    for (unsigned i = 0; i < BLOCK_RESETS_MAX; i++) {
        assert_false(disk.device.lost);
        assert_int_equal(dev->ops->wait(dev, submit(0, BLK_WRITE, 1)), BLK_EIO);
    }
    assert_true(disk.device.lost);
    assert_int_equal(dev->ops->submit(dev, &reqs[0]), BLK_ENXIO);
    assert_true(fake_log_has("fake0: the device is lost"));
}

/* A driver that takes nothing is stuck as well. */
static void test_nothing_is_taken(void **state)
{
    (void)state;
    disk.lazy = true;
    submit(0, BLK_READ, 1);
    pass(32);
    assert_int_equal(disk.resets, 1);
    assert_int_equal(reqs[0].status, BLK_PENDING);
    disk.lazy = false;
    pass(1);
    work();
    assert_int_equal(reqs[0].status, 0);
    disk.lazy = true;
    submit(0, BLK_READ, 1);
    pass(40 * BLOCK_RESETS_MAX);
    assert_int_equal(reqs[0].status, BLK_ENXIO);
}

static void test_lost_device(void **state)
{
    (void)state;
    disk.reset_works = false;
    disk.depth = 2;
    for (unsigned i = 0; i < 10; i++) {
        submit(i, i % 2 ? BLK_READ : BLK_FLUSH, i);
    }
    pass(32);
    assert_true(disk.device.lost);
    unsigned eio = 0, enxio = 0;

    for (unsigned i = 0; i < 10; i++) {
        eio += reqs[i].status == BLK_EIO;
        enxio += reqs[i].status == BLK_ENXIO;
    }
    assert_int_equal(eio, 2); /* the device had them */
    assert_int_equal(enxio, 8);
    reqs[0].next = NULL;
    assert_int_equal(dev->ops->submit(dev, &reqs[0]), BLK_ENXIO);
    assert_int_equal(disk.resets, 1);
    block_ask_for_reset(&disk.device);
    pass(2);
    assert_int_equal(disk.resets, 1);
}

/* Who submits while the device is being reset waits for the end of it; interrupts do no harm. */
static void submit_in_reset(struct fake_disk *fake)
{
    unsigned runs = fake->runs, looks = fake->looks;

    submit(5, BLK_READ, 50);
    block_interrupt(&fake->device);
    assert_int_equal(dev->ops->poll(dev, 10), 0);
    assert_int_equal(fake->runs, runs);
    assert_int_equal(fake->looks, looks);
    assert_null(disk.device.queue_first->next);
}

static void test_submit_during_reset(void **state)
{
    (void)state;
    disk.in_reset = submit_in_reset;
    submit(0, BLK_READ, 10);
    block_ask_for_reset(&disk.device);
    pass(1);
    assert_int_equal(disk.resets, 1);
    assert_true(fake_log_has("fake0: it needs a reset: resetting"));
    assert_int_equal(disk.device.stats.timeouts, 0);
    work();
    assert_int_equal(reqs[0].status, 0);
    assert_int_equal(reqs[5].status, 0);
}

/* A reset that somebody asks for while the thread sleeps comes at once. */
static void test_reset_is_urgent(void **state)
{
    (void)state;
    block_ask_for_reset(&disk.device);
    assert_int_equal(fake_watch_wakes, 1);
    assert_int_equal(fake_watch_run(), UINT64_MAX);
    assert_int_equal(disk.resets, 1);
}

/* A read that only stood beside a stuck one has a second chance even without retries. */
static void test_reads_survive_without_retries(void **state)
{
    (void)state;
    disk.device.retries = 0;
    submit(0, BLK_READ, 1);
    block_ask_for_reset(&disk.device);
    pass(1);
    assert_int_equal(reqs[0].status, BLK_PENDING);
    block_ask_for_reset(&disk.device);
    pass(1);
    assert_int_equal(reqs[0].status, BLK_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sleep_until_the_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait_for_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_look, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_lost_in_silence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_sleep_where_it_is_not_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_sleep_and_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_machine_sleeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_is_not_stuck, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_time_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stuck_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_resets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_submit_during_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset_is_urgent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads_survive_without_retries, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
