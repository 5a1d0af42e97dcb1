/*
 * checkname.c - has a directory two records of one name? A hash table of the names seen so far,
 * each with its place, 8 bytes a name. It grows up to a limit. A directory with more names is gone
 * through again, several times, and each time only those names count whose hash falls into that
 * round.
 */
#include "fs/checkwork.h"

#define NAMES_MOST  (1u << 16) /* in one round, about */
#define SLOTS_LEAST 64u
#define SLOTS_MOST  (2 * NAMES_MOST)

/* A slot: 24 bits of the hash, mixed, and the place, plus 1: up to 8 TiB. */
#define PLACE_BITS 40
#define PLACE_MASK ((1ull << PLACE_BITS) - 1)

/* With a number that nobody knows before, so that nobody can make names that fall on each other,
 * but for those of one and the same hash. */
static uint32_t mix(const struct check *c, uint32_t hash)
{
    return (uint32_t)(hash * c->name_salt >> PLACE_BITS);
}

static void put(uint64_t *table, uint32_t slots, uint64_t value)
{
    uint64_t at = value >> PLACE_BITS;

    while (table[at & (slots - 1)] != 0) {
        at++;
    }
    table[at & (slots - 1)] = value;
}

static void resize(struct check *c, uint32_t slots)
{
    uint64_t *table = port_alloc(slots * sizeof(*table));

    if (table == NULL) {
        check_fail(c, SFS_ENOMEM);
        return;
    }
    memset(table, 0, slots * sizeof(*table));
    for (uint32_t i = 0; i < c->name_used; i++) {
        if (c->name[i] != 0) {
            put(table, slots, c->name[i]);
        }
    }
    port_free(c->name);
    c->name = table;
    c->name_used = c->name_slots = slots;
}

void check_names_begin(struct check *c, uint32_t round, uint32_t rounds)
{
    c->name_round = round;
    c->name_rounds = rounds;
    c->name_count = 0;
    c->name_total = 0;
    if (c->name_slots < SLOTS_LEAST) {
        port_random(&c->name_salt, sizeof(c->name_salt));
        c->name_salt |= 1;
        c->name_used = 0;
        resize(c, SLOTS_LEAST);
    } else {
        c->name_used = SLOTS_LEAST;
        memset(c->name, 0, SLOTS_LEAST * sizeof(*c->name));
    }
}

uint32_t check_names_rounds(const struct check *c)
{
    return c->name_total > c->name_count ? (uint32_t)(c->name_total / NAMES_MOST) + 1 : 0;
}

static bool counts(const struct check *c, uint32_t hash)
{
    return c->error == 0 && mix(c, hash) % c->name_rounds == c->name_round;
}

bool check_names_next(const struct check *c, uint32_t hash, uint32_t *step, uint64_t *place)
{
    const uint64_t mixed = mix(c, hash);

    while (counts(c, hash)) {
        uint64_t slot = c->name[(mixed + (*step)++) & (c->name_used - 1)];

        if (slot == 0) {
            return false;
        }
        if (slot >> PLACE_BITS == mixed) {
            *place = (slot & PLACE_MASK) - 1;
            return true;
        }
    }
    return false;
}

/* A table that is full takes no more, so that there is always an empty slot to end a search. */
void check_names_add(struct check *c, uint32_t hash, uint64_t place)
{
    if (!counts(c, hash) || place >= PLACE_MASK) {
        return;
    }
    c->name_total++;
    if (c->name_count >= c->name_used / 4 * 3) {
        if (c->name_used == SLOTS_MOST) {
            return;
        }
        resize(c, 2 * c->name_used);
    }
    if (c->error == 0) {
        put(c->name, c->name_used, (uint64_t)mix(c, hash) << PLACE_BITS | (place + 1));
        c->name_count++;
    }
}
