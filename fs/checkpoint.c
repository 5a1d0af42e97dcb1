/*
 * checkpoint.c - what is durable in the log goes home, and the log's tail follows (J4, J5).
 *
 *   rests --write the copies home--> home written --flush, write the journal superblock-->
 *         jsb written --flush--> rests, with the log free up to the new tail
 *
 * What is written home is exactly the newest DURABLE copy of a block, the one that is in the log. The
 * buffer itself may hold changes whose transaction is lost in the next power cut.
 *
 * The flushes need not be our own: commit.c takes the steps beside its own flushes, so a steady
 * stream of commits pays none for the tail.
 */
#include "fs/log.h"
#include "fs/super.h"

/* ---- Home ---- */

/* Blocks whose durable copy is not at home, at most LOG_HOME of them. Nobody changes or frees these
 * copies while we are busy. */
static uint32_t gather(struct sfs *fs)
{
    struct sfs_piece *piece = fs->journal->home;
    uint32_t count = 0;

    port_mutex_lock(fs->lock);
    struct sfs_buf *buf = fs->hand;

    for (uint32_t i = 0; i < fs->buffers && count < LOG_HOME; i++, buf = buf->all_next) {
        if (buf->log_seq != 0) {
            void *copy = SFS_RULE(DURABLE_COPY) ? buf->durable : buf->data;

            piece[count++] = (struct sfs_piece){.block = buf->block, .data = copy, .owner = buf};
        }
    }
    port_mutex_unlock(fs->lock);
    return count;
}

static void copies_are_home(struct sfs *fs, uint32_t count)
{
    port_mutex_lock(fs->lock);
    for (uint32_t i = 0; i < count; i++) {
        struct sfs_buf *buf = fs->journal->home[i].owner;

        buf->log_seq = 0;
        frame_put(fs, buf->durable);
        buf->durable = NULL;
    }
    port_mutex_unlock(fs->lock);
}

static int write_home(struct sfs *fs, uint32_t count)
{
    struct sfs_journal *j = fs->journal;

    return sfs_pieces_write(&j->batch, fs, BLK_CLASS_HOME, j->home, count);
}

int checkpoint_write_home(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    uint32_t count;
    int error = 0;

    if (j->stage != TAIL_RESTS) {
        return 0;
    }
    while (error == 0 && (count = gather(fs)) > 0) {
        error = write_home(fs, count);
        error = error < 0 ? write_home(fs, count) : error; /* once more (J13) */
        if (error == 0) {
            copies_are_home(fs, count);
        }
    }
    if (error == 0) {
        port_mutex_lock(fs->lock);
        j->next_tail_seq = j->durable_seq + 1;
        j->next_tail_blk = j->head;
        j->next_tail_used = j->used;
        j->stamp = fs->io_completed;
        j->stage = TAIL_HOME_WRITTEN;
        port_mutex_unlock(fs->lock);
    }
    return error;
}

/* ---- The tail ---- */

int jsb_write(struct sfs *fs, uint64_t gen, uint64_t tail_seq, uint32_t tail_blk)
{
    struct sfs_jsb *jsb = (struct sfs_jsb *)fs->journal->scratch;

    memset(jsb, 0, fs->bs);
    sfs_jsb_fill(fs, jsb, gen, tail_seq, tail_blk);
    return sfs_write_blocks(fs, BLK_CLASS_LOG_SUPER, fs->super.journal_start + (gen & 1), 1, jsb);
}

int checkpoint_write_jsb(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    bool home = sfs_io_covered(fs, j->stamp) || !SFS_RULE(HOME_BEFORE_TAIL);

    if (j->stage != TAIL_HOME_WRITTEN || !home) {
        return 0;
    }
    uint64_t gen = j->gen + (SFS_RULE(TAIL_IN_TWO_SLOTS) ? 1 : 2);
    int error = jsb_write(fs, gen, j->next_tail_seq, j->next_tail_blk);

    if (error == 0) {
        port_mutex_lock(fs->lock);
        j->gen = gen;
        j->stamp = fs->io_completed;
        j->stage = TAIL_JSB_WRITTEN;
        port_mutex_unlock(fs->lock);
    }
    return error;
}

/* The durable tail has passed BUF's copies: nothing in the log can overwrite its block any more.
 * Lock held. */
static void let_go(struct sfs *fs, struct sfs_buf *buf)
{
    SFS_ASSERT(buf->log_seq == 0);
    buf->live_seq = 0;
    fs->journal->live--;
    if (buf->run_seq == 0 && buf->commit_seq == 0) {
        if ((buf->flags & (SFS_BUF_DATA | SFS_BUF_STUCK)) != 0) {
            cache_invalidate(buf);
        }
        alloc_unstuck(fs, buf);
    }
}

void checkpoint_flushed(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    port_mutex_lock(fs->lock);
    bool flushed = fs->io_flushed >= j->stamp || !SFS_RULE(TAIL_BEFORE_REUSE);

    if (j->stage == TAIL_JSB_WRITTEN && flushed) {
        struct sfs_buf *buf = fs->hand;

        for (uint32_t i = 0; i < fs->buffers; i++, buf = buf->all_next) {
            bool newer = buf->live_seq >= j->next_tail_seq && SFS_RULE(NEWER_STAYS);

            if (buf->live_seq != 0 && !newer) {
                let_go(fs, buf);
            }
        }
        j->used -= j->next_tail_used;
        j->stage = TAIL_RESTS;
        port_cond_wake_all(fs->wake);
    }
    port_mutex_unlock(fs->lock);
}

static bool log_empty(struct sfs *fs)
{
    port_mutex_lock(fs->lock);
    bool empty = fs->journal->used == 0 && fs->journal->stage == TAIL_RESTS;
    port_mutex_unlock(fs->lock);
    return empty;
}

static int empty_log(struct sfs *fs)
{
    int error = 0;

    while (error == 0 && !journal_aborted(fs) && !log_empty(fs)) {
        error = checkpoint_write_home(fs);
        error = error == 0 && SFS_RULE(HOME_BEFORE_TAIL) ? commit_flush(fs) : error;
        error = error < 0 ? error : checkpoint_write_jsb(fs);
        if (error == 0 && SFS_RULE(TAIL_BEFORE_REUSE)) {
            error = commit_flush(fs);
        } else {
            checkpoint_flushed(fs);
        }
    }
    if (error < 0) {
        sfs_abort(fs, error, 0);
    }
    return error < 0 || journal_aborted(fs) ? SFS_EIO : 0;
}

int checkpoint_now(struct sfs *fs)
{
    busy_begin(fs);
    port_mutex_unlock(fs->lock);
    int error = empty_log(fs);
    port_mutex_lock(fs->lock);
    busy_end(fs);
    return error;
}

int sfs_checkpoint(struct sfs *fs)
{
    int error = sfs_commit_running(fs);

    if (error == 0) {
        port_mutex_lock(fs->lock);
        error = checkpoint_now(fs);
        port_mutex_unlock(fs->lock);
    }
    return error;
}
