/*
 * checkbits.c - pass 4: the bitmaps and the checksum table, as they are and as the passes before
 * say that they should be. All three are gone through from one end to the other, once.
 */
#include "fs/checkwork.h"

/* ---- Bitmaps ---- */

/* One of the two. */
struct judge {
    struct check *c;
    uint64_t start, blocks, bits;
    const struct check_map *map; /* what it should be */
    enum check_kind free, leak;
    bool inodes;
};

/* What is wrong with BIT of a block whose first one is FIRST? KIND_COUNT: nothing. */
static enum check_kind judge_bit(const struct judge *j, uint64_t first, const uint8_t *is,
                                 const uint8_t *ought, uint64_t bit)
{
    bool wanted = ought[bit / 8] >> bit % 8 & 1;

    if ((is[bit / 8] >> bit % 8 & 1) == wanted) {
        return KIND_COUNT;
    }
    if (first + bit >= j->bits) {
        return KIND_BITMAP_END;
    }
    return wanted ? j->free : j->leak;
}

/* Neighbours that are wrong in the same way are one finding. */
static void note_bits(const struct judge *j, uint64_t first, const uint8_t *is,
                      const uint8_t *ought)
{
    const uint64_t bits = 8ull * j->c->fs->bs;

    for (uint64_t bit = 0, next; bit < bits; bit = next) {
        enum check_kind kind = judge_bit(j, first, is, ought, bit);
        bool inodes = j->inodes && kind != KIND_BITMAP_END;

        for (next = bit + 1; next < bits && judge_bit(j, first, is, ought, next) == kind; next++) {
        }
        if (kind != KIND_COUNT) {
            check_note(j->c, kind, inodes ? NONE : first + bit, inodes ? first + bit : NONE,
                       next - bit, 0);
        }
    }
}

static void check_bitmap(const struct judge *j)
{
    struct check *c = j->c;
    const uint32_t bs = c->fs->bs;

    for (uint64_t i = 0; i < j->blocks && c->error == 0; i++) {
        const uint64_t block = j->start + i, first = i * 8 * bs;
        const uint8_t *ought = check_map_bytes(j->map, first);

        check_read(c, block, 1, c->scratch);
        bool sound = check_verify(c, block, NONE, c->scratch);

        if (memcmp(c->scratch, ought, bs) != 0) {
            note_bits(j, first, c->scratch, ought);
            sound = false;
        }
        if (!sound) {
            check_put(c, block, ought);
        }
    }
}

void check_bitmaps(struct check *c)
{
    const struct sfs_super *s = &c->fs->super;
    const struct judge inodes = {c,        s->inode_bitmap_start, c->fs->ibm_blocks, s->inode_count,
                                 &c->live, KIND_INODE_FREE,       KIND_INODE_LEAK,   true};
    const struct judge data = {c,        s->data_bitmap_start, c->fs->dbm_blocks, s->total_blocks,
                               &c->used, KIND_BLOCK_FREE,      KIND_BLOCK_LEAK,   false};

    check_bitmap(&inodes);
    check_bitmap(&data);
}

/* ---- The checksum table ---- */

/* Those that must have an entry were looked at when they were read. The table's last block has
 * entries of blocks that are not there. */
void check_checksums(struct check *c)
{
    const uint64_t all = c->fs->super.csum_blocks * (c->fs->bs / sizeof(uint32_t));

    for (uint64_t first = 0; first < all && c->error == 0; first += ENTRY_EACH) {
        const uint32_t *entry = check_entry_of(c, first);

        for (uint64_t i = 0; i < ENTRY_EACH && first + i < all && c->error == 0; i++) {
            if (entry[i] != 0 && !check_is_covered(c, first + i)) {
                check_note(c, KIND_CSUM_STALE, first + i, NONE, entry[i], 0);
                check_clear_entry(c, first + i);
            }
        }
    }
    check_progress(c, 100);
}
