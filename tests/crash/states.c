/*
 * states.c - see states.h. When there are too many states to take all:
 *
 *   - each prefix in the order of submission, sector by sector: so each torn write, too
 *   - one sector, or one write, dropped; one kept; two sectors dropped
 *   - each class of writes dropped, or kept alone
 *   - each write torn at each of its sectors, with all others kept, and with all others dropped
 *   - random choices, of each sector by itself
 *
 * And in any case each sector garbage, with the others kept and with the others dropped.
 */
#include "tests/crash/states.h"

#include <string.h>

#include "tests/crash/hash.h"

struct tour {
    struct point *point;
    const struct effort *effort;
    bool (*visit)(void *, struct point *);
    void *ctx;
    bool more;
    struct random random, chance;
    uint64_t states; /* of this point, about */
};

static uint64_t hash_of(const struct sector *sector, uint8_t choice)
{
    return choice == CHOICE_GARBAGE ? hash_sector(sector->lba, enumerate_garbage(sector->lba))
                                    : sector->version[choice].hash;
}

static void choose(struct point *p, uint32_t i, uint8_t choice)
{
    if (p->choice[i] != choice) {
        p->hash ^= hash_of(&p->sector[i], p->choice[i]) ^ hash_of(&p->sector[i], choice);
        p->choice[i] = choice;
    }
}

/* States that are left out are numbered, too: so a number means the same whatever the limit. */
static void look(struct tour *t)
{
    bool chosen =
        t->states <= t->effort->limit || random_next(&t->chance) % t->states < t->effort->limit;

    if (t->more && chosen) {
        t->more = t->visit(t->ctx, t->point);
    }
    t->point->number++;
}

static uint8_t newest(const struct point *p, uint32_t i)
{
    return (uint8_t)(p->sector[i].versions - 1);
}

static void choose_all(struct point *p, bool kept)
{
    for (uint32_t i = 0; i < p->sectors; i++) {
        choose(p, i, kept ? newest(p, i) : 0);
    }
}

/* The newest version of sector I for which KEPT (of its write's number) says yes. */
static void choose_where(struct tour *t, uint32_t i, bool (*kept)(const struct tour *, uint32_t),
                         bool wanted)
{
    uint8_t choice = newest(t->point, i);

    while (choice > 0 && kept(t, t->point->sector[i].version[choice].write) != wanted) {
        choice--;
    }
    choose(t->point, i, choice);
}

/* ---- All of them ---- */

static void visit_all(struct tour *t)
{
    struct point *p = t->point;
    uint32_t i;

    choose_all(p, false);
    do {
        look(t);
        for (i = 0; i < p->sectors && p->choice[i] == newest(p, i); i++) {
            choose(p, i, 0);
        }
        if (i < p->sectors) {
            choose(p, i, (uint8_t)(p->choice[i] + 1));
        }
    } while (i < p->sectors && t->more);
}

/* ---- Some of them ---- */

/* Sectors stand in the order of their first write, and each version in that of its own: so sector
 * by sector, one version after the other, is the order of submission as far as it matters. */
static void visit_prefixes(struct tour *t)
{
    struct point *p = t->point;
    uint32_t first = TRACE_NEVER, last = 0;

    for (uint32_t i = 0; i < p->sectors; i++) {
        uint32_t begin = p->sector[i].version[1].write;
        uint32_t end = p->sector[i].version[newest(p, i)].write;

        first = begin < first ? begin : first;
        last = end > last ? end : last;
    }
    choose_all(p, false);
    look(t);
    for (uint32_t write = first; write <= last && t->more; write++) {
        for (uint32_t i = 0; i < p->sectors; i++) {
            for (uint8_t v = 1; v <= newest(p, i); v++) {
                if (p->sector[i].version[v].write == write) {
                    choose(p, i, v);
                    look(t);
                }
            }
        }
    }
}

static void visit_single_sectors(struct tour *t)
{
    struct point *p = t->point;

    for (int kept = 0; kept < 2; kept++) {
        for (uint32_t i = 0; i < p->sectors && t->more; i++) {
            choose_all(p, kept == 0);
            for (uint8_t v = 0; v <= newest(p, i); v++) {
                choose(p, i, v);
                look(t);
            }
        }
    }
}

static void visit_pairs(struct tour *t)
{
    struct point *p = t->point;

    for (uint32_t i = 0; p->sectors <= t->effort->pairs && i < p->sectors; i++) {
        for (uint32_t k = i + 1; k < p->sectors && t->more; k++) {
            choose_all(p, true);
            choose(p, i, (uint8_t)(newest(p, i) - 1));
            choose(p, k, (uint8_t)(newest(p, k) - 1));
            look(t);
        }
    }
}

