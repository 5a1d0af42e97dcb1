/*
 * block_done.c - the end of requests: another try, or counts, callbacks, and waking who waits.
 *
 * A request without a callback has its status at once. One with a callback gets it just before, so
 * that its submitter cannot take the memory back under the feet of the callback; its result waits
 * in the field tag, which is the driver's no more.
 */
#include "drivers/block_internal.h"

#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/sched/thread.h"

#define ERRORS_TOLD 8 /* one by one; later ones at each power of two */

const char *blk_error_name(int error)
{
    switch (error) {
    case BLK_EIO:
        return "EIO";
    case BLK_ENXIO:
        return "ENXIO";
    case BLK_ENOMEM:
        return "ENOMEM";
    case BLK_EINVAL:
        return "EINVAL";
    case BLK_EROFS:
        return "EROFS";
    case BLK_EOPNOTSUPP:
        return "EOPNOTSUPP";
    default:
        return "error";
    }
}

void block_describe(char *text, size_t size, const struct blk_req *req)
{
    if (req->op == BLK_FLUSH) {
        format_string(text, size, "flush");
    } else {
        format_string(text, size, "%s of %u sectors at %llu",
                      req->op == BLK_READ ? "read" : "write", req->nsect,
                      (unsigned long long)req->lba);
    }
}

/* A broken disk must not fill the log. */
static void tell_of_error(const struct block_device *disk, const struct blk_req *req, int status)
{
    const uint64_t errors = disk->dev.errors;
    char what[64];

    if (log_is_worth_it(errors, ERRORS_TOLD)) {
        block_describe(what, sizeof(what), req);
        log_line(disk->name, "%s: %s after %u tries, %llu errors so far", what,
                 blk_error_name(status), req->tries + 1, (unsigned long long)errors);
    }
}

static void count_end(struct block_device *device, const struct blk_req *req, int status,
                      unsigned bucket)
{
    struct blk_dev *dev = &device->dev;
    uint32_t sectors = status == 0 ? req->nsect : 0;

    if (req->op == BLK_READ) {
        dev->reads++;
        dev->sectors_read += sectors;
    } else if (req->op == BLK_WRITE) {
        dev->writes++;
        dev->sectors_written += sectors;
    } else {
        dev->flushes++;
    }
    dev->errors += status != 0;
    device->stats.micros[bucket]++;
}

/* The bucket of a request that took NANOS. */
static unsigned bucket_of(uint64_t nanos)
{
    uint64_t micros = nanos / NANOS_PER_MICRO;
    unsigned bucket = micros == 0 ? 0 : 64 - (unsigned)__builtin_clzll(micros);

    return bucket < BLOCK_HISTOGRAM ? bucket : BLOCK_HISTOGRAM - 1;
}

void block_finish(struct block_device *disk, struct blk_req *req, int status)
{
    if (disk->now == 0) {
        disk->now = clock_nanos();
    }
    unsigned bucket = bucket_of(disk->now - req->submitted_ns);

    count_end(disk, req, status, bucket);
    if (status == 0) {
        disk->watch.resets = 0;
    } else {
        tell_of_error(disk, req, status);
    }
    if (req->dev != &disk->dev) {
        struct block_device *partition = block_of(req->dev);

        count_end(partition, req, status, bucket);
        req->lba -= partition->first_sector; /* as it was submitted */
    }
    disk->ended++;
    disk->wake = true;
    if (req->done == NULL) {
        req->status = status;
        return;
    }
    req->tag = (uint32_t)status;
    req->next = NULL;
    *(disk->done_first != NULL ? &disk->done_last->next : &disk->done_first) = req;
    disk->done_last = req;
}

void block_complete(struct block_device *device, struct blk_req *req, int status)
{
    block_flight_remove(device, req);
    if (status == BLK_EIO && req->op != BLK_FLUSH && req->tries < device->retries) {
        req->tries++;
        device->stats.retries++;
        block_queue_add_first(device, req);
        return;
    }
    block_finish(device, req, status);
}

static void run_queue(struct block_device *disk)
{
    if (disk->queue_first != NULL && !disk->resetting) {
        disk->driver->run(disk);
    }
}

/* Call back what has ended, with the lock released meanwhile. */
static void call_back(struct block_device *disk)
{
    struct blk_req *req = disk->done_first;

    disk->done_first = disk->done_last = NULL;
    spin_unlock(&disk->lock);
    while (req != NULL) {
        struct blk_req *next = req->next; /* the callback may release REQ */

        req->status = (int32_t)req->tag;
        req->done(req);
        req = next;
    }
    block_enter(disk);
}

/*
 * Nobody but an interrupt comes between callbacks, since preemption is off: so whoever finds
 * somebody calling may leave the rest to him, and he is not kept from it.
 */
static void call_all_back(struct block_device *disk)
{
    disk->calling = true;
    preempt_disable();
    while (disk->done_first != NULL) {
        call_back(disk);
        run_queue(disk);
    }
    disk->calling = false;
}

void block_leave(struct block_device *disk)
{
    bool called = false;

    if (!disk->calling) {
        run_queue(disk);
        if (disk->done_first != NULL) {
            call_all_back(disk);
            called = true;
        }
        if (disk->wake) {
            disk->wake = false;
            wait_wake_all(&disk->waiters);
        }
    }
    spin_unlock(&disk->lock);
    if (called) {
        preempt_enable();
    }
}

int block_collect(struct block_device *disk, int budget)
{
    uint64_t before = disk->ended;

    if (!disk->resetting && disk->flight_first != NULL) {
        disk->driver->collect(disk, budget);
    }
    return (int)(disk->ended - before);
}

void block_interrupt(struct block_device *device)
{
    block_enter(device);
    device->stats.interrupts++;
    block_collect(device, INT32_MAX);
    block_leave(device);
}
