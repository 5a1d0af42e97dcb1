/*
 * handle.c - the door to the running transaction: sfs_begin finds room in the log, sfs_modify takes
 * a buffer in, sfs_end leaves.
 *
 * Room is promised before anything changes: reserved counts what the running transaction may grow
 * to, and the log has that much free. So a commit never waits for space, and a checkpoint never
 * needs a commit first.
 *
 *   head                                                    tail
 *    |  blocks of the running transaction, at most  | free  |  live
 *
 * Memory is promised the same way: a buffer joins with the frame that its frozen copy will need, so
 * that a freeze cannot fail.
 */
#include "fs/log.h"
#include "fs/super.h"

#define FRAMES_KEPT  64
#define DATA_LOG_MAX (16 << 10) /* bytes, J2 */

/* ---- Frames ---------------------------------------------------------------------------------- */

uint8_t *frame_take(struct sfs *fs)
{
    struct sfs_frame *frame = fs->journal->frames;

    SFS_ASSERT(frame != NULL);
    fs->journal->frames = frame->next;
    fs->journal->frame_count--;
    return (uint8_t *)frame;
}

uint8_t *frame_get(struct sfs *fs)
{
    return fs->journal->frame_count > LOG_SPARE ? frame_take(fs) : port_alloc(fs->bs);
}

void frame_put(struct sfs *fs, uint8_t *memory)
{
    struct sfs_journal *j = fs->journal;
    struct sfs_frame *frame = (struct sfs_frame *)memory;

    if (memory == NULL) {
        return;
    }
    if (j->frame_count >= FRAMES_KEPT) {
        port_free(memory);
        return;
    }
    frame->next = j->frames;
    j->frames = frame;
    j->frame_count++;
}

static bool fill_spare(struct sfs *fs)
{
    while (fs->journal->frame_count < LOG_SPARE) {
        uint8_t *frame = port_alloc(fs->bs);

        if (frame == NULL) {
            return false;
        }
        frame_put(fs, frame);
    }
    return true;
}

/* ---- Credits --------------------------------------------------------------------------------- */

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

/* ---- Begin ----------------------------------------------------------------------------------- */

/* Say on the disk that the volume is in use, before the first change (J12). Lock held. */
static int mark_in_use(struct sfs *fs)
{
    int error = 0;

    busy_begin(fs);
    if (!fs->journal->in_use && fs->journal->aborted == 0) {
        bool damaged = fs->super.state == SFS_STATE_ERROR;

        port_mutex_unlock(fs->lock);
        error = sfs_super_write(fs, damaged ? SFS_STATE_ERROR : SFS_STATE_IN_USE);
        if (error < 0 && error != SFS_ENOMEM) {
            sfs_abort(fs, error, 0);
        }
        port_mutex_lock(fs->lock);
        fs->journal->in_use = error == 0;
    }
    busy_end(fs);
    return error;
}

