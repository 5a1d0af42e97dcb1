/*
 * checkbits.c - pass 4: the bitmaps and the checksum table, as they are and as the passes before
 * say that they should be. All three are gone through from one end to the other, once.
 */
#include "fs/checkwork.h"

/* ---- Bitmaps ---- */

/* One of the two. */
struct judge {
    struct check *c;
    uint64_t start, bits;
    /* Fill EXPECTED with the bits from FIRST on, a block of them. */
    void (*expect)(const struct check *c, uint64_t first, uint8_t *expected);
    enum check_kind free, leak;
};

static bool bit_of(const uint8_t *bits, uint64_t bit)
{
    return bits[bit / 8] >> bit % 8 & 1;
}

static void expect_blocks(const struct check *c, uint64_t first, uint8_t *expected)
{
    for (uint32_t done = 0; done < c->fs->bs;) {
        uint64_t bit = first + 8ull * done, piece = bit / PIECE_BITS;
        uint32_t at = (uint32_t)(bit % PIECE_BITS / 8), left = c->fs->bs - done;
        uint32_t count = left < PIECE_BYTES - at ? left : PIECE_BYTES - at;

        if (piece < c->used.pieces && c->used.piece[piece] != NULL) {
            memcpy(expected + done, c->used.piece[piece] + at, count);
        } else {
            memset(expected + done, 0, count);
        }
        done += count;
    }
}

static void expect_inodes(const struct check *c, uint64_t first, uint8_t *expected)
{
    memset(expected, 0, c->fs->bs);
    for (uint64_t bit = 0; bit < 8ull * c->fs->bs; bit += PIECE_INODES) {
        uint64_t piece = (first + bit) / PIECE_INODES;
        const struct check_inode *inode = piece < c->inode_pieces ? c->inode[piece] : NULL;

        for (uint32_t i = 0; i < PIECE_INODES && inode != NULL; i++) {
            expected[(bit + i) / 8] |= (uint8_t)((inode[i].type != 0) << i % 8);
        }
    }
}

/* Bits that stand for nothing are 1. */
static void expect_end(const struct judge *j, uint64_t first, uint8_t *expected)
{
    for (uint64_t bit = 0; bit < 8ull * j->c->fs->bs; bit++) {
        if (first + bit >= j->bits) {
            expected[bit / 8] |= (uint8_t)(1u << bit % 8);
        }
    }
}

static enum check_kind kind_of(const struct judge *j, uint64_t number, bool expected)
{
    if (number >= j->bits) {
        return KIND_BITMAP_END;
    }
    return expected ? j->free : j->leak;
}

/* Neighbours that are wrong in the same way are one finding. */
static void note_bits(const struct judge *j, uint64_t first, const uint8_t *is,
                      const uint8_t *ought)
{
    const uint64_t bits = 8ull * j->c->fs->bs;

    for (uint64_t bit = 0, next; bit < bits; bit = next) {
        bool wanted = bit_of(ought, bit);

        next = bit + 1;
        if (is[bit / 8] == ought[bit / 8] && bit % 8 == 0) {
            next = bit + 8;
        }
        if (bit_of(is, bit) == wanted) {
            continue;
        }
        enum check_kind kind = kind_of(j, first + bit, wanted);

        while (next < bits && bit_of(is, next) != bit_of(ought, next) &&
               kind_of(j, first + next, bit_of(ought, next)) == kind) {
            next++;
        }
        bool inodes = kind == KIND_INODE_FREE || kind == KIND_INODE_LEAK;

        check_note(j->c, kind, inodes ? NONE : first + bit, inodes ? first + bit : NONE, next - bit,
                   0);
    }
}

static void check_bitmap_block(const struct judge *j, uint64_t block, uint64_t first,
                               const uint8_t *is)
{
    struct check *c = j->c;
    bool changed = false;

    j->expect(c, first, c->scratch);
    if (j->bits - first < 8ull * c->fs->bs) {
        expect_end(j, first, c->scratch);
    }
    if (!check_matches(c, block, is)) {
        check_note(c, check_entry(c, block) == 0 ? KIND_CSUM_NONE : KIND_CSUM, block, NONE, 0, 0);
        changed = true;
    }
    if (memcmp(is, c->scratch, c->fs->bs) != 0) {
        note_bits(j, first, is, c->scratch);
        changed = true;
    }
    if (changed) {
        check_put(c, block, c->scratch);
    }
}

static void check_bitmap(const struct judge *j, uint64_t blocks)
{
    struct check *c = j->c;
    const uint32_t most = CHECK_RUN / c->fs->bs;

    for (uint64_t i = 0; i < blocks && c->error == 0; i += most) {
        uint32_t count = blocks - i < most ? (uint32_t)(blocks - i) : most;

        check_read(c, j->start + i, count, c->run);
        for (uint32_t k = 0; k < count && c->error == 0; k++) {
            check_bitmap_block(j, j->start + i + k, (i + k) * 8 * c->fs->bs,
                               c->run + (size_t)k * c->fs->bs);
        }
    }
}

void check_bitmaps(struct check *c)
{
    const struct sfs_super *s = &c->fs->super;
    const struct judge data = {
        c, s->data_bitmap_start, s->total_blocks, expect_blocks, KIND_BLOCK_FREE, KIND_BLOCK_LEAK};
    const struct judge inodes = {
        c, s->inode_bitmap_start, s->inode_count, expect_inodes, KIND_INODE_FREE, KIND_INODE_LEAK};

    check_bitmap(&inodes, c->fs->ibm_blocks);
    check_bitmap(&data, c->fs->dbm_blocks);
}

/* ---- The checksum table ---- */

/* May BLOCK have an entry? Those that must have one were looked at when they were read. */
static bool may_have_entry(const struct check *c, uint64_t block)
{
    const struct sfs_super *s = &c->fs->super;

    return block < s->total_blocks && ((block >= s->inode_bitmap_start && block < s->data_start) ||
                                       block == s->orphan_block || check_map_test(&c->meta, block));
}

/* The table's last block has entries of blocks that are not there. */
void check_checksums(struct check *c)
{
    const struct sfs *fs = c->fs;
    const uint64_t all = fs->has_journal ? fs->super.csum_blocks * (fs->bs / 4) : 0;

    for (uint64_t first = 0, count; first < all && c->error == 0; first += count) {
        const uint32_t *entry = check_entries(c, first, &count);

        for (uint64_t i = 0; i < count && c->error == 0; i++) {
            if (entry[i] != 0 && !may_have_entry(c, first + i)) {
                check_note(c, KIND_CSUM_STALE, first + i, NONE, entry[i], 0);
                check_put_entry(c, first + i, 0);
            }
        }
        check_progress(c, 95 + (unsigned)(first * 5 / all));
    }
}
