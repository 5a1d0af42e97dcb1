/*
 * block_queue.c - the requests that wait for the driver, and those that it has.
 *
 * The queue is served in the order of submission, but for flushes, which go first. For a device
 * that works on one request at a time it is sorted: from the place of the last request upwards to
 * the end of the disk, then again from its beginning. The distance from that place, modulo 2^64, is
 * the order. A request may end up before its place (put back, tried again, overlapping another
 * read): then it is served earlier, and no harm is done.
 */
#include "drivers/block_internal.h"

static void insert_after(struct block_device *disk, struct blk_req *before, struct blk_req *req)
{
    struct blk_req *after = before != NULL ? before->next : disk->queue_first;

    req->prev = before;
    req->next = after;
    *(before != NULL ? &before->next : &disk->queue_first) = req;
    *(after != NULL ? &after->prev : &disk->queue_last) = req;
}

/* From the end: who writes or reads on and on has his place there. */
static struct blk_req *elevator_place(const struct block_device *disk, const struct blk_req *req)
{
    struct blk_req *before = disk->queue_last;
    const uint64_t distance = req->lba - disk->sweep;

    while (before != NULL && before->op != BLK_FLUSH && before->lba - disk->sweep > distance) {
        before = before->prev;
    }
    return before;
}

void block_queue_add(struct block_device *disk, struct blk_req *req)
{
    if (req->op == BLK_FLUSH) {
        insert_after(disk, NULL, req);
    } else if (disk->one_by_one) {
        insert_after(disk, elevator_place(disk, req), req);
    } else {
        insert_after(disk, disk->queue_last, req);
    }
}

void block_queue_add_first(struct block_device *disk, struct blk_req *req)
{
    insert_after(disk, NULL, req);
}

/* Take REQ out of the list from *FIRST to *LAST. */
static inline void unlink(struct blk_req **first, struct blk_req **last, struct blk_req *req)
{
    *(req->prev != NULL ? &req->prev->next : first) = req->next;
    *(req->next != NULL ? &req->next->prev : last) = req->prev;
}

void block_queue_remove(struct block_device *disk, struct blk_req *req)
{
    unlink(&disk->queue_first, &disk->queue_last, req);
}

void block_flight_remove(struct block_device *disk, struct blk_req *req)
{
    unlink(&disk->flight_first, &disk->flight_last, req);
}

struct blk_req *block_take(struct block_device *device)
{
    struct blk_req *req = device->queue_first;

    if (req == NULL) {
        return NULL;
    }
    block_queue_remove(device, req);
    req->prev = device->flight_last;
    req->next = NULL;
    *(device->flight_last != NULL ? &device->flight_last->next : &device->flight_first) = req;
    device->flight_last = req;
    if (req->op != BLK_FLUSH) {
        device->sweep = req->lba + req->nsect;
    }
    return req;
}

/* A request that has failed goes alone, so that its neighbours do not fail with it again. */
static bool goes_on(const struct blk_req *previous, const struct blk_req *req)
{
    return req->op == previous->op && req->op != BLK_FLUSH && req->tries == 0 &&
           previous->tries == 0 && req->lba == previous->lba + previous->nsect;
}

struct blk_req *block_take_next(struct block_device *device, const struct blk_req *previous,
                                uint32_t max_sectors, uint32_t max_segments)
{
    struct blk_req *req = device->queue_first;

    if (req == NULL || !goes_on(previous, req) || req->nsect > max_sectors ||
        req->nseg > max_segments) {
        return NULL;
    }
    device->stats.merges++;
    if (req->dev != &device->dev) {
        block_of(req->dev)->stats.merges++;
    }
    return block_take(device);
}

void block_put_back(struct block_device *device, struct blk_req *req)
{
    block_flight_remove(device, req);
    block_queue_add_first(device, req);
}
