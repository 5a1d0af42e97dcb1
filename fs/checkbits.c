/*
 * checkbits.c - pass 4: the bitmaps and the checksum table, as they are and as the passes before
 * say that they should be. All three are gone through from one end to the other, once.
 */
#include "fs/checkwork.h"

/* ---- Bitmaps ---- */

/* A block of one of the two. */
struct bits {
    const uint8_t *is, *ought;
    uint64_t left; /* of them, that stand for something */
    enum check_kind free, leak;
};

/* What is wrong with BIT? KIND_COUNT: nothing. */
static enum check_kind judge_bit(const struct bits *b, uint64_t bit)
{
    bool is = b->is[bit / 8] >> bit % 8 & 1, ought = b->ought[bit / 8] >> bit % 8 & 1;

    if (is == ought) {
        return KIND_COUNT;
    }
    return bit >= b->left ? KIND_BITMAP_END : ought ? b->free : b->leak;
}

/* Neighbours that are wrong in the same way are one finding. FIRST is what the first bit stands for. */
static void note_bits(struct check *c, const struct bits *b, uint64_t first)
{
    for (uint64_t bit = 0, next; bit < 8ull * c->fs->bs; bit = next) {
        enum check_kind kind = judge_bit(b, bit);
        bool inodes = kind == KIND_INODE_FREE || kind == KIND_INODE_LEAK;

        for (next = bit + 1; next < 8ull * c->fs->bs && judge_bit(b, next) == kind; next++) {
        }
        if (kind != KIND_COUNT) {
            check_note(c, kind, inodes ? NONE : first + bit, inodes ? first + bit : NONE,
                       next - bit, 0);
        }
    }
}

/* The bitmap of BLOCKS blocks at START, of ALL bits that stand for something, should be MAP. */
static void check_bitmap(struct check *c, uint64_t start, uint64_t blocks, uint64_t all,
                         const struct check_map *map, struct bits b)
{
    const uint32_t bs = c->fs->bs;

    for (uint64_t i = 0; i < blocks && c->error == 0; i++) {
        const uint64_t first = i * 8 * bs;

        b.is = c->scratch;
        b.ought = check_map_bytes(map, first);
        b.left = all - first;
        check_read(c, start + i, 1, c->scratch);
        bool sound = check_verify(c, start + i, NONE, b.is);

        if (memcmp(b.is, b.ought, bs) != 0) {
            note_bits(c, &b, first);
            sound = false;
        }
        if (!sound) {
            check_put(c, start + i, b.ought);
        }
    }
}

void check_bitmaps(struct check *c)
{
    const struct sfs_super *s = &c->fs->super;

    check_bitmap(c, s->inode_bitmap_start, c->fs->ibm_blocks, s->inode_count, &c->live,
                 (struct bits){.free = KIND_INODE_FREE, .leak = KIND_INODE_LEAK});
    check_bitmap(c, s->data_bitmap_start, c->fs->dbm_blocks, s->total_blocks, &c->used,
                 (struct bits){.free = KIND_BLOCK_FREE, .leak = KIND_BLOCK_LEAK});
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
