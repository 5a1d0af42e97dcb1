/* crashsim.c - see crashsim.h. */
#include "tests/crash/crashsim.h"

#include <stdlib.h>
#include <string.h>

#include "fs/port.h"
#include "tests/crash/fiber.h"
#include "tests/crash/hash.h"

#define FLIGHTS 64

/* A request between its submission and its completion. */
struct flight {
    struct blk_req *req;
    uint32_t write; /* its number, of a write */
    uint32_t event; /* of its submission, of a flush */
};

struct crashsim {
    struct blk_dev dev;
    uint8_t *now;
    struct trace trace;
    struct flight flight[FLIGHTS];
    unsigned flights;
    struct random random;
};

static void refuse(const char *why)
{
    port_panic(__FILE__, __LINE__, why);
}

static bool overlap(const struct blk_req *a, const struct blk_req *b)
{
    return a->lba < b->lba + b->nsect && b->lba < a->lba + a->nsect &&
           (a->op == BLK_WRITE || b->op == BLK_WRITE);
}

static void check_request(const struct crashsim *sim, const struct blk_req *req)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < req->nseg; i++) {
        bytes += req->seg[i].len;
    }
    if (bytes != req->nsect * (uint64_t)BLK_SECTOR || req->nseg > sim->dev.max_seg ||
        req->nsect > sim->dev.max_sect || req->lba > sim->dev.nsect ||
        req->nsect > sim->dev.nsect - req->lba) {
        refuse("a request that the device cannot do");
    }
    for (unsigned i = 0; i < sim->flights; i++) {
        if (overlap(sim->flight[i].req, req)) {
            refuse("overlapping requests in flight");
        }
    }
    if (sim->flights == FLIGHTS) {
        refuse("more requests than this disk takes");
    }
}

static void read_now(const struct crashsim *sim, const struct blk_req *req)
{
    const uint8_t *from = sim->now + req->lba * BLK_SECTOR;

    for (unsigned i = 0; i < req->nseg; i++) {
        memcpy(req->seg[i].va, from, req->seg[i].len);
        from += req->seg[i].len;
    }
}

static void complete_write(struct crashsim *sim, const struct flight *flight)
{
    struct trace_write *write = &sim->trace.write[flight->write];
    const uint8_t *data = write->data;

    for (unsigned i = 0; i < flight->req->nseg; i++) {
        if (memcmp(data, flight->req->seg[i].va, flight->req->seg[i].len) != 0) {
            refuse("the memory of a write has changed before its completion");
        }
        data += flight->req->seg[i].len;
    }
    memcpy(sim->now + write->lba * BLK_SECTOR, write->data, (size_t)write->nsect * BLK_SECTOR);
    write->completed = trace_event(&sim->trace, EVENT_COMPLETE, flight->write);
}

static void complete(struct crashsim *sim, unsigned which)
{
    struct flight flight = sim->flight[which];

    sim->flight[which] = sim->flight[--sim->flights];
    switch (flight.req->op) {
    case BLK_READ:
        read_now(sim, flight.req);
        break;
    case BLK_WRITE:
        complete_write(sim, &flight);
        break;
    case BLK_FLUSH:
        trace_event(&sim->trace, EVENT_FLUSHED, flight.event);
        sim->dev.flushes++;
        break;
    default:
        refuse("a request that nobody knows");
    }
    flight.req->status = 0;
    if (flight.req->done != NULL) {
        flight.req->done(flight.req);
    }
}

static void take(struct crashsim *sim, struct blk_req *req)
{
    struct flight flight = {.req = req};

    check_request(sim, req);
    req->status = BLK_PENDING;
    if (req->op == BLK_WRITE) {
        flight.write = trace_submit(&sim->trace, req);
    } else if (req->op == BLK_FLUSH) {
        flight.event = trace_event(&sim->trace, EVENT_FLUSH, 0);
    }
    sim->flight[sim->flights++] = flight;
}

static int sim_submit(struct blk_dev *dev, struct blk_req *list)
{
    struct crashsim *sim = (struct crashsim *)dev;
    struct blk_req *next;

    for (struct blk_req *req = list; req != NULL; req = next) {
        next = req->next;
        take(sim, req);
        if (random_below(&sim->random, 4) == 0) {
            complete(sim, random_below(&sim->random, sim->flights));
        }
    }
    return 0;
}

/* Some others complete first, but not all of them. */
static int sim_wait(struct blk_dev *dev, struct blk_req *req)
{
    struct crashsim *sim = (struct crashsim *)dev;

    fiber_turn(2);
    while (req->status == BLK_PENDING && random_below(&sim->random, 2) == 0) {
        complete(sim, random_below(&sim->random, sim->flights));
        fiber_turn(2);
    }
    for (unsigned i = 0; req->status == BLK_PENDING && i < sim->flights; i++) {
        if (sim->flight[i].req == req) {
            complete(sim, i);
        }
    }
    return req->status;
}

static int sim_poll(struct blk_dev *dev, int budget)
{
    struct crashsim *sim = (struct crashsim *)dev;

    for (int i = 0; i < budget; i++) {
        if (sim->flights == 0) {
            return i;
        }
        complete(sim, 0);
    }
    return budget;
}

static const struct blk_ops sim_ops = {sim_submit, sim_poll, sim_wait};

struct crashsim *crashsim_create(const uint8_t *bytes, uint64_t sectors, uint64_t seed)
{
    struct crashsim *sim = calloc(1, sizeof(*sim));

    sim->dev = (struct blk_dev){.ops = &sim_ops,
                                .name = "crashsim",
                                .nsect = sectors,
                                .lbs = BLK_SECTOR,
                                .max_seg = 32,
                                .max_sect = 64,
                                .queue_depth = 8,
                                .volatile_cache = true};
    sim->now = malloc(sectors * BLK_SECTOR);
    memcpy(sim->now, bytes, sectors * BLK_SECTOR);
    sim->random.state = seed;
    return sim;
}

void crashsim_free(struct crashsim *sim)
{
    if (sim->flights > 0) {
        refuse("a disk that is taken away while it works");
    }
    trace_free(&sim->trace);
    free(sim->now);
    free(sim);
}

struct blk_dev *crashsim_dev(struct crashsim *sim)
{
    return &sim->dev;
}

struct trace *crashsim_trace(struct crashsim *sim)
{
    sim->trace.volatile_cache = sim->dev.volatile_cache;
    return &sim->trace;
}

bool crashsim_is_busy(const struct crashsim *sim)
{
    return sim->flights > 0;
}

uint8_t *crashsim_bytes(struct crashsim *sim)
{
    return sim->now;
}
