/*
 * block_layer.h - stands in for drivers/block.c in unit tests of disk drivers: a queue, and a note
 * of how each request ended. No retries, no time-outs: a test does by hand what the real one does
 * by itself. For one .c file of a test.
 */
#ifndef SECTOR0_FAKES_BLOCK_LAYER_H
#define SECTOR0_FAKES_BLOCK_LAYER_H

#include <limits.h>
#include <stdlib.h>

#include "drivers/block.h"

static struct {
    struct block_device *device; /* the last one registered */
    unsigned devices;
    unsigned ended;  /* requests, so far */
    unsigned flying; /* requests taken and not ended */
    unsigned reset_asks, interrupts;
    uint64_t capacity; /* the last one set; 0: none */
} fake_block;

void block_register(struct block_device *device, const char *prefix)
{
    snprintf(device->name, sizeof(device->name), "%s%u", prefix, fake_block.devices++);
    device->dev.name = device->name;
    fake_block.device = device;
}

struct blk_req *block_take(struct block_device *device)
{
    struct blk_req *req = device->queue_first;

    if (req != NULL) {
        device->queue_first = req->next;
        fake_block.flying++;
    }
    return req;
}

void block_complete(struct block_device *device, struct blk_req *req, int status)
{
    (void)device;
    if (req->status != BLK_PENDING) {
        fail_msg("a request has ended twice");
    }
    req->status = status;
    fake_block.ended++;
    fake_block.flying--;
    if (req->done != NULL) {
        req->done(req);
    }
}

void block_interrupt(struct block_device *device)
{
    fake_block.interrupts++;
    spin_lock(&device->lock);
    device->driver->collect(device, INT_MAX);
    device->driver->run(device);
    spin_unlock(&device->lock);
}

void block_ask_for_reset(struct block_device *device)
{
    (void)device;
    fake_block.reset_asks++;
}

void block_set_capacity(struct block_device *device, uint64_t sectors)
{
    assert_false(spin_is_locked(&device->lock));
    fake_block.capacity = device->dev.nsect = sectors;
}

/* Put the list that begins with REQ behind what waits. */
static inline void fake_block_queue(struct block_device *device, struct blk_req *req)
{
    struct blk_req **end = &device->queue_first;

    for (struct blk_req *each = req; each != NULL; each = each->next) {
        each->status = BLK_PENDING;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = req;
}

/* The same, and let the driver run. */
static inline void fake_block_submit(struct block_device *device, struct blk_req *req)
{
    fake_block_queue(device, req);
    spin_lock(&device->lock);
    device->driver->run(device);
    spin_unlock(&device->lock);
}

#endif
