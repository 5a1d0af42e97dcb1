/*
 * test_virtio_threads.c - driver and device at the same time, each in a thread of its own, under
 * ThreadSanitizer: every access of one that the other could see half of, or too early, is an error.
 *
 * The driver looks only when the line is up, and the device only when it has been kicked: a single
 * lost kick or interrupt stops everything, and the test notices.
 */
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

#define REQUESTS 32

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Let the line come up. Fails if it does not, though there is something in flight. */
static void wait_for_line(void)
{
    double end = seconds() + 20;

    while (!fake_virtio_take_line()) {
        if (seconds() > end) {
            fail_msg("lost: %u requests in flight, %u kicks, %u interrupts", fake_block.flying,
                     fake_virtio.kicks, fake_virtio.interrupts);
        }
    }
}

/* Sometimes look for ends instead of waiting, as a poller does. */
static void poll_a_little(struct block_device *disk, unsigned looks)
{
    disk->driver->listen(disk, false);
    while (looks-- > 0) {
        disk->driver->collect(disk, INT_MAX);
    }
    while (disk->driver->listen(disk, true)) {
        disk->driver->collect(disk, INT_MAX);
    }
}

/* Keep up to DEPTH requests in flight until TOTAL have ended. */
static void run_requests(unsigned depth, unsigned total, bool polls, uint64_t without)
{
    struct blk_req *requests[REQUESTS];
    unsigned begun = 0;

    new_device(NULL);
    fake_virtio.offers &= ~without;
    struct block_device *disk = start_driver();

    for (unsigned i = 0; i < REQUESTS; i++) {
        requests[i] = make_request(i % 3 == 0 ? BLK_WRITE : BLK_READ, i * 64, 8, 1 + i % 3);
    }
    fake_virtio_start_thread(depth + total);
    while (fake_block.ended < total) {
        for (unsigned i = 0; i < depth && begun < total; i++) {
            if (requests[i]->status != BLK_PENDING) {
                assert_int_equal(requests[i]->status, 0);
                assert_true(begun < depth || matches_disk(requests[i]));
                requests[i]->next = NULL;
                fake_block_submit(disk, requests[i]);
                begun++;
            }
        }
        if (polls) {
            poll_a_little(disk, begun % 7 * 20);
        } else {
            wait_for_line();
        }
        take_interrupts();
    }
    fake_virtio_stop_thread();
    for (unsigned i = 0; i < REQUESTS; i++) {
        free_request(requests[i]);
    }
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    run_requests(1, 5000, false, 0);
    run_requests(1, 2000, false, VIRTIO_F_EVENT_IDX);
}

static void test_many(void **state)
{
    (void)state;
    run_requests(REQUESTS, 20000, false, 0);
    run_requests(5, 4000, false, 0);
    run_requests(8, 4000, false, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
}

static void test_polling(void **state)
{
    (void)state;
    run_requests(1, 4000, true, 0);
    run_requests(REQUESTS, 4000, true, 0);
    run_requests(4, 2000, true, VIRTIO_F_EVENT_IDX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_one_at_a_time, end_driver),
        cmocka_unit_test_teardown(test_many, end_driver),
        cmocka_unit_test_teardown(test_polling, end_driver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
