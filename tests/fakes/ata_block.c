/*
 * ata_block.c - a plain stand-in for drivers/block.c: it does what block.h promises to a driver, and
 * no more. Above all it asks the driver as seldom as the real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/cpu/cpu.h"
#include "tests/fakes/ata_machine.h"

unsigned machine_submitted, machine_done;

static void unlink_request(struct blk_req **first, struct blk_req **last, struct blk_req *req)
{
    struct blk_req **link = first;
    struct blk_req *before = NULL;

    while (*link != req) {
        assert_non_null(*link);
        before = *link;
        link = &before->next;
    }
    *link = req->next;
    if (*last == req) {
        *last = before;
    }
    req->next = NULL;
}

static void append(struct blk_req **first, struct blk_req **last, struct blk_req *req)
{
    req->next = NULL;
    *(*last != NULL ? &(*last)->next : first) = req;
    *last = req;
}

static void put_front(struct block_device *device, struct blk_req *req)
{
    req->next = device->queue_first;
    device->queue_first = req;
    if (device->queue_last == NULL) {
        device->queue_last = req;
    }
}

void block_register(struct block_device *device, const char *prefix)
{
    device->lock.name = "block";
    snprintf(device->name, sizeof(device->name), "%s%u", prefix, machine_disk_count);
    device->dev.name = device->name;
    machine_disks[machine_disk_count++] = device;
}

struct blk_req *block_take(struct block_device *device)
{
    struct blk_req *req = device->queue_first;

    assert_true(spin_is_locked(&device->lock));
    if (req != NULL) {
        unlink_request(&device->queue_first, &device->queue_last, req);
        append(&device->flight_first, &device->flight_last, req);
    }
    return req;
}

struct blk_req *block_take_next(struct block_device *device, const struct blk_req *previous,
                                uint32_t max_sectors, uint32_t max_segments)
{
    struct blk_req *next = device->queue_first;

    if (next == NULL || next->op != previous->op || next->op == BLK_FLUSH ||
        next->lba != previous->lba + previous->nsect || next->nsect > max_sectors ||
        next->nseg > max_segments) {
        return NULL;
    }
    device->stats.merges++;
    return block_take(device);
}

void block_complete(struct block_device *device, struct blk_req *req, int status)
{
    assert_true(spin_is_locked(&device->lock));
    unlink_request(&device->flight_first, &device->flight_last, req);
    if (status == BLK_EIO && req->op != BLK_FLUSH && req->tries < device->retries) {
        req->tries++;
        device->stats.retries++;
        put_front(device, req);
        return;
    }
    req->status = status;
    ((struct machine_request *)req)->order = ++machine_done;
}

/* The driver is not asked when there is nothing for it to do. */
static void run(struct block_device *device)
{
    if (device->queue_first != NULL && !device->resetting) {
        device->driver->run(device);
    }
}

static void collect(struct block_device *device)
{
    if (device->flight_first != NULL && !device->resetting) {
        device->driver->collect(device, 64);
    }
}

void block_interrupt(struct block_device *device)
{
    bool were_on = cpu_save_interrupts();

    device->stats.interrupts++;
    spin_lock(&device->lock);
    collect(device);
    run(device);
    spin_unlock(&device->lock);
    cpu_restore_interrupts(were_on);
}

void block_ask_for_reset(struct block_device *device)
{
    machine_resets_asked = true;
    device->reset_wanted = true; /* it happens later: until then everything goes on */
}

/* ---- What the tests call ---- */

void machine_enqueue(struct block_device *device, struct machine_request *request)
{
    append(&device->queue_first, &device->queue_last, &request->request);
    machine_submitted++;
}

void machine_kick(struct block_device *device)
{
    bool were_on = cpu_save_interrupts();

    spin_lock(&device->lock);
    run(device);
    spin_unlock(&device->lock);
    cpu_restore_interrupts(were_on);
}

/* Does what block_interrupt does, without one. */
void machine_poll(struct block_device *device)
{
    bool were_on = cpu_save_interrupts();

    spin_lock(&device->lock);
    collect(device);
    run(device);
    spin_unlock(&device->lock);
    cpu_restore_interrupts(were_on);
}

static void fail_flight(struct block_device *device, bool alive)
{
    spin_lock(&device->lock);
    while (device->flight_first != NULL) {
        struct blk_req *req = device->flight_first;

        if (req->op == BLK_READ && alive && req->tries++ < device->retries) {
            unlink_request(&device->flight_first, &device->flight_last, req);
            put_front(device, req);
        } else {
            req->tries = device->retries;
            block_complete(device, req, BLK_EIO);
        }
    }
    while (!alive && device->queue_first != NULL) {
        block_take(device);
        device->flight_first->tries = device->retries;
        block_complete(device, device->flight_first, BLK_EIO);
    }
    spin_unlock(&device->lock);
}

bool machine_reset(struct block_device *device)
{
    machine_resets_asked = false;
    device->reset_wanted = false;
    device->resetting = true;
    bool alive = device->driver->reset(device);

    device->resetting = false;
    device->lost = !alive;
    fail_flight(device, alive);
    machine_kick(device);
    return alive;
}
