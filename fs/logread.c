/*
 * logread.c - is there a valid transaction in the log? Nothing here is believed before it is
 * checked: every record's checksum covers its place, every tag's checksum its payload and its home,
 * and the commit block counts and chains the descriptors. What cannot be read is not valid.
 */
#include "fs/log.h"

/* Log block AT, by way of chunk. NULL: it cannot be read. Valid until the next call. */
static uint8_t *log_block(struct sfs *fs, uint32_t at)
{
    struct sfs_journal *j = fs->journal;

    if (j->chunk_count == 0 || at < j->chunk_at || at - j->chunk_at >= j->chunk_count) {
        uint32_t left = (uint32_t)fs->super.journal_blocks - at, most = LOG_CHUNK / fs->bs;

        j->chunk_at = at;
        j->chunk_count = left < most ? left : most;
        if (sfs_read_blocks(fs, fs->super.journal_start + at, j->chunk_count, j->chunk) < 0) {
            j->chunk_count = 1; /* one bad sector must not hide its neighbours */
            if (sfs_read_blocks(fs, fs->super.journal_start + at, 1, j->chunk) < 0) {
                j->chunk_count = 0;
                return NULL;
            }
        }
    }
    return j->chunk + (size_t)(at - j->chunk_at) * fs->bs;
}

/* The walk's next block; NULL also if the transaction would fill the log. */
static uint8_t *next_block(struct sfs *fs, struct walk *w)
{
    if (w->total >= fs->journal->log - 1) {
        return NULL;
    }
    uint8_t *block = log_block(fs, w->at);

    w->at = w->at + 1 == fs->super.journal_blocks ? SFS_LOG_FIRST : w->at + 1;
    w->total++;
    return block;
}

/* ---- Is it valid? ---- */

static uint32_t record_seed(const struct sfs *fs, uint64_t at)
{
    return sfs_csum(fs->u, &at, sizeof(at));
}

static bool is_descriptor(const struct sfs *fs, const uint8_t *block, uint32_t at)
{
    static const uint8_t zero[4];
    const struct sfs_descriptor *d = (const struct sfs_descriptor *)block;
    const size_t crc_at = offsetof(struct sfs_descriptor, crc), behind = sizeof(*d);

    if (d->magic != SFS_RECORD_MAGIC || d->type != SFS_RECORD_DESCRIPTOR) {
        return false;
    }
    uint32_t crc = sfs_csum(record_seed(fs, at), block, crc_at);

    crc = sfs_csum(crc, zero, sizeof(zero));
    return d->crc == sfs_csum(crc, block + behind, fs->bs - behind);
}

static bool is_commit(const struct sfs *fs, const uint8_t *block, uint32_t at)
{
    const struct sfs_commit *c = (const struct sfs_commit *)block;

    return c->magic == SFS_RECORD_MAGIC && c->type == SFS_RECORD_COMMIT &&
           c->crc == sfs_csum(record_seed(fs, at), c, offsetof(struct sfs_commit, crc));
}

static bool home_allowed(const struct sfs *fs, uint64_t home)
{
    const struct sfs_super *s = &fs->super;

    return home != 0 && home < s->total_blocks && home != s->backup_sb_block &&
           (home < s->journal_start || home - s->journal_start >= s->journal_blocks);
}

/* The tags' number, the zeros behind them, and where they point to. */
static bool tags_valid(const struct sfs *fs, const struct sfs_descriptor *d)
{
    static const struct sfs_tag none;
    const uint32_t most = (uint32_t)SFS_TAGS_PER_BLOCK(fs->bs);
    bool last = (d->flags & SFS_DESCRIPTOR_LAST) != 0;

    if (d->ntags == 0 || d->ntags > most || (d->ntags < most && !last)) {
        return false;
    }
    for (uint32_t i = 0; i < most; i++) {
        if (i < d->ntags ? !home_allowed(fs, d->tag[i].home)
                         : memcmp(&d->tag[i], &none, sizeof(none)) != 0) {
            return false;
        }
    }
    return true;
}

/* The transaction's copies. */
static struct sfs_piece *copies(const struct sfs *fs)
{
    return fs->journal->overlay + fs->journal->overlay_count;
}

static bool check_payload(struct sfs *fs, struct walk *w, const struct sfs_descriptor *d)
{
    for (uint32_t i = 0; i < d->ntags; i++) {
        uint64_t from = fs->super.journal_start + w->at;
        const uint8_t *block = next_block(fs, w);

        if (block == NULL || fs->journal->overlay_count + w->count == fs->journal->log ||
            (sfs_csum_entry(fs->u, d->tag[i].home, block, fs->bs) != d->tag[i].crc &&
             SFS_RULE(PAYLOAD_VERIFIED))) {
            return false;
        }
        copies(fs)[w->count++] =
            (struct sfs_piece){.block = d->tag[i].home, .from = from, .seq = w->seq};
    }
    return true;
}

/* A descriptor, number INDEX, and its payload. *LAST: it was the last one. */
static bool check_group(struct sfs *fs, struct walk *w, uint32_t index, bool *last)
{
    struct sfs_descriptor *d = (struct sfs_descriptor *)fs->journal->descriptors;
    uint32_t at = w->at;
    const uint8_t *block = next_block(fs, w);

    if (block == NULL || !is_descriptor(fs, block, at)) {
        return false;
    }
    memcpy(d, block, fs->bs);
    if (d->seq != w->seq || d->index != index || !tags_valid(fs, d)) {
        return false;
    }
    w->chain = sfs_csum(w->chain, &d->crc, sizeof(d->crc));
    *last = (d->flags & SFS_DESCRIPTOR_LAST) != 0;
    return check_payload(fs, w, d);
}

static bool check_commit(struct sfs *fs, struct walk *w)
{
    uint32_t at = w->at;
    const uint8_t *block = next_block(fs, w);
    const struct sfs_commit *c = (const struct sfs_commit *)block;

    return block != NULL && is_commit(fs, block, at) && c->seq == w->seq &&
           c->total_blocks == w->total && c->chain_crc == w->chain;
}

static bool homes_differ(const struct sfs *fs, const struct walk *w)
{
    struct sfs_piece *copy = copies(fs);

    sfs_pieces_sort(copy, w->count);
    for (uint32_t i = 1; i < w->count; i++) {
        if (copy[i - 1].block == copy[i].block) {
            return false;
        }
    }
    return true;
}

bool log_check_transaction(struct sfs *fs, struct walk *w)
{
    bool last = false;
    bool valid = true;

    w->at = w->start;
    w->total = w->count = 0;
    w->chain = fs->u;
    for (uint32_t index = 0; valid && !last; index++) {
        valid = check_group(fs, w, index, &last);
    }
    return valid && check_commit(fs, w) && homes_differ(fs, w);
}

/* ---- Damage ---- */

uint64_t log_newest(struct sfs *fs, uint64_t seq)
{
    for (uint32_t at = SFS_LOG_FIRST; at < fs->super.journal_blocks; at++) {
        const uint8_t *block = log_block(fs, at);

        if (block != NULL && (is_descriptor(fs, block, at) || is_commit(fs, block, at)) &&
            ((const struct sfs_commit *)block)->seq > seq) {
            seq = ((const struct sfs_commit *)block)->seq;
        }
    }
    return seq;
}
_Static_assert(offsetof(struct sfs_commit, seq) == offsetof(struct sfs_descriptor, seq),
               "both records have their number at the same place");
