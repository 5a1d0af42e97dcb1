/*
 * recovery.c - what the log says after a power cut (J11).
 *
 *   tail                              the walk stops
 *    |  T5 valid | T6 valid | T7 torn  ...old blocks...
 *
 *   1 from the tail, every transaction that verifies in all its blocks is written home; flush
 *   2 the journal superblock: empty log, next number T7 + 1: a torn transaction's number is burnt,
 *     or its remains could pass for a part of the new T7; flush
 *
 * Commits are serial, so behind a torn transaction there is nothing newer. If there is, the log is
 * damaged, not torn, and nothing is written.
 *
 * Nothing here is believed before it is checked; whatever is wrong ends the walk. A read-only mount
 * writes nothing at all: it remembers where in the log each block's newest copy lies.
 */
#include "fs/log.h"
#include "fs/super.h"

struct walk {
    uint64_t seq;            /* of the transaction looked at */
    uint32_t at;             /* journal-relative: next block to read */
    uint32_t start;          /* where the transaction begins */
    uint32_t total;          /* blocks of it so far */
    uint32_t chain;          /* checksum of its descriptors' checksums */
    struct sfs_place *place; /* homes, and their copies' blocks */
    uint32_t count, room;
    uint32_t replayed; /* transactions */
};

/* ---- Reading the log ---------------------------------------------------------------------------
 */

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

/* ---- Is it valid? ------------------------------------------------------------------------------
 */

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

/* Room for one more place. */
static int make_place(struct walk *w)
{
    if (w->count < w->room) {
        return 0;
    }
    uint32_t room = w->room == 0 ? 256 : 2 * w->room;
    struct sfs_place *place = port_alloc(room * sizeof(*place));

    if (place == NULL) {
        return SFS_ENOMEM;
    }
    if (w->count > 0) {
        memcpy(place, w->place, w->count * sizeof(*place));
    }
    port_free(w->place);
    w->place = place;
    w->room = room;
    return 0;
}

/* 1: valid; 0: not; negative: an error. */
static int check_payload(struct sfs *fs, struct walk *w, const struct sfs_descriptor *d)
{
    for (uint32_t i = 0; i < d->ntags; i++) {
        uint64_t from = fs->super.journal_start + w->at;
        const uint8_t *block = next_block(fs, w);
        int error = make_place(w);

        if (error < 0) {
            return error;
        }
        if (block == NULL ||
            sfs_csum_entry(fs->u, d->tag[i].home, block, fs->bs) != d->tag[i].crc) {
            return 0;
        }
        w->place[w->count++] = (struct sfs_place){d->tag[i].home, from};
    }
    return 1;
}