static uint32_t looked_for; /* by the next two */

static bool is_class(const struct tour *t, uint32_t write)
{
    return t->point->trace->write[write].cls == looked_for;
}

static bool is_write(const struct tour *t, uint32_t write)
{
    (void)t;
    return write == looked_for;
}

static void visit_without_and_alone(struct tour *t, bool (*is)(const struct tour *, uint32_t))
{
    for (int wanted = 0; wanted < 2; wanted++) {
        for (uint32_t i = 0; i < t->point->sectors; i++) {
            choose_where(t, i, is, wanted == 1);
        }
        look(t);
    }
}

static void visit_classes(struct tour *t)
{
    for (looked_for = BLK_CLASS_NONE; looked_for <= BLK_CLASS_DATA; looked_for++) {
        visit_without_and_alone(t, is_class);
    }
}

/* Write W is torn behind each of its sectors, and all others are as they are. */
static void visit_torn(struct tour *t, uint32_t w, bool others)
{
    struct point *p = t->point;

    choose_all(p, others);
    for (uint32_t i = 0; i < p->sectors; i++) {
        if (p->sector[i].version[newest(p, i)].write == w) {
            choose(p, i, (uint8_t)(newest(p, i) - 1));
        }
    }
    for (uint32_t i = 0; i < p->sectors && t->more; i++) {
        if (p->sector[i].version[newest(p, i)].write == w) {
            look(t);
            choose(p, i, newest(p, i));
        }
    }
}

static void visit_writes(struct tour *t)
{
    uint32_t last = TRACE_NEVER;

    for (uint32_t i = 0; i < t->point->sectors && t->more; i++) {
        uint32_t w = t->point->sector[i].version[newest(t->point, i)].write;

        if (w != last) {
            looked_for = w;
            visit_without_and_alone(t, is_write);
            visit_torn(t, w, true);
            visit_torn(t, w, false);
        }
        last = w;
    }
}

static void visit_random(struct tour *t)
{
    static const uint32_t kept[] = {10, 50, 90}; /* per cent */
    struct point *p = t->point;

    for (unsigned k = 0; k < sizeof(kept) / sizeof(kept[0]); k++) {
        for (uint32_t n = 0; n < t->effort->random && t->more; n++) {
            for (uint32_t i = 0; i < p->sectors; i++) {
                bool keep = random_below(&t->random, 100) < kept[k];

                choose(p, i, keep ? newest(p, i) : (uint8_t)random_below(&t->random, newest(p, i)));
            }
            look(t);
        }
    }
}

static void visit_garbage(struct tour *t)
{
    struct point *p = t->point;

    for (int kept = 0; kept < 2; kept++) {
        for (uint32_t i = 0; i < p->sectors && t->more; i++) {
            choose_all(p, kept == 1);
            choose(p, i, CHOICE_GARBAGE);
            p->garbage = i;
            look(t);
            p->garbage = TRACE_NEVER;
        }
    }
}

/* Are there few? Estimates how many will be visited. */
static bool few(struct tour *t)
{
    const struct point *p = t->point;
    uint64_t product = 1, versions = 0;

    for (uint32_t i = 0; i < p->sectors; i++) {
        product *= product <= t->effort->exhaustive ? p->sector[i].versions : 1;
        versions += p->sector[i].versions;
    }
    t->states = 2 * p->sectors + product;
    if (product <= t->effort->exhaustive) {
        return true;
    }
    t->states = 2 * p->sectors + 5 * versions + 3 * t->effort->random;
    t->states += p->sectors <= t->effort->pairs ? p->sectors * p->sectors / 2 : 0;
    return false;
}

bool states_visit(struct point *point, const struct effort *effort, uint64_t seed,
                  bool (*visit)(void *, struct point *), void *ctx)
{
    struct tour t = {.point = point,
                     .effort = effort,
                     .visit = visit,
                     .ctx = ctx,
                     .more = true,
                     .random = {seed},
                     .chance = {~seed}};

    if (few(&t)) {
        visit_all(&t);
    } else {
        visit_prefixes(&t);
        visit_single_sectors(&t);
        visit_pairs(&t);
        visit_classes(&t);
        visit_writes(&t);
        visit_random(&t);
    }
    visit_garbage(&t);
    return t.more;
}
