/*
 * recovery.c - what the log says after a power cut (J11).
 *
 *   tail                              the walk stops
 *    |  T5 valid | T6 valid | T7 torn  ...old blocks...
 *
 *   1 from the tail, as long as transactions verify in all their blocks, remember where the newest
 *     copy of each block lies; write these home; flush
 *   2 the journal superblock: empty log, next number T7 + 1: a torn transaction's number is burnt,
 *     or its remains could pass for a part of the new T7; flush
 *
 * Commits are serial, so behind a torn transaction there is nothing newer. If there is, the log is
 * damaged, not torn, and nothing is written.
 *
 * What is valid is logread.c's to say. A read-only mount writes nothing at all: it reads the copies
 * where they are.
 */
#include "fs/log.h"
#include "fs/super.h"

/* ---- Replay ---- */

bool overlay_find(const struct sfs *fs, uint64_t block, uint64_t *log_block)
{
    const struct sfs_piece *overlay = fs->journal->overlay;
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

    *log_block = found ? overlay[low].from : 0;
    return found;
}

/* In order, and of each block the newest copy alone. */
static void keep_newest(struct sfs_journal *j)
{
    struct sfs_piece *overlay = j->overlay;
    uint32_t kept = 0;

    sfs_pieces_sort(overlay, j->overlay_count);
    for (uint32_t i = 0; i < j->overlay_count; i++) {
        if (kept == 0 || overlay[kept - 1].block != overlay[i].block) {
            overlay[kept++] = overlay[i];
        } else if (overlay[kept - 1].seq < overlay[i].seq) {
            overlay[kept - 1] = overlay[i];
        }
    }
    j->overlay_count = kept;
}

/* All copies of valid transactions go into the overlay. */
static void walk(struct sfs *fs, struct walk *w)
{
    while (log_check_transaction(fs, w)) {
        fs->journal->overlay_count += w->count;
        w->replayed++;
        w->seq++;
        w->start = w->at;
    }
    keep_newest(fs->journal);
}

/* The superblock says "clean", but there is something to replay: it is in use after all. */
static int before_first_write(struct sfs *fs)
{
    return fs->super.state == SFS_STATE_CLEAN ? sfs_super_write(fs, SFS_STATE_IN_USE) : 0;
}

/* Read COUNT copies from the log, and write them home. */
static int move(struct sfs *fs, struct sfs_piece *piece, uint32_t count)
{
    struct sfs_journal *j = fs->journal;
    uint8_t *at = j->chunk;

    sfs_batch_start(&j->batch, fs, BLK_READ, BLK_CLASS_NONE);
    for (uint32_t i = 0; i < count; i++, at += fs->bs) {
        sfs_batch_add(&j->batch, piece[i].from, 1, at);
        piece[i].data = at;
    }
    int error = sfs_batch_wait(&j->batch);

    return error < 0 ? error : sfs_pieces_write(&j->batch, fs, BLK_CLASS_HOME, piece, count);
}

/* All that is remembered goes home, and is remembered no longer. */
static int replay(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    const uint32_t most = LOG_CHUNK / fs->bs;
    int error = j->overlay_count > 0 ? before_first_write(fs) : 0;

    j->chunk_count = 0;
    for (uint32_t i = 0; i < j->overlay_count && error == 0; i += most) {
        error = move(fs, j->overlay + i, j->overlay_count - i < most ? j->overlay_count - i : most);
    }
    j->overlay_count = 0;
    return error;
}

/* ---- The journal superblock ---- */

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
            jsb_valid(fs, jsb, slot) &&
            (error < 0 || (jsb->gen > out->gen && SFS_RULE(NEWER_TAIL)))) {
            *out = *jsb;
            error = 0;
        }
    }
    return error;
}

/* The log is replayed: when that is durable, it is empty. */
static int finish(struct sfs *fs, struct walk *w)
{
    struct sfs_journal *j = fs->journal;
    int error = replay(fs);

    if (error == 0 && SFS_RULE(RECOVERED_BEFORE_TAIL)) {
        error = sfs_io_flush(fs);
    }
    w->seq += SFS_RULE(NUMBER_BURNT); /* of the torn one */
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
    int error = 0;

    walk(fs, w);
    if (!clean && log_newest(fs, w->seq) > w->seq) {
        port_log("journal: damaged behind transaction %llu", (unsigned long long)w->seq);
        j->trouble = LOG_DAMAGED;
        error = fs->read_only ? 0 : SFS_EUCLEAN;
    }
    if (error == 0 && !fs->read_only && (!clean || w->replayed > 0)) {
        error = finish(fs, w);
    }
    if (w->replayed > 0) {
        port_log("journal: %u transactions replayed%s", w->replayed,
                 fs->read_only ? " in memory" : "");
    }
    j->replayed = w->replayed;
    j->durable_seq = w->seq - 1;
    j->head = w->start;
    j->used = 0;
    j->chunk_count = 0;
    return error;
}

int recovery_run(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    struct sfs_jsb jsb = {0};
    int error = jsb_read(fs, &jsb);

    if (error < 0) {
        port_log("journal: no valid superblock");
        j->trouble = LOG_NO_SUPER;
        return fs->read_only ? 0 : error;
    }
    struct walk w = {.seq = jsb.tail_seq, .start = (uint32_t)jsb.tail_blk};

    j->gen = jsb.gen;
    j->overlay = port_alloc(j->log * sizeof(*j->overlay));
    error = j->overlay != NULL ? run(fs, &w) : SFS_ENOMEM;
    if (j->overlay_count == 0) {
        port_free(j->overlay);
        j->overlay = NULL;
    }
    return error;
}

/*
 * What is valid goes home first. The numbers go on behind the newest that was ever used, so nothing
 * that is left of the log can pass for a part of it; zeros are for blocks that cannot be read just
 * now. The next commit, or the superblock, brings the flush: until then a power cut leaves a log that
 * is emptied once more.
 */
int recovery_reset(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    const uint32_t most = LOG_CHUNK / fs->bs;
    uint64_t seq = log_newest(fs, j->durable_seq + 1) + 1;
    int error = replay(fs);

    error = error < 0 ? error : sfs_io_flush(fs);
    memset(j->chunk, 0, LOG_CHUNK);
    for (uint32_t at = SFS_LOG_FIRST; at < fs->super.journal_blocks && error == 0; at += most) {
        uint32_t left = (uint32_t)fs->super.journal_blocks - at;

        error = sfs_write_blocks(fs, BLK_CLASS_LOG_SUPER, fs->super.journal_start + at,
                                 left < most ? left : most, j->chunk);
    }
    error = error < 0 ? error : jsb_write(fs, ++j->gen, seq, SFS_LOG_FIRST);
    j->durable_seq = seq - 1;
    j->head = SFS_LOG_FIRST;
    j->chunk_count = 0;
    j->trouble = LOG_SOUND;
    return error;
}
