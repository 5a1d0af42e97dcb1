/* enumerate.c - see enumerate.h: which crash points there are. Their states are in states.c. */
#include "tests/crash/enumerate.h"

#include <stdlib.h>
#include <string.h>

#include "tests/crash/hash.h"
#include "tests/crash/states.h"

/* What goes along the trace. */
struct course {
    struct point point;
    uint32_t *pending; /* writes, in the order of their submission */
    uint32_t count;
    uint32_t *place; /* of each sector of the disk: 1 + its index in point.sector, or 0 */
};

const uint8_t *enumerate_garbage(uint64_t lba)
{
    static uint64_t junk[BLK_SECTOR / 8];
    struct random random = {lba};

    for (unsigned i = 0; i < BLK_SECTOR / 8; i++) {
        junk[i] = random_next(&random);
    }
    return (const uint8_t *)junk;
}

/* ---- What is stable ---- */

static void make_stable(struct course *c, const struct trace_write *write)
{
    for (uint32_t i = 0; i < write->nsect; i++) {
        scratch_put(c->point.disk, write->lba + i, write->data + (size_t)i * BLK_SECTOR,
                    write->hash[i]);
    }
}

/* All that had completed before EVENT. */
static void completed_before(struct course *c, uint32_t event)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        const struct trace_write *write = &c->point.trace->write[c->pending[i]];

        if (write->completed != TRACE_NEVER && write->completed < event) {
            make_stable(c, write);
        } else {
            c->pending[left++] = c->pending[i];
        }
    }
    c->count = left;
    scratch_keep(c->point.disk);
}

/* ---- What is pending ---- */

static struct sector *sector_at(struct course *c, uint64_t lba)
{
    struct point *p = &c->point;

    if (c->place[lba] == 0) {
        if (p->sectors == p->room) {
            p->room = p->room == 0 ? 64 : 2 * p->room;
            p->sector = realloc(p->sector, p->room * sizeof(*p->sector));
            p->choice = realloc(p->choice, p->room);
        }
        struct sector *sector = &p->sector[p->sectors++];

        sector->lba = lba;
        sector->versions = 1;
        sector->version[0] =
            (struct version){p->disk->bytes + lba * BLK_SECTOR, p->disk->hash[lba], TRACE_NEVER};
        c->place[lba] = p->sectors;
    }
    return &p->sector[c->place[lba] - 1];
}

static void add_version(struct course *c, const struct trace_write *write, uint32_t number,
                        uint32_t i)
{
    struct sector *sector = sector_at(c, write->lba + i);

    if (sector->version[sector->versions - 1].hash == write->hash[i]) {
        return; /* the same contents again */
    }
    if (sector->versions == VERSIONS) {
        memmove(&sector->version[1], &sector->version[2],
                (VERSIONS - 2) * sizeof(sector->version[0]));
        sector->versions--;
    }
    sector->version[sector->versions++] =
        (struct version){write->data + (size_t)i * BLK_SECTOR, write->hash[i], number};
}

/* Sectors that are as they were do not count. */
static void drop_unchanged(struct point *p)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < p->sectors; i++) {
        if (p->sector[i].versions > 1) {
            p->sector[left++] = p->sector[i];
        }
    }
    p->sectors = left;
}

static void gather(struct course *c)
{
    struct point *p = &c->point;

    p->sectors = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct trace_write *write = &p->trace->write[c->pending[i]];

        for (uint32_t s = 0; s < write->nsect; s++) {
            add_version(c, write, c->pending[i], s);
        }
    }
    for (uint32_t i = 0; i < p->sectors; i++) {
        c->place[p->sector[i].lba] = 0;
    }
    drop_unchanged(p);
    p->hash = p->disk->all;
    p->garbage = TRACE_NEVER;
    p->number = 0;
    if (p->sectors > 0) {
        memset(p->choice, 0, p->sectors);
    }
}

void enumerate_apply(const struct point *p)
{
    for (uint32_t i = 0; i < p->sectors; i++) {
        const struct sector *sector = &p->sector[i];

        if (p->choice[i] == CHOICE_GARBAGE) {
            const uint8_t *junk = enumerate_garbage(sector->lba);

            scratch_put(p->disk, sector->lba, junk, hash_sector(sector->lba, junk));
        } else if (p->choice[i] > 0) {
            const struct version *version = &sector->version[p->choice[i]];

            scratch_put(p->disk, sector->lba, version->data, version->hash);
        }
    }
}

/* ---- Along the trace ---- */

static void follow(struct course *c, uint32_t number)
{
    const struct event *event = &c->point.trace->event[number];

    switch (event->kind) {
    case EVENT_SUBMIT:
        c->pending[c->count++] = event->what;
        break;
    case EVENT_COMPLETE:
        if (!c->point.trace->volatile_cache) {
            completed_before(c, number + 1);
        }
        break;
    case EVENT_FLUSHED:
        completed_before(c, event->what);
        break;
    case EVENT_OP_BEGINS:
        c->point.now = event->what;
        break;
    case EVENT_OP_RETURNED:
        c->point.need = event->what;
        break;
    case EVENT_FLUSH:
        break;
    }
}

/* Is the state before the next event worth looking at? A point that adds nothing to the next one is
 * not, see enumerate.h. */
static bool is_crash_point(const struct trace *trace, uint32_t event)
{
    bool last = event + 1 == trace->events;
    bool grows = !last && (trace->event[event + 1].kind == EVENT_SUBMIT ||
                           trace->event[event + 1].kind == EVENT_COMPLETE);

    switch (trace->event[event].kind) {
    case EVENT_SUBMIT:
        return !grows || !trace->volatile_cache;
    case EVENT_COMPLETE:
        return !grows && trace->volatile_cache;
    case EVENT_OP_RETURNED:
        return true;
    default:
        return last;
    }
}

void enumerate(const struct trace *trace, uint32_t first, struct scratch *disk,
               const struct effort *effort, uint64_t seed, bool (*visit)(void *, struct point *),
               void *ctx)
{
    struct course c = {.point = {.trace = trace, .disk = disk},
                       .pending = malloc((trace->writes + 1) * sizeof(*c.pending)),
                       .place = calloc(disk->sectors, sizeof(*c.place))};
    bool more = true;

    for (uint32_t event = 0; event < trace->events && more; event++) {
        follow(&c, event);
        if (event >= first && is_crash_point(trace, event)) {
            c.point.event = event;
            gather(&c);
            more = states_visit(&c.point, effort, seed + event, visit, ctx);
        }
    }
    free(c.point.sector);
    free(c.point.choice);
    free(c.pending);
    free(c.place);
}
