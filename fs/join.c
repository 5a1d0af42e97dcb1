/*
 * join.c - how a buffer becomes part of the running transaction, and how it leaves again.
 *
 * With each credit a frame was promised, for the copy of the buffer that the freeze takes: so
 * neither that nor joining can fail for lack of memory. The block of the checksum table that has the
 * buffer's entry joins with it.
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

void frame_keep(struct sfs *fs, uint8_t *memory)
{
    struct sfs_frame *frame = (struct sfs_frame *)memory;

    frame->next = fs->journal->frames;
    fs->journal->frames = frame;
    fs->journal->frame_count++;
}

void frame_put(struct sfs *fs, uint8_t *memory)
{
    if (memory == NULL || fs->journal->frame_count >= fs->journal->reserved + FRAMES_KEPT) {
        port_free(memory);
    } else {
        frame_keep(fs, memory);
    }
}

/* ---- In and out ---- */

void txn_join(struct sfs *fs, struct sfs_buf *buf)
{
    struct sfs_txn *run = &fs->journal->run;

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
    if (buf->commit_seq != 0) {
        memcpy(buf->data, buf->frozen, fs->bs);
    } else if (buf->durable != NULL) {
        memcpy(buf->data, buf->durable, fs->bs);
    } else {
        cache_invalidate(buf);
    }
}

/* The handle pays for BUF, NULL allowed, once in a transaction. Lock held. */
static void join_charged(struct sfs_handle *handle, struct sfs_buf *buf)
{
    if (buf != NULL && buf->run_seq == 0) {
        SFS_ASSERT(handle->credits > 0);
        handle->credits--;
        txn_join(handle->fs, buf);
    }
}

static int table_of(struct sfs *fs, uint64_t block, struct sfs_buf **table)
{
    *table = NULL;
    return cache_covered(fs, block) ? sfs_buf_read(fs, cache_table_block(fs, block), table) : 0;
}

/* BUF is held; the reference goes back on an error. */
static int join(struct sfs_handle *handle, struct sfs_buf *buf, bool fresh)
{
    struct sfs *fs = handle->fs;
    struct sfs_buf *table;
    int error = table_of(fs, buf->block, &table);

    if (error < 0) {
        sfs_buf_put(fs, buf);
        return error;
    }
    port_mutex_lock(fs->lock);
    join_charged(handle, buf);
    join_charged(handle, table);
    if (fresh) {
        memset(buf->data, 0, fs->bs);
        buf->flags = (buf->flags | SFS_BUF_VALID) & ~(uint32_t)SFS_BUF_DATA;
        alloc_unstuck(fs, buf);
    }
    port_mutex_unlock(fs->lock);
    sfs_buf_put(fs, table);
    return 0;
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

    if (!metadata) {
        join_charged(handle, buf);
        memcpy(buf->data, data, fs->bs);
        buf->flags |= SFS_BUF_VALID | SFS_BUF_DATA;
    }
    buf->refs--;
    port_mutex_unlock(fs->lock);
    return metadata ? SFS_EUCLEAN : 0;
}

bool sfs_is_sticky(struct sfs *fs, uint64_t block)
{
    port_mutex_lock(fs->lock);
    struct sfs_buf *buf = cache_find(fs, block);
    bool sticky = buf != NULL && (buf->flags & SFS_BUF_DATA) != 0 && SFS_RULE(STICKY);

    port_mutex_unlock(fs->lock);
    return sticky;
}
