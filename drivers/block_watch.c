/*
 * block_watch.c - the thread "disks": it notices what never ends.
 *
 * While no disk has anything to do it sleeps for good; the first request wakes it. From then on it
 * looks once a second at the oldest request of each disk. One that has been there for a second may
 * have ended without an interrupt: the driver looks. One that has been there for longer than the
 * time-out means that the device is stuck, and is reset.
 *
 * What is measured is the time since the thread saw the request first, so that nobody has to read
 * the clock when a request is given to a device: a time-out may be one look late.
 */
#include "drivers/block_internal.h"

#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/sched/thread.h"

#define LOOKS_PER_TIMEOUT 4 /* at least, if it is short */

bool block_watched; /* guarded by lock, and read by submit with interrupts off */

static struct spinlock lock = SPINLOCK("watch");
static struct wait_queue watcher;
static bool urgent; /* a device has asked for a reset; guarded by lock */

void block_watch_begin(void)
{
    spin_lock(&lock);
    block_watched = true;
    wait_wake_all(&watcher);
    spin_unlock(&lock);
}

void block_ask_for_reset(struct block_device *device)
{
    device->reset_wanted = true;
    spin_lock(&lock);
    urgent = block_watched = true;
    wait_wake_all(&watcher);
    spin_unlock(&lock);
}

/* Everything in flight is the device's no more: reads go back to the queue, the rest has failed.
 * From the end, so that the queue has them in their old order. Context: entered. */
static void settle_flight(struct block_device *disk, bool alive)
{
    const uint8_t retries = disk->retries > 0 ? disk->retries : 1;
    struct blk_req *req;

    while ((req = disk->flight_last) != NULL) {
        block_flight_remove(disk, req);
        if (alive && req->op == BLK_READ && req->tries < retries) {
            req->tries++;
            disk->stats.retries++;
            block_queue_add_first(disk, req);
        } else {
            block_finish(disk, req, BLK_EIO);
        }
    }
}

static void lose(struct block_device *disk)
{
    struct blk_req *req;

    disk->lost = true;
    while ((req = disk->queue_first) != NULL) {
        block_queue_remove(disk, req);
        block_finish(disk, req, BLK_ENXIO);
    }
    log_line(disk->name, "the device is lost: everything fails from now on");
}

static bool begin_reset(struct block_device *disk)
{
    spin_lock(&disk->lock);
    bool mine = !disk->resetting && !disk->lost;

    if (mine) {
        disk->resetting = true;
        disk->reset_wanted = false;
        disk->stats.resets++;
        disk->watch.resets++;
    }
    spin_unlock(&disk->lock);
    return mine;
}

bool block_reset(struct block_device *disk, const char *why)
{
    if (!begin_reset(disk)) {
        return false;
    }
    log_line(disk->name, "%s: resetting the device", why);
    bool alive = disk->driver->reset != NULL && disk->driver->reset(disk) &&
                 disk->watch.resets < BLOCK_RESETS_MAX;

    block_enter(disk);
    disk->resetting = false;
    disk->watch.req = NULL;
    settle_flight(disk, alive);
    if (!alive) {
        lose(disk);
    }
    block_leave(disk);
    return true;
}

/* The driver looks for itself: what it finds has ended without an interrupt. Context: entered. */
static void look_for_lost_interrupts(struct block_device *disk)
{
    unsigned found = (unsigned)block_collect(disk, INT32_MAX);

    if (found == 0) {
        return;
    }
    disk->stats.lost_interrupts += found;
    if (!disk->watch.told_of_lost) {
        disk->watch.told_of_lost = true;
        log_line(disk->name, "a request had ended, but no interrupt came");
    }
}

/* For how long the oldest request of DISK has been seen, nanoseconds. Context: entered. */
static uint64_t age_of_oldest(struct block_device *disk, uint64_t now)
{
    const struct blk_req *oldest =
        disk->flight_first != NULL ? disk->flight_first : disk->queue_first;
    struct block_watch *watch = &disk->watch;

    if (oldest != watch->req || oldest->submitted_ns != watch->submitted_ns ||
        oldest->tries != watch->tries) {
        watch->req = oldest;
        watch->submitted_ns = oldest->submitted_ns;
        watch->tries = oldest->tries;
        watch->since = now;
    }
    return now - watch->since;
}

/* Nanoseconds between two looks at DISK. */
static uint64_t interval(const struct block_device *disk)
{
    uint64_t nanos = block_timeout_ms(disk) * NANOS_PER_MILLI / LOOKS_PER_TIMEOUT;

    return nanos < NANOS_PER_SECOND ? nanos : NANOS_PER_SECOND;
}

/* What is too long about DISK, in words of SIZE bytes in WHY; or "". */
static void look_at(struct block_device *disk, char *why, size_t size)
{
    why[0] = '\0';
    block_enter(disk);
    if (!block_is_idle(disk) && !disk->resetting) {
        uint64_t age = age_of_oldest(disk, clock_nanos());

        if (age >= interval(disk)) {
            look_for_lost_interrupts(disk);
        }
        if (age >= block_timeout_ms(disk) * NANOS_PER_MILLI && disk->watch.req != NULL &&
            (disk->flight_first == disk->watch.req ||
             (disk->flight_first == NULL && disk->queue_first == disk->watch.req))) {
            char what[64];

            block_describe(what, sizeof(what), disk->watch.req);
            format_string(why, size, "no answer to %s in %u ms", what, block_timeout_ms(disk));
            disk->stats.timeouts++;
        }
    }
    block_leave(disk);
    if (disk->reset_wanted && why[0] == '\0') {
        format_string(why, size, "it needs a reset");
    }
}

/* Look at all disks. Returns when to do so again, nanoseconds from now; 0: when there is work. */
static uint64_t look_at_all(void)
{
    uint64_t again = 0;
    char why[96];

    for (struct block_device *disk = block_next(NULL); disk != NULL; disk = block_next(disk)) {
        if (disk->whole != NULL) {
            continue;
        }
        look_at(disk, why, sizeof(why));
        if (why[0] != '\0') {
            block_reset(disk, why);
        }
        if (!block_is_idle(disk) && (again == 0 || interval(disk) < again)) {
            again = interval(disk);
        }
    }
    return again;
}

/* Who submits while we look sets block_watched: then there is another look. */
static void watch(void *unused)
{
    (void)unused;
    for (;;) {
        spin_lock(&lock);
        block_watched = urgent = false;
        spin_unlock(&lock);
        uint64_t again = look_at_all();

        spin_lock(&lock);
        if (again != 0) {
            block_watched = true;
            if (!urgent) {
                wait_sleep_for(&watcher, &lock, again);
            }
        }
        while (!block_watched) {
            wait_sleep(&watcher, &lock);
        }
        spin_unlock(&lock);
    }
}

void block_start(void)
{
    struct thread *thread = thread_create("disks", watch, NULL, THREAD_HIGH, THREAD_UNSTOPPABLE);

    ASSERT(thread != NULL, "no memory for the thread of the disks");
    thread_detach(thread);
}
