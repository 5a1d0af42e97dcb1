/*
 * handle.c - the door to the running transaction: sfs_begin finds room in the log, sfs_end leaves.
 * What comes in by it is join.c's.
 *
 * Room is promised before anything changes: reserved counts what the running transaction may grow
 * to, and the log has that much free. So a commit never waits for space, and a checkpoint never
 * needs a commit first.
 *
 *   head                                                    tail
 *    |  blocks of the running transaction, at most  | free  |  live
 */
#include "fs/log.h"
#include "fs/super.h"

#define DATA_LOG_MAX (16 << 10) /* bytes, J2 */

/* ---- Credits ---- */

uint32_t txn_blocks(const struct sfs *fs, uint32_t payload)
{
    uint32_t tags = (uint32_t)SFS_TAGS_PER_BLOCK(fs->bs);

    return payload + (payload + tags - 1) / tags + 1;
}

uint32_t sfs_credits(const struct sfs *fs, uint32_t base, uint32_t freed_meta)
{
    uint64_t table = fs->has_journal ? fs->super.csum_blocks : 0;
    uint32_t entries = base + freed_meta;

    return base + (entries < table ? entries : (uint32_t)table);
}

uint32_t sfs_credits_max(const struct sfs *fs)
{
    return fs->journal->credits_max;
}

uint32_t sfs_log_data_max(const struct sfs *fs)
{
    uint64_t share = (uint64_t)fs->journal->log / 8 * fs->bs;

    return share < DATA_LOG_MAX ? (uint32_t)share : DATA_LOG_MAX;
}

/* ---- Begin ---- */

/* A frame for each of CREDITS more blocks, and for all that are promised already. Lock held. */
static bool promise_frames(struct sfs *fs, uint32_t credits)
{
    while (fs->journal->frame_count < fs->journal->reserved + credits) {
        uint8_t *frame = port_alloc(fs->bs);

        if (frame == NULL) {
            return false;
        }
        frame_keep(fs, frame);
    }
    return true;
}

/* Say on the disk that the volume is in use, before the first change (J12). Lock held. */
static int mark_in_use(struct sfs *fs)
{
    int error = 0;

    busy_begin(fs);
    if (!fs->journal->in_use && fs->journal->aborted == 0) {
        bool damaged = fs->super.state == SFS_STATE_ERROR;

        port_mutex_unlock(fs->lock);
        if (SFS_RULE(IN_USE_FIRST)) {
            error = sfs_super_write(fs, damaged ? SFS_STATE_ERROR : SFS_STATE_IN_USE);
        }
        if (error < 0 && error != SFS_ENOMEM) {
            sfs_abort(fs, error, 0);
        }
        port_mutex_lock(fs->lock);
        fs->journal->in_use = error == 0;
    }
    busy_end(fs);
    return error;
}

/* Commit what is running, if anything is. Lock held. */
static void commit_now(struct sfs *fs)
{
    if (fs->journal->busy || fs->journal->barrier) {
        port_cond_wait(fs->wake, fs->lock);
    } else {
        commit_running(fs);
    }
}

/* Is there room for CREDITS more? If not, do something about it. Lock held, may be dropped. */
static bool log_room(struct sfs *fs, uint32_t credits)
{
    struct sfs_journal *j = fs->journal;
    uint32_t need = txn_blocks(fs, j->reserved + credits);
    bool fits = j->live == 0 || j->live + j->reserved + credits <= j->limit; /* into memory */

    if (j->run.joined > 0 && j->reserved + credits > j->trigger) {
        commit_now(fs);
        return false;
    }
    if ((fits && j->used + need <= j->log - 1) || !SFS_RULE(LOG_HAS_ROOM)) {
        return true;
    }
    if (j->used > 0) {
        checkpoint_now(fs);
    } else {
        port_cond_wait(fs->wake, fs->lock); /* other handles hold the credits */
    }
    return false;
}

/* Lock held, may be dropped. Freed blocks get free by a commit and a checkpoint: once. */
static int block_room(struct sfs *fs, uint32_t blocks, bool *tried)
{
    if (alloc_promise(fs, blocks)) {
        return 1;
    }
    if (*tried || !alloc_can_wait(fs)) {
        return SFS_ENOSPC;
    }
    *tried = true;
    port_mutex_unlock(fs->lock);
    int error = sfs_checkpoint(fs);
    port_mutex_lock(fs->lock);
    return error < 0 ? SFS_EROFS : 0;
}

/* One look at everything that opening a handle needs. 1: there is room; 0: look again. */
static int try_begin(struct sfs *fs, uint32_t credits, uint32_t blocks, bool *tried)
{
    struct sfs_journal *j = fs->journal;

    if (fs->read_only || j->aborted != 0) {
        return SFS_EROFS;
    }
    if (!j->in_use) {
        return mark_in_use(fs);
    }
    if (j->barrier) {
        port_cond_wait(fs->wake, fs->lock);
        return 0;
    }
    if (!log_room(fs, credits)) {
        return 0;
    }
    return promise_frames(fs, credits) ? block_room(fs, blocks, tried) : SFS_ENOMEM;
}

int sfs_begin(struct sfs *fs, struct sfs_handle *handle, uint32_t credits, uint32_t blocks)
{
    struct sfs_journal *j = fs->journal;
    bool tried = false;
    int result = 0;

    if (credits > sfs_credits_max(fs)) {
        return SFS_ENOSPC;
    }
    port_mutex_lock(fs->lock);
    while (result == 0) {
        result = try_begin(fs, credits, blocks, &tried);
    }
    if (result > 0) {
        j->reserved += credits;
        j->handles++;
        *handle = (struct sfs_handle){fs, j->run.seq, credits, blocks};
    }
    port_mutex_unlock(fs->lock);
    return result < 0 ? result : 0;
}

void sfs_end(struct sfs_handle *handle)
{
    struct sfs *fs = handle->fs;

    port_mutex_lock(fs->lock);
    fs->journal->reserved -= handle->credits;
    fs->journal->handles--;
    alloc_unpromise(fs, handle->blocks);
    handle->credits = handle->blocks = 0;
    port_cond_wake_all(fs->wake);
    port_mutex_unlock(fs->lock);
}

/* ---- New data that is written in place (J1) ---- */

void sfs_owe_data(struct sfs_handle *handle, uint32_t count)
{
    struct sfs *fs = handle->fs;

    port_mutex_lock(fs->lock);
    fs->journal->run.owed += count;
    port_mutex_unlock(fs->lock);
}

void sfs_paid_data(struct sfs *fs, uint64_t seq, uint32_t count, int error)
{
    struct sfs_journal *j = fs->journal;

    if (error < 0) {
        sfs_abort(fs, error, 0);
    }
    port_mutex_lock(fs->lock);
    struct sfs_txn *txn = seq == j->run.seq ? &j->run : &j->commit;

    SFS_ASSERT(txn->seq == seq && txn->owed >= count);
    txn->owed -= count;
    txn->data_stamp = fs->io_completed;
    if (txn->owed == 0) {
        port_cond_wake_all(fs->wake);
    }
    port_mutex_unlock(fs->lock);
}