/* A descriptor, number INDEX, and its payload. *LAST: it was the last one. */
static int check_group(struct sfs *fs, struct walk *w, uint32_t index, bool *last)
{
    struct sfs_descriptor *d = (struct sfs_descriptor *)fs->journal->descriptors;
    uint32_t at = w->at;
    const uint8_t *block = next_block(fs, w);

    if (block == NULL || !is_descriptor(fs, block, at)) {
        return 0;
    }
    memcpy(d, block, fs->bs);
    if (d->seq != w->seq || d->index != index || !tags_valid(fs, d)) {
        return 0;
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

static bool homes_differ(struct walk *w)
{
    sort_places(w->place, w->count);
    for (uint32_t i = 1; i < w->count; i++) {
        if (w->place[i - 1].block == w->place[i].block) {
            return false;
        }
    }
    return true;
}

/* The transaction at w->start: 1 valid, 0 not, or an error. */
static int check_transaction(struct sfs *fs, struct walk *w)
{
    bool last = false;
    int valid = 1;

    w->at = w->start;
    w->total = w->count = 0;
    w->chain = fs->u;
    for (uint32_t index = 0; valid == 1 && !last; index++) {
        valid = check_group(fs, w, index, &last);
    }
    return valid < 1 ? valid : check_commit(fs, w) && homes_differ(w);
}

/* ---- Replay ------------------------------------------------------------------------------------
 */

/* A valid transaction goes home, in chunks. */
static int replay(struct sfs *fs, struct walk *w)
{
    struct sfs_journal *j = fs->journal;
    const uint32_t most = LOG_CHUNK / fs->bs;
    int error = 0;

    j->chunk_count = 0;
    for (uint32_t i = 0; i < w->count && error == 0; i += most) {
        uint32_t count = w->count - i < most ? w->count - i : most;

        sfs_batch_start(&j->batch, fs, BLK_READ, BLK_CLASS_NONE);
        for (uint32_t k = 0; k < count; k++) {
            sfs_batch_add(&j->batch, w->place[i + k].where, 1, j->chunk + (size_t)k * fs->bs);
        }
        error = sfs_batch_wait(&j->batch);
        if (error < 0) {
            return error;
        }
        sfs_batch_start(&j->batch, fs, BLK_WRITE, BLK_CLASS_HOME);
        for (uint32_t k = 0; k < count; k++) {
            sfs_batch_add(&j->batch, w->place[i + k].block, 1, j->chunk + (size_t)k * fs->bs);
        }
        error = sfs_batch_wait(&j->batch);
    }
    return error;
}

/* A valid transaction goes into the overlay: both are in order, the newer one counts. */
static int remember(struct sfs *fs, const struct walk *w)
{
    struct sfs_journal *j = fs->journal;
    struct sfs_place *both = port_alloc((j->overlay_count + w->count) * sizeof(*both));
    uint32_t old = 0, new = 0, count = 0;

    if (both == NULL) {
        return SFS_ENOMEM;
    }
    while (old < j->overlay_count || new < w->count) {
        if (new == w->count ||
            (old < j->overlay_count && j->overlay[old].block < w->place[new].block)) {
            both[count++] = j->overlay[old++];
            continue;
        }
        old += old < j->overlay_count && j->overlay[old].block == w->place[new].block;
        both[count++] = w->place[new ++];
    }
    port_free(j->overlay);
    j->overlay = both;
    j->overlay_count = count;
    return 0;
}

bool overlay_find(const struct sfs *fs, uint64_t block, uint64_t *log_block)
{
    const struct sfs_place *overlay = fs->journal->overlay;
    uint32_t low = 0, high = fs->journal->overlay_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (overlay[middle].block < block) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < fs->journal->overlay_count && overlay[low].block == block;

    *log_block = found ? overlay[low].where : 0;
    return found;
}

/* The superblock says "clean", but there is something to replay: it is in use after all. */
static int before_first_write(struct sfs *fs)
{
    return fs->super.state == SFS_STATE_CLEAN ? sfs_super_write(fs, SFS_STATE_IN_USE) : 0;
}

static int walk(struct sfs *fs, struct walk *w)
{
    int valid;

    while ((valid = check_transaction(fs, w)) == 1) {
        int error = fs->read_only ? remember(fs, w) : before_first_write(fs);

        if (error == 0 && !fs->read_only) {
            error = replay(fs, w);
        }
        if (error < 0) {
            return error;
        }
        w->replayed++;
        w->seq++;
        w->start = w->at;
    }
    return valid;
}

/* Is there a record in the log that is newer than where the walk stopped? */
static bool newer_behind(struct sfs *fs, uint64_t seq)
{
    for (uint32_t at = SFS_LOG_FIRST; at < fs->super.journal_blocks; at++) {
        const uint8_t *block = log_block(fs, at);

        if (block != NULL && (is_descriptor(fs, block, at) || is_commit(fs, block, at)) &&
            ((const struct sfs_commit *)block)->seq > seq) {
            return true;
        }
    }
    return false;
}
_Static_assert(offsetof(struct sfs_commit, seq) == offsetof(struct sfs_descriptor, seq),
               "both records have their number at the same place");

/* ---- The journal superblock --------------------------------------------------------------------
 */

static bool jsb_valid(const struct sfs *fs, const struct sfs_jsb *jsb, unsigned slot)
{
    const uint64_t blocks = fs->super.journal_blocks;

    return jsb->magic == SFS_JSB_MAGIC && jsb->version == SFS_JOURNAL_VERSION &&
           jsb->crc == sfs_csum(fs->u, jsb, offsetof(struct sfs_jsb, crc)) &&
           memcmp(jsb->uuid, fs->super.uuid, sizeof(jsb->uuid)) == 0 && (jsb->gen & 1) == slot &&
           jsb->log_first == SFS_LOG_FIRST && jsb->log_blocks == blocks - SFS_LOG_FIRST &&
           jsb->tail_blk >= SFS_LOG_FIRST && jsb->tail_blk < blocks && jsb->tail_seq > 0;
}

/* The valid slot with the higher generation. EUCLEAN: neither is valid. */
static int jsb_read(struct sfs *fs, struct sfs_jsb *out)
{
    int error = SFS_EUCLEAN;

    for (unsigned slot = 0; slot < 2; slot++) {
        const struct sfs_jsb *jsb = (const struct sfs_jsb *)fs->journal->scratch;

        if (sfs_read_blocks(fs, fs->super.journal_start + slot, 1, fs->journal->scratch) == 0 &&
            jsb_valid(fs, jsb, slot) && (error < 0 || jsb->gen > out->gen)) {
            *out = *jsb;
            error = 0;
        }
    }
    return error;
}

/* The log is replayed and durable at home: now it is empty. */
static int finish(struct sfs *fs, struct walk *w)
{
    struct sfs_journal *j = fs->journal;
    int error = sfs_io_flush(fs);

    w->seq++; /* the torn one's number is burnt */
    if (error == 0) {
        error = jsb_write(fs, j->gen + 1, w->seq, w->start);
        j->gen++;
    }
    return error < 0 ? error : sfs_io_flush(fs);
}

static int run(struct sfs *fs, struct walk *w)
{
    struct sfs_journal *j = fs->journal;
    bool clean = fs->super.state == SFS_STATE_CLEAN;
    int error = walk(fs, w);

    if (error == 0 && !clean && newer_behind(fs, w->seq)) {
        port_log("journal: damaged behind transaction %llu", (unsigned long long)w->seq);
        error = fs->read_only ? 0 : SFS_EUCLEAN;
    }
    if (error == 0 && !fs->read_only && (!clean || w->replayed > 0)) {
        error = finish(fs, w);
    }
    if (w->replayed > 0) {
        port_log("journal: %u transactions replayed%s", w->replayed,
                 fs->read_only ? " in memory" : "");
    }
    j->durable_seq = w->seq - 1;
    j->head = w->start;
    j->used = 0;
    j->chunk_count = 0;
    return error;
}

int recovery_run(struct sfs *fs)
{
    struct sfs_jsb jsb = {0};
    int error = jsb_read(fs, &jsb);

    if (error < 0) {
        port_log("journal: no valid superblock");
        return fs->read_only ? 0 : error;
    }
    struct walk w = {.seq = jsb.tail_seq, .start = (uint32_t)jsb.tail_blk};

    fs->journal->gen = jsb.gen;
    error = run(fs, &w);
    port_free(w.place);
    return error;
}
