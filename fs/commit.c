/*
 * commit.c - how the running transaction becomes durable.
 *
 *   1 barrier: no new handles; wait until the open ones have ended
 *   2 freeze: the orphan block, the checksum entries, a copy of every buffer. Barrier down
 *   3 the layer above writes the data it owes (J1)
 *   4 log:  no new data in place since the last flush:  descriptors, payload, commit block;  flush
 *           else:  descriptors, payload;  flush;  commit block;  flush                         (J3)
 *   5 durable: the copies are what checkpoint may write home
 *
 * The step that commits is the return of the last flush. On the way there a checkpoint that is
 * under way gets its flushes for free (J5).
 */
#include "fs/log.h"

void busy_begin(struct sfs *fs)
{
    while (fs->journal->busy && SFS_RULE(COMMITS_ARE_SERIAL)) {
        port_cond_wait(fs->wake, fs->lock);
    }
    fs->journal->busy = true;
}

void busy_end(struct sfs *fs)
{
    fs->journal->busy = false;
    port_cond_wake_all(fs->wake);
}

bool journal_aborted(struct sfs *fs)
{
    port_mutex_lock(fs->lock);
    bool aborted = fs->journal->aborted != 0;
    port_mutex_unlock(fs->lock);
    return aborted;
}

void txn_start(struct sfs *fs, uint64_t seq)
{
    fs->journal->run = (struct sfs_txn){.seq = seq};
    fs->journal->reserved = LOG_ORPHANS;
}

/* ---- Freeze: no handle is open ---- */

static void join_orphans(struct sfs *fs, struct sfs_buf *buf)
{
    if (buf->run_seq == 0) {
        txn_join(fs, buf); /* LOG_ORPHANS is its credit */
    }
}

/* J10: the orphan block says what the list in memory says now. */
static void freeze_orphans(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    if (j->orphans == NULL || fs->hooks == NULL || fs->hooks->orphans == NULL) {
        return;
    }
    memcpy(j->scratch, j->orphans->data, fs->bs);
    if (!fs->hooks->orphans(fs, (uint64_t *)j->scratch) || !SFS_RULE(ORPHANS_LISTED)) {
        return;
    }
    port_mutex_lock(fs->lock);
    join_orphans(fs, j->orphans);
    join_orphans(fs, j->orphans_table);
    memcpy(j->orphans->data, j->scratch, fs->bs);
    port_mutex_unlock(fs->lock);
}

static void set_checksum(struct sfs *fs, struct sfs_buf *buf)
{
    buf->crc = sfs_csum_entry(fs->u, buf->block, buf->data, fs->bs);
    if ((buf->flags & SFS_BUF_DATA) == 0 && cache_covered(fs, buf->block)) {
        struct sfs_buf *table = cache_find(fs, cache_table_block(fs, buf->block));

        SFS_ASSERT(table != NULL && table->run_seq == buf->run_seq);
        *cache_entry(fs, table, buf->block) = buf->crc;
    }
}

/* The checksum entries of everything that is covered, then the table's own checksums, which are
 * only for the log. Lock held. */
static void freeze_checksums(struct sfs *fs)
{
    for (int tables = 0; tables < 2; tables++) {
        for (struct sfs_buf *buf = fs->journal->run.list; buf != NULL; buf = buf->run_next) {
            if (cache_covered(fs, buf->block) != tables) {
                set_checksum(fs, buf);
            }
        }
    }
}

/* The running transaction becomes the committing one. Lock held. */
static void freeze_copies(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    j->commit = j->run;
    for (struct sfs_buf *buf = j->run.list; buf != NULL; buf = buf->run_next) {
        buf->frozen = frame_take(fs);
        memcpy(buf->frozen, buf->data, fs->bs);
        buf->frozen_data = (buf->flags & SFS_BUF_DATA) != 0;
        buf->commit_seq = buf->run_seq;
        buf->run_seq = 0;
        buf->commit_next = buf->run_next;
    }
    alloc_frozen(fs);
    txn_start(fs, j->commit.seq + 1);
}

/* ---- On the way to the disk: by whoever is busy, no lock ---- */

int commit_flush(struct sfs *fs)
{
    int error = sfs_io_flush(fs);

    if (error == 0) {
        checkpoint_flushed(fs);
    }
    return error;
}

/* Version 1 has no log: everything goes home at once, and hopes. */
static int write_without_log(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    sfs_batch_start(&j->batch, fs, BLK_WRITE, BLK_CLASS_HOME);
    for (struct sfs_buf *buf = j->commit.list; buf != NULL; buf = buf->commit_next) {
        sfs_batch_add(&j->batch, buf->block, 1, buf->frozen);
    }
    int error = sfs_batch_wait(&j->batch);

    return error < 0 ? error : sfs_io_flush(fs);
}

/* ---- Durable ---- */

