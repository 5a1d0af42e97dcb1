/*
 * logwrite.c - the committing transaction into the log:
 *
 *   | descriptor | block | block | ... | descriptor | block | ... | commit |
 *
 * One descriptor names as many blocks as it has room for. The payload is the frozen copies as they
 * are; each has its checksum in its tag, so a reader can tell a whole transaction from a torn one.
 */
#include "fs/log.h"

struct log_writer {
    uint64_t seq;
    uint32_t at;    /* journal-relative */
    uint32_t index; /* of the next descriptor */
    uint32_t used;  /* descriptor blocks in the batch */
    uint32_t chain; /* checksum of the descriptors' checksums */
    uint32_t total; /* blocks so far */
};

/* One block into the log. */
static void log_add(struct sfs *fs, struct log_writer *w, void *memory)
{
    sfs_batch_add(&fs->journal->batch, fs->super.journal_start + w->at, 1, memory);
    w->at = w->at + 1 == fs->super.journal_blocks ? SFS_LOG_FIRST : w->at + 1;
    w->total++;
}

/* A descriptor for the blocks from *BUF on; *BUF moves to the first one it has no room for. */
static void log_descriptor(struct sfs *fs, struct log_writer *w, struct sfs_buf **buf)
{
    uint32_t tags = (uint32_t)SFS_TAGS_PER_BLOCK(fs->bs);
    uint64_t at = w->at;
    uint8_t *block = fs->journal->descriptors + (size_t)w->used++ * fs->bs;
    struct sfs_descriptor *d = (struct sfs_descriptor *)block;

    memset(block, 0, fs->bs);
    *d = (struct sfs_descriptor){.magic = SFS_RECORD_MAGIC,
                                 .type = SFS_RECORD_DESCRIPTOR,
                                 .seq = w->seq,
                                 .index = w->index++};
    for (; *buf != NULL && d->ntags < tags; *buf = (*buf)->commit_next) {
        d->tag[d->ntags++] =
            (struct sfs_tag){(*buf)->block, (*buf)->crc, (*buf)->frozen_data ? SFS_TAG_DATA : 0};
    }
    d->flags = *buf == NULL ? SFS_DESCRIPTOR_LAST : 0;
    d->crc = sfs_csum(sfs_csum(fs->u, &at, sizeof(at)), block, fs->bs);
    w->chain = sfs_csum(w->chain, &d->crc, sizeof(d->crc));
    log_add(fs, w, block);
}

/* Descriptors and payload. */
static int log_payload(struct sfs *fs, struct log_writer *w)
{
    struct sfs_journal *j = fs->journal;
    struct sfs_buf *buf = j->commit.list, *next = buf;
    int error = 0;

    while (next != NULL && error == 0) {
        if (w->used == LOG_DESCRIPTORS) {
            error = sfs_batch_wait(&j->batch);
            w->used = 0;
        }
        log_descriptor(fs, w, &next);
        for (; buf != next; buf = buf->commit_next) {
            log_add(fs, w, buf->frozen);
        }
    }
    return error;
}

static void log_commit_block(struct sfs *fs, struct log_writer *w, bool two_phase)
{
    uint64_t at = w->at;
    struct sfs_commit *c = (struct sfs_commit *)fs->journal->commit_block;

    memset(c, 0, fs->bs);
    *c = (struct sfs_commit){.magic = SFS_RECORD_MAGIC,
                             .type = SFS_RECORD_COMMIT,
                             .seq = w->seq,
                             .time_ns = port_now_ns(),
                             .total_blocks = w->total + 1,
                             .flags = two_phase ? SFS_COMMIT_TWO_PHASE : 0,
                             .chain_crc = w->chain};
    c->crc = sfs_csum(sfs_csum(fs->u, &at, sizeof(at)), c, offsetof(struct sfs_commit, crc));
    fs->journal->batch.cls = BLK_CLASS_COMMIT;
    log_add(fs, w, c);
}

/* J3. With new data in place that no flush has covered, the commit block must wait for a flush: a
 * checksum can prove that the log is whole, but not that the data are. */
int log_write(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    struct log_writer w = {.seq = j->commit.seq, .at = j->head, .chain = fs->u};
    bool two_phase = SFS_RULE(TWO_PHASE) && !sfs_io_covered(fs, j->commit.data_stamp);

    sfs_batch_start(&j->batch, fs, BLK_WRITE, two_phase ? BLK_CLASS_LOG : BLK_CLASS_COMMIT);
    int error = log_payload(fs, &w);
    if (error == 0 && two_phase) {
        error = sfs_batch_wait(&j->batch);
        error = error == 0 && SFS_RULE(LOG_BEFORE_COMMIT) ? commit_flush(fs) : error;
    }
    if (error == 0) {
        log_commit_block(fs, &w, two_phase);
    }
    int last = sfs_batch_wait(&j->batch);
    error = error < 0 ? error : last;
    if (error == 0) {
        port_mutex_lock(fs->lock);
        j->used += w.total;
        j->head = w.at;
        port_mutex_unlock(fs->lock);
        error = SFS_RULE(COMMIT_IS_FLUSHED) ? commit_flush(fs) : 0;
    }
    return error;
}
