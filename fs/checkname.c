/*
 * checkname.c - has a directory two records of one name? A hash table of the names seen so far,
 * each with its place, 8 bytes a name. It has a limit: a directory with more names is gone through
 * several times, and each time only those names count whose hash falls into that round.
 */
#include "fs/checkwork.h"

#define NAMES_MOST  (1u << 16) /* in one round */
#define SLOTS_LEAST 64u
#define RECORD_MIN  16u /* bytes of a record */

/* A slot: the hash, and the place in units of 8 bytes, plus 1. */
#define PLACE_BITS 32

uint32_t check_names_begin(struct check *c, uint64_t size)
{
    uint64_t most = size / RECORD_MIN;
    uint32_t rounds = (uint32_t)(most / NAMES_MOST) + 1;
    uint32_t slots = SLOTS_LEAST;

    while (slots < 2 * most && slots < 2 * NAMES_MOST) {
        slots *= 2;
    }
    if (slots > c->name_slots) {
        port_free(c->name);
        c->name = port_alloc(slots * sizeof(*c->name));
        if (c->name == NULL) {
            check_fail(c, SFS_ENOMEM);
            slots = 0;
        }
        c->name_slots = slots;
    }
    c->name_used = slots;
    c->name_rounds = rounds;
    return rounds;
}

void check_names_round(struct check *c, uint32_t round)
{
    c->name_round = round;
    c->name_count = 0;
    if (c->error == 0) {
        memset(c->name, 0, c->name_used * sizeof(*c->name));
    }
}

static bool counts(const struct check *c, uint32_t hash)
{
    return c->error == 0 && hash % c->name_rounds == c->name_round;
}

/* Spread differently from the rounds. */
static uint32_t slot_of(uint32_t hash, uint32_t step)
{
    return (hash * 0x9E3779B1u >> 8 ^ hash) + step;
}

bool check_names_next(const struct check *c, uint32_t hash, uint32_t *step, uint64_t *position)
{
    while (counts(c, hash)) {
        uint64_t slot = c->name[slot_of(hash, (*step)++) & (c->name_used - 1)];

        if (slot == 0) {
            return false;
        }
        if (slot >> PLACE_BITS == hash) {
            *position = ((slot & UINT32_MAX) - 1) * 8;
            return true;
        }
    }
    return false;
}

/* More names in a round than there should be: the rest of them goes unchecked, rather than that the
 * table fills up. */
void check_names_add(struct check *c, uint32_t hash, uint64_t position)
{
    uint32_t at = 0;

    if (!counts(c, hash) || position / 8 >= UINT32_MAX || c->name_count >= c->name_used / 4 * 3) {
        return;
    }
    while (c->name[slot_of(hash, at) & (c->name_used - 1)] != 0) {
        at++;
    }
    c->name[slot_of(hash, at) & (c->name_used - 1)] =
        (uint64_t)hash << PLACE_BITS | (position / 8 + 1);
    c->name_count++;
}