/* Lock held. Without a log there is nothing to keep: the copy is at home. */
static void buf_durable(struct sfs *fs, struct sfs_buf *buf)
{
    if (fs->has_journal) {
        fs->journal->live += buf->live_seq == 0;
        buf->log_seq = buf->live_seq = buf->commit_seq;
        frame_put(fs, buf->durable);
        buf->durable = buf->frozen;
        buf->frozen = NULL;
    } else if (buf->run_seq == 0 && (buf->flags & (SFS_BUF_DATA | SFS_BUF_STUCK)) != 0) {
        cache_invalidate(buf);
        alloc_unstuck(fs, buf);
    }
    frame_put(fs, buf->frozen);
    buf->frozen = NULL;
    buf->commit_seq = 0;
}

/* Lock held. */
static void txn_durable(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    struct sfs_buf *next;

    for (struct sfs_buf *buf = j->commit.list; buf != NULL; buf = next) {
        next = buf->commit_next;
        buf_durable(fs, buf);
    }
    j->durable_seq = j->commit.seq;
    j->commit.list = NULL;
    alloc_durable(fs);
}

static int pay(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;
    int error = 0;

    port_mutex_lock(fs->lock);
    bool owes = j->commit.owed > 0;
    port_mutex_unlock(fs->lock);
    if (owes && fs->hooks != NULL && fs->hooks->pay != NULL) {
        error = fs->hooks->pay(fs, j->commit.seq);
    }
    port_mutex_lock(fs->lock);
    while (j->commit.owed > 0 && j->aborted == 0 && error == 0) {
        port_cond_wait(fs->wake, fs->lock);
    }
    error = j->aborted != 0 ? SFS_EIO : error;
    port_mutex_unlock(fs->lock);
    return error;
}

/* What a checkpoint that is under way can do before the next flush: the later half of it, or the
 * first half once the log is half full, or has copies of half of what may stay in memory. */
static int checkpoint_along(struct sfs *fs)
{
    int error = checkpoint_write_jsb(fs);

    port_mutex_lock(fs->lock);
    const struct sfs_journal *j = fs->journal;
    bool due = j->used > j->log / 2 || j->live > j->limit / 2;
    port_mutex_unlock(fs->lock);
    return error == 0 && due && SFS_RULE(LOG_HAS_ROOM) ? checkpoint_write_home(fs) : error;
}

static int write_frozen(struct sfs *fs)
{
    int error = SFS_RULE(DATA_BEFORE_COMMIT) ? pay(fs) : 0;

    if (error == 0 && !fs->has_journal) {
        return write_without_log(fs);
    }
    error = error < 0 ? error : checkpoint_along(fs);
    error = error < 0 ? error : log_write(fs);
    return SFS_RULE(DATA_BEFORE_COMMIT) ? error : pay(fs);
}

static void freeze(struct sfs *fs)
{
    port_mutex_unlock(fs->lock);
    freeze_orphans(fs);
    port_mutex_lock(fs->lock);
    if (fs->has_journal) {
        freeze_checksums(fs);
    }
    freeze_copies(fs);
}

void commit_running(struct sfs *fs)
{
    struct sfs_journal *j = fs->journal;

    busy_begin(fs);
    j->barrier = true;
    while (j->handles > 0 && SFS_RULE(HANDLES_END_FIRST)) {
        port_cond_wait(fs->wake, fs->lock);
    }
    bool anything = j->run.joined > 0 && j->aborted == 0;

    if (anything) {
        freeze(fs);
    }
    j->barrier = false;
    port_cond_wake_all(fs->wake);
    if (anything) {
        port_mutex_unlock(fs->lock);
        int error = write_frozen(fs);
        if (error < 0) {
            sfs_abort(fs, error, 0);
        }
        port_mutex_lock(fs->lock);
        if (error == 0) {
            txn_durable(fs);
        }
    }
    busy_end(fs);
}

/* ---- Who waits for it ---- */

int sfs_commit(struct sfs *fs, uint64_t seq)
{
    struct sfs_journal *j = fs->journal;

    port_mutex_lock(fs->lock);
    SFS_ASSERT(seq <= j->run.seq);
    if (seq == j->run.seq && j->run.joined == 0) {
        seq--; /* it changed nothing */
    }
    while (j->durable_seq < seq && j->aborted == 0) {
        if (j->busy && (SFS_RULE(COMMITS_ARE_SERIAL) || j->run.joined == 0)) {
            port_cond_wait(fs->wake, fs->lock);
        } else {
            commit_running(fs);
        }
    }
    int error = j->aborted != 0 ? SFS_EIO : 0;

    port_mutex_unlock(fs->lock);
    return error;
}

int sfs_commit_running(struct sfs *fs)
{
    port_mutex_lock(fs->lock);
    uint64_t seq = fs->journal->run.seq;
    port_mutex_unlock(fs->lock);
    return sfs_commit(fs, seq);
}

bool sfs_is_durable(struct sfs *fs, uint64_t seq)
{
    port_mutex_lock(fs->lock);
    bool durable = seq <= fs->journal->durable_seq;
    port_mutex_unlock(fs->lock);
    return durable;
}

int sfs_flush(struct sfs *fs)
{
    int error = commit_flush(fs);

    if (error < 0) {
        sfs_abort(fs, error, 0);
    }
    return journal_aborted(fs) ? SFS_EIO : 0;
}