/* Empty the log. Lock held. */
static void make_room(struct sfs *fs)
{
    busy_begin(fs);
    port_mutex_unlock(fs->lock);
    checkpoint_all(fs);
    port_mutex_lock(fs->lock);
    busy_end(fs);
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
    uint32_t most = j->used == 0 ? j->log - 1 : j->limit;

    if (j->run.joined > 0 && j->reserved + credits > j->trigger) {
        commit_now(fs);
        return false;
    }
    if (j->used + need <= most) {
        return true;
    }
    if (j->used > 0) {
        make_room(fs);
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
    if (!fill_spare(fs)) {
        return SFS_ENOMEM;
    }
    return log_room(fs, credits) ? block_room(fs, blocks, tried) : 0;
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

/* ---- Joining --------------------------------------------------------------------------------- */

/* The newest durable copy is only in data, which is about to change (J4). While the buffer is in
 * the committing transaction, its older copy has been made already. */
bool txn_needs_durable(const struct sfs_buf *buf)
{
    return buf->log_seq != 0 && buf->durable == NULL && buf->commit_seq == 0;
}

void txn_join(struct sfs *fs, struct sfs_buf *buf, uint8_t *run_frame, uint8_t *durable)
{
    struct sfs_txn *run = &fs->journal->run;

    if (durable != NULL) {
        memcpy(durable, buf->data, fs->bs);
        buf->durable = durable;
    }
    buf->run_frame = run_frame;
    buf->run_seq = run->seq;
    buf->run_next = run->list;
    run->list = buf;
    if (run->joined++ == 0) {
        run->started_ns = port_now_ns();
    }
}

void txn_leave(struct sfs *fs, struct sfs_buf *buf)
{
    struct sfs_txn *run = &fs->journal->run;
    struct sfs_buf **at = &run->list;

    while (*at != buf) {
        at = &(*at)->run_next;
    }
    *at = buf->run_next;
    run->joined--;
    buf->run_seq = 0;
    frame_put(fs, buf->run_frame);
    buf->run_frame = NULL;
    if (buf->commit_seq != 0) {
        memcpy(buf->data, buf->frozen, fs->bs);
    } else if (buf->durable != NULL) {
        memcpy(buf->data, buf->durable, fs->bs);
        frame_put(fs, buf->durable);
        buf->durable = NULL;
    } else {
        cache_invalidate(buf);
    }
}

/* The frames that BUF needs to join. False: no memory. */
static bool join_frames(struct sfs *fs, const struct sfs_buf *buf, uint8_t *frame[2])
{
    frame[0] = frame[1] = NULL;
    if (buf == NULL || buf->run_seq != 0) {
        return true;
    }
    frame[0] = frame_get(fs);
    frame[1] = frame[0] != NULL && txn_needs_durable(buf) ? frame_get(fs) : NULL;
    return frame[0] != NULL && (frame[1] != NULL || !txn_needs_durable(buf));
}

static void join_charged(struct sfs_handle *handle, struct sfs_buf *buf, uint8_t *frame[2])
{
    if (buf != NULL && buf->run_seq == 0) {
        SFS_ASSERT(handle->credits > 0);
        handle->credits--;
        txn_join(handle->fs, buf, frame[0], frame[1]);
    }
}

/* BUF and the block of its checksum entry, both or none. Lock held. */
static int join_both(struct sfs_handle *handle, struct sfs_buf *buf, struct sfs_buf *table)
{
    struct sfs *fs = handle->fs;
    uint8_t *mine[2], *tables[2] = {NULL, NULL};

    if (!join_frames(fs, buf, mine) || !join_frames(fs, table, tables)) {
        frame_put(fs, mine[0]);
        frame_put(fs, mine[1]);
        frame_put(fs, tables[0]);
        frame_put(fs, tables[1]);
        return SFS_ENOMEM;
    }
    join_charged(handle, buf, mine);
    join_charged(handle, table, tables);
    return 0;
}

static int table_of(struct sfs *fs, uint64_t block, struct sfs_buf **table)
{
    bool covered =
        fs->has_journal && (block < fs->super.csum_start || block >= fs->super.journal_start);

    *table = NULL;
    return covered ? sfs_buf_read(fs, cache_table_block(fs, block), table) : 0;
}

/* BUF is held; the reference goes back on an error. */
static int join(struct sfs_handle *handle, struct sfs_buf *buf, bool fresh)
{
    struct sfs *fs = handle->fs;
    struct sfs_buf *table;
    int error = table_of(fs, buf->block, &table);

    port_mutex_lock(fs->lock);
    if (error == 0) {
        error = join_both(handle, buf, table);
    }
    if (error == 0 && fresh) {
        memset(buf->data, 0, fs->bs);
        buf->flags = (buf->flags | SFS_BUF_VALID) & ~(uint32_t)SFS_BUF_DATA;
        alloc_unstuck(fs, buf);
    }
    if (error < 0) {
        buf->refs--;
    }
    port_mutex_unlock(fs->lock);
    sfs_buf_put(fs, table);
    return error;
}

int sfs_modify(struct sfs_handle *handle, uint64_t block, struct sfs_buf **out)
{
    int error = sfs_buf_read(handle->fs, block, out);

    if (error == 0) {
        error = join(handle, *out, false);
    }
    *out = error < 0 ? NULL : *out;
    return error;
}

/* A buffer without reading it, and nobody else is reading it either. */
static struct sfs_buf *get_unread(struct sfs *fs, uint64_t block)
{
    port_mutex_lock(fs->lock);
    struct sfs_buf *buf = cache_get(fs, block);

    while (buf != NULL && (buf->flags & SFS_BUF_READING) != 0) {
        port_cond_wait(fs->wake, fs->lock);
    }
    port_mutex_unlock(fs->lock);
    return buf;
}

int sfs_new_block(struct sfs_handle *handle, uint64_t block, struct sfs_buf **out)
{
    if (!sfs_block_valid(handle->fs, block)) {
        return SFS_EUCLEAN;
    }
    *out = get_unread(handle->fs, block);
    int error = *out == NULL ? SFS_ENOMEM : join(handle, *out, true);

    *out = error < 0 ? NULL : *out;
    return error;
}

int sfs_log_data(struct sfs_handle *handle, uint64_t block, const void *data)
{
    struct sfs *fs = handle->fs;

    if (!sfs_block_valid(fs, block)) {
        return SFS_EUCLEAN;
    }
    struct sfs_buf *buf = get_unread(fs, block);

    if (buf == NULL) {
        return SFS_ENOMEM;
    }
    port_mutex_lock(fs->lock);
    bool metadata = (buf->flags & (SFS_BUF_VALID | SFS_BUF_DATA)) == SFS_BUF_VALID;
    int error = metadata ? SFS_EUCLEAN : join_both(handle, buf, NULL);

    if (error == 0) {
        memcpy(buf->data, data, fs->bs);
        buf->flags |= SFS_BUF_VALID | SFS_BUF_DATA;
    }
    buf->refs--;
    port_mutex_unlock(fs->lock);
    return error;
}

bool sfs_is_sticky(struct sfs *fs, uint64_t block)
{
    port_mutex_lock(fs->lock);
    struct sfs_buf *buf = cache_find(fs, block);
    bool sticky = buf != NULL && (buf->flags & SFS_BUF_DATA) != 0;

    port_mutex_unlock(fs->lock);
    return sticky;
}

/* ---- New data that is written in place (J1) ---------------------------------------------------
 */

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
    port_cond_wake_all(fs->wake);
    port_mutex_unlock(fs->lock);
}
