/*
 * join.c - how a buffer becomes part of the running transaction, and how it leaves again.
 *
 * Memory is promised when it joins: it brings the frame that its frozen copy will need, and, if the
 * log's newest copy of it is only in data, which is about to change, a copy of that (J4). So a
 * freeze cannot fail. The block of the checksum table that has its entry joins with it.
 */
#include "fs/log.h"

#define FRAMES_KEPT 64

/* ---- Frames ---- */

uint8_t *frame_take(struct sfs *fs)
{
    struct sfs_frame *frame = fs->journal->frames;

    SFS_ASSERT(frame != NULL);
    fs->journal->frames = frame->next;
    fs->journal->frame_count--;
    return (uint8_t *)frame;
}

/* Any frame. NULL: no memory. */
static uint8_t *frame_get(struct sfs *fs)
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

/* ---- In and out ---- */

/* The newest durable copy is only in data, which is about to change (J4). While the buffer is in
 * the committing transaction, its older copy has been made already. */
bool txn_needs_durable(const struct sfs_buf *buf)
{
    return buf->log_seq != 0 && buf->durable == NULL && buf->commit_seq == 0 &&
           SFS_RULE(COPY_BEFORE_CHANGE);
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
    struct sfs_buf *const both[2] = {buf, table};
    uint8_t *frame[2][2] = {{NULL}};
    bool got = join_frames(handle->fs, buf, frame[0]) && join_frames(handle->fs, table, frame[1]);

    for (int i = 0; i < 2; i++) {
        if (got) {
            join_charged(handle, both[i], frame[i]);
        } else {
            frame_put(handle->fs, frame[i][0]);
            frame_put(handle->fs, frame[i][1]);
        }
    }
    return got ? 0 : SFS_ENOMEM;
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
    error = error < 0 ? error : join_both(handle, buf, table);
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

    error = error < 0 ? error : join(handle, *out, false);
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

int sfs_replace(struct sfs_handle *handle, uint64_t block, const void *data)
{
    struct sfs_buf *buf = get_unread(handle->fs, block);
    int error = buf == NULL ? SFS_ENOMEM : join(handle, buf, true);

    if (error == 0) {
        memcpy(buf->data, data, handle->fs->bs);
        sfs_buf_put(handle->fs, buf);
    }
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
    bool sticky = buf != NULL && (buf->flags & SFS_BUF_DATA) != 0 && SFS_RULE(STICKY);

    port_mutex_unlock(fs->lock);
    return sticky;
}
