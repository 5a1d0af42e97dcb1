/*
 * block_wait.c - until a request has ended: awake or asleep, whichever is faster now
 * (block_patience.h). Where sleeping is not allowed the look goes on for as long as the device may
 * take, and ends with a reset.
 *
 * A sleeper need not know of time-outs: the thread "disks" sees to it that every request ends.
 */
#include "drivers/block_internal.h"

#include "kernel/clock.h"
#include "kernel/sched/thread.h"

#define PATIENT_MICROS  10  /* between two looks, where there is no hurry */
#define AWAKE_MAX       100 /* whiles: callbacks can submit new requests for ever */
#define LOOKS_PER_MICRO 100 /* more than any machine does: a wait ends even if the clock stands */

/* Has REQ ended? No thread comes between its status and its callback: see block_done.c. */
static bool over(const struct blk_req *req)
{
    return *(volatile const int32_t *)&req->status != BLK_PENDING;
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

/*
 * Look, if DISK is SILENT, until REQ has ended; not for long, nor while another thread wants the
 * CPU. Without a pause: QEMU takes the chance to look after everything else. Returns whether any
 * request has ended.
 */
static bool look_for_a_while(struct block_device *disk, const struct blk_req *req, bool silent)
{
    const uint64_t ended = disk->ended;
    const uint64_t until = clock_nanos() + disk->poll_micros * NANOS_PER_MICRO;
    uint64_t looks = (uint64_t)disk->poll_micros * LOOKS_PER_MICRO;

    while (!over(req) && !thread_others_ready() && clock_nanos() < until && looks-- > 0) {
        if (silent) {
            look(disk);
        }
    }
    return disk->ended != ended;
}

/*
 * Who sleeps has to be woken, and what that takes is the longer part of a short request. So keep
 * the CPU from halting, as long as ends of requests follow each other closely. A device that can be
 * silenced is asked (see block.h: nobody else may wait meanwhile). Of another one the interrupt is
 * expected: to ask is slower, since each access leaves the guest under an emulator.
 */
static void stay_awake(struct block_device *disk, const struct blk_req *req)
{
    const bool silent = disk->driver->listen != NULL;

    if (silent) {
        preempt_disable();
        listen(disk, false);
    }
    for (unsigned i = 0; i < AWAKE_MAX && look_for_a_while(disk, req, silent); i++) {
    }
    if (silent) {
        listen(disk, true);
        preempt_enable();
    }
}

static void sleep_until_over(struct block_device *disk, const struct blk_req *req)
{
    const uint64_t submitted = req->submitted_ns; /* when it is over, it may be used again */

    if (!block_patience_sleeps(&disk->patience) && disk->poll_micros != 0) {
        stay_awake(disk, req);
    }
    spin_lock(&disk->lock);
    while (!over(req)) {
        wait_sleep(&disk->waiters, &disk->lock);
    }
    block_patience_learn(&disk->patience, clock_nanos() - submitted);
    spin_unlock(&disk->lock);
}

/* Counted in looks, so that it ends even if the clock stands still. */
static void look_until_over(struct block_device *disk, const struct blk_req *req)
{
    const uint64_t looks =
        block_timeout_ms(disk) * (NANOS_PER_MILLI / NANOS_PER_MICRO) / PATIENT_MICROS;

    for (unsigned round = 0; round <= BLOCK_RESETS_MAX && !over(req); round++) {
        for (uint64_t i = 0; i < looks && !over(req); i++) {
            clock_wait(PATIENT_MICROS);
            look(disk);
        }
        if (!over(req) && !block_reset(disk, "no answer")) {
            return; /* who resets it was interrupted by us */
        }
    }
}

int block_wait(struct blk_dev *dev, struct blk_req *req)
{
    struct block_device *disk = block_disk(block_of(dev));

    if (!over(req)) {
        (thread_may_sleep() ? sleep_until_over : look_until_over)(disk, req);
    }
    return req->status != BLK_PENDING ? req->status : BLK_EIO;
}
