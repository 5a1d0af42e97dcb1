/*
 * checkname.c - has a directory two records of one name? A hash table of the names seen so far,
 * each with its place, 8 bytes a name, as large as the directory asks for, up to a limit. A
 * directory with more names is gone through again, several times, and each time only those names
 * count whose hash falls into that round.
 */
#include "fs/checkwork.h"

#define NAMES_MOST  (1u << 16) /* in one round, about */
#define NAME_LEAST  16         /* bytes of the smallest record */
#define SLOTS_LEAST 64u
#define SLOTS_MOST  (2 * NAMES_MOST)
#define AGAIN_MOST  64   /* blocks read in search of one name twice, for each of all directories */
#define AGAIN_FREE  4096 /* and so many in any case */

/* A slot: 24 bits of the hash, mixed, and the place, in units of 8 bytes from the start of the
 * volume, plus 1: up to 8 TiB. */
#define PLACE_BITS 40
#define PLACE_MASK ((1ull << PLACE_BITS) - 1)

/* Names can be made of which all have one hash, and directories so large that the rounds take days:
 * there is an end to the search. */
static bool may_search(const struct check *c)
{
    return c->error == 0 && c->again < AGAIN_FREE + AGAIN_MOST * c->dir_blocks;
}

static void make_table(struct check *c, uint32_t slots)
{
    if (slots > c->name_room) {
        port_free(c->name);
        c->name = port_alloc(slots * sizeof(*c->name));
        c->name_room = c->name != NULL ? slots : 0;
        check_fail(c, c->name != NULL ? 0 : SFS_ENOMEM);
        port_random(&c->name_salt, sizeof(c->name_salt));
    }
    if (c->name != NULL) {
        memset(c->name, 0, slots * sizeof(*c->name));
    }
    c->name_slots = slots;
}

bool check_names_begin(struct check *c, uint64_t bytes, uint32_t round)
{
    uint32_t slots = SLOTS_LEAST;

    if (round == 0) {
        c->name_rounds = 1;
    } else if (round == 1) {
        c->name_rounds =
            c->name_total > c->name_count ? (uint32_t)(c->name_total / NAMES_MOST) + 1 : 0;
    }
    if (round > 0 && (round > c->name_rounds || !may_search(c))) {
        return false;
    }
    while (slots < SLOTS_MOST && slots < 2 * (bytes / NAME_LEAST)) {
        slots *= 2;
    }
    make_table(c, slots);
    c->name_round = round % c->name_rounds;
    c->name_count = c->name_total = 0;
    return true;
}

/* Has RECORD of BLOCK, which is in c->dir_block, the same name as the one at PLACE? */
static bool same_name(struct check *c, uint64_t block, const struct sfs_record *record,
                      uint64_t place)
{
    const uint64_t number = place * 8 >> c->fs->bs_shift;
    uint8_t *data = number == block ? c->dir_block : c->scratch2;
    const struct sfs_dirblock in = check_dirblock(c, data);
    struct sfs_record other;

    if (number != block) {
        c->again++;
        check_read(c, number, 1, data);
    }
    return sfs_dirblock_get(&in, (uint32_t)(place * 8) & (c->fs->bs - 1), &other) > 0 &&
           other.name_length == record->name_length &&
           memcmp(other.name, record->name, other.name_length) == 0;
}

/* With a number that nobody knows before, so that nobody can make names that fall on each other,
 * but for those of one and the same hash. A table that is nearly full takes no more. */
bool check_name_again(struct check *c, uint64_t block, const struct sfs_record *record)
{
    const uint64_t hash = sfs_name_hash(record->name, record->name_length);
    const uint64_t mixed = hash * (c->name_salt | 1) >> PLACE_BITS;
    const uint64_t place = ((block << c->fs->bs_shift) + record->offset) / 8 + 1;

    if (mixed % c->name_rounds != c->name_round || place > PLACE_MASK) {
        return false;
    }
    for (uint64_t at = mixed; may_search(c); at++) {
        uint64_t *slot = &c->name[at & (c->name_slots - 1)];

        if (*slot == 0) {
            c->name_total++;
            if (c->name_count < c->name_slots / 4 * 3) {
                *slot = mixed << PLACE_BITS | place;
                c->name_count++;
            }
            return false;
        }
        if (*slot >> PLACE_BITS == mixed && same_name(c, block, record, (*slot & PLACE_MASK) - 1)) {
            return true;
        }
    }
    return false;
}
