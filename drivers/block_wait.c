/*
 * block_wait.c - until a request has ended: a short look, since a fast device needs less time than
 * two switches of threads; then sleep. Where sleeping is not allowed the look goes on for as long
 * as the device may take, and ends with a reset.
 *
 * A sleeper need not know of time-outs: the thread "disks" sees to it that every request ends.
 */
#include "drivers/block_internal.h"

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/sched/thread.h"

#define PATIENT_MICROS 10 /* between two looks, where there is no hurry */

/* Has REQ ended, and its callback run? Whoever runs it has been interrupted by nobody but us. */
static bool over(const struct block_device *disk, const struct blk_req *req)
{
    return *(volatile const int32_t *)&req->status != BLK_PENDING &&
           (req->done == NULL || !disk->calling);
}

static void look(struct block_device *disk)
{
    block_enter(disk);
    block_collect(disk, INT32_MAX);
    block_leave(disk);
}

static void listen(struct block_device *disk, bool on)
{
    if (disk->driver->listen == NULL) {
        return;
    }
    block_enter(disk);
    while (!disk->resetting && disk->driver->listen(disk, on) && on) {
        block_collect(disk, INT32_MAX);
    }
    block_leave(disk);
}

/* See block.h, listen: nobody else may wait while the device is silent. */
static void look_for_a_while(struct block_device *disk, const struct blk_req *req)
{
    preempt_disable();
    listen(disk, false);
    const uint64_t end = clock_nanos() + disk->poll_micros * NANOS_PER_MICRO;

    do {
        cpu_pause();
        look(disk);
    } while (!over(disk, req) && clock_nanos() < end);
    listen(disk, true);
    preempt_enable();
}

static void sleep_until_over(struct block_device *disk, const struct blk_req *req)
{
    spin_lock(&disk->lock);
    while (!over(disk, req)) {
        wait_sleep(&disk->waiters, &disk->lock);
    }
    spin_unlock(&disk->lock);
}

/* Counted in looks, so that it ends even if the clock stands still. */
static void look_until_over(struct block_device *disk, const struct blk_req *req)
{
    const uint64_t looks =
        block_timeout_ms(disk) * (NANOS_PER_MILLI / NANOS_PER_MICRO) / PATIENT_MICROS;

    for (unsigned round = 0; round <= BLOCK_RESETS_MAX && !over(disk, req); round++) {
        for (uint64_t i = 0; i < looks && !over(disk, req); i++) {
            clock_wait(PATIENT_MICROS);
            look(disk);
        }
        if (!over(disk, req) && !block_reset(disk, "no answer")) {
            return; /* who resets it was interrupted by us */
        }
    }
}

int block_wait(struct blk_dev *dev, struct blk_req *req)
{
    struct block_device *disk = block_disk(block_of(dev));
    const bool may_sleep = thread_may_sleep();

    if (!over(disk, req) && disk->poll_micros != 0) {
        look_for_a_while(disk, req);
    }
    if (may_sleep) {
        sleep_until_over(disk, req);
    } else {
        look_until_over(disk, req);
    }
    return req->status != BLK_PENDING ? req->status : BLK_EIO;
}
