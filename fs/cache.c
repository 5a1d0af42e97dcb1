/*
 * cache.c - see cache.h. A hash table to find buffers by block, a ring with a clock hand to find
 * one to drop:
 *
 *     hand -> [used]   give it another round        A buffer stays while anybody holds it, while it
 *             [idle]   drop it                      is in a transaction, while the log has a copy.
 *             [needed] leave it
 *
 * The ring may grow beyond cache_blocks when all are needed; it shrinks again as blocks are got.
 */
#include "fs/list.h"
#include "fs/log.h"
#include "fs/super.h"

static uint32_t slot_of(const struct sfs *fs, uint64_t block)
{
    return (uint32_t)((block * 0x9E3779B97F4A7C15ull) >> 32) & (fs->hash_size - 1);
}

struct sfs_buf *cache_find(struct sfs *fs, uint64_t block)
{
    struct sfs_buf *buf = fs->hash[slot_of(fs, block)];

    while (buf != NULL && buf->block != block) {
        buf = buf->hash_next;
    }
    return buf;
}

static bool idle(const struct sfs_buf *buf)
{
    return buf->refs == 0 && buf->run_seq == 0 && buf->commit_seq == 0 && buf->live_seq == 0;
}

static void unlink_buf(struct sfs *fs, struct sfs_buf *buf)
{
    struct sfs_buf **at = &fs->hash[slot_of(fs, buf->block)];

    while (*at != buf) {
        at = &(*at)->hash_next;
    }
    *at = buf->hash_next;
    SFS_RING_REMOVE(fs->hand, buf, all);
    fs->buffers--;
}

/* New ones come in behind the hand: a whole round to live. */
static void link_buf(struct sfs *fs, struct sfs_buf *buf)
{
    struct sfs_buf **slot = &fs->hash[slot_of(fs, buf->block)];

    buf->hash_next = *slot;
    *slot = buf;
    SFS_RING_ADD(fs->hand, buf, all);
    fs->buffers++;
}

static void free_buf(struct sfs_buf *buf)
{
    port_free(buf->data);
    port_free(buf->frozen);
    port_free(buf->durable);
    port_free(buf);
}

/* Two rounds of the clock find whatever can be dropped. */
static struct sfs_buf *victim(struct sfs *fs)
{
    for (uint32_t steps = 2 * fs->buffers; steps > 0; steps--) {
        struct sfs_buf *buf = fs->hand;

        fs->hand = buf->all_next;
        if (idle(buf)) {
            if ((buf->flags & SFS_BUF_USED) == 0 || (buf->flags & SFS_BUF_VALID) == 0) {
                return buf;
            }
            buf->flags &= ~(uint32_t)SFS_BUF_USED;
        }
    }
    return NULL;
}

static struct sfs_buf *make(struct sfs *fs)
{
    struct sfs_buf *buf = NULL, *old;

    while (fs->buffers >= fs->cache_blocks && (old = victim(fs)) != NULL) {
        unlink_buf(fs, old);
        if (buf != NULL) {
            free_buf(buf);
        }
        buf = old;
    }
    if (buf != NULL) {
        uint8_t *data = buf->data;

        *buf = (struct sfs_buf){.data = data};
        return buf;
    }
    buf = port_alloc(sizeof(*buf));
    if (buf != NULL) {
        *buf = (struct sfs_buf){.data = port_alloc(fs->bs)};
        if (buf->data == NULL) {
            port_free(buf);
            buf = NULL;
        }
    }
    return buf;
}

struct sfs_buf *cache_get(struct sfs *fs, uint64_t block)
{
    struct sfs_buf *buf = cache_find(fs, block);

    if (buf == NULL) {
        buf = make(fs);
        if (buf == NULL) {
            return NULL;
        }
        buf->block = block;
        link_buf(fs, buf);
    }
    buf->refs++;
    buf->flags |= SFS_BUF_USED;
    return buf;
}

void cache_invalidate(struct sfs_buf *buf)
{
    buf->flags &= ~(uint32_t)(SFS_BUF_VALID | SFS_BUF_DATA);
}

void cache_free(struct sfs *fs)
{
    while (fs->hand != NULL) {
        struct sfs_buf *buf = fs->hand;

        unlink_buf(fs, buf);
        free_buf(buf);
    }
    port_free(fs->hash);
    fs->hash = NULL;
}

bool sfs_block_valid(const struct sfs *fs, uint64_t block)
{
    const struct sfs_super *super = &fs->super;
    uint64_t end = fs->has_journal ? super->backup_sb_block : super->total_blocks;

    return block >= sfs_first_file_block(super) && block < end;
}

/* ---- Reading ---- */

uint64_t cache_table_block(const struct sfs *fs, uint64_t block)
{
    return fs->super.csum_start + block / (fs->bs / 4);
}

uint32_t *cache_entry(const struct sfs *fs, struct sfs_buf *table, uint64_t block)
{
    return (uint32_t *)table->data + block % (fs->bs / 4);
}

bool cache_covered(const struct sfs *fs, uint64_t block)
{
    return fs->has_journal && (block < fs->super.csum_start || block >= fs->super.journal_start);
}

static bool in_inode_table(const struct sfs *fs, uint64_t block)
{
    return block >= fs->super.inode_table_start && block < fs->super.data_start;
}

/* From where the newest contents are: home, or the log that is replayed in memory. */
static int fetch(struct sfs *fs, uint64_t block, void *data)
{
    uint64_t log_block;

    return sfs_read_blocks(fs, overlay_find(fs, block, &log_block) ? log_block : block, 1, data);
}

static int load_covered(struct sfs *fs, struct sfs_buf *buf)
{
    struct sfs_buf *table;
    int error = sfs_buf_read(fs, cache_table_block(fs, buf->block), &table);

    if (error < 0) {
        return error;
    }
    uint32_t entry = *cache_entry(fs, table, buf->block);

    sfs_buf_put(fs, table);
    if (entry == 0 && in_inode_table(fs, buf->block)) {
        memset(buf->data, 0, fs->bs); /* never used, so zero by mkfs */
        return 0;
    }
    error = entry == 0 ? SFS_EUCLEAN : fetch(fs, buf->block, buf->data);
    if (error == 0 && sfs_csum_entry(fs->u, buf->block, buf->data, fs->bs) != entry) {
        error = SFS_EUCLEAN;
    }
    if (error == SFS_EUCLEAN) {
        sfs_damaged(fs, buf->block, "checksum does not match");
    }
    return error;
}

/* Fill BUF, whose READING is ours. */
static int load(struct sfs *fs, struct sfs_buf *buf)
{
    return cache_covered(fs, buf->block) ? load_covered(fs, buf) : fetch(fs, buf->block, buf->data);
}

static void wait_read(struct sfs *fs, struct sfs_buf *buf)
{
    while (buf->flags & SFS_BUF_READING) {
        port_cond_wait(fs->wake, fs->lock);
    }
}

static int read_locked(struct sfs *fs, struct sfs_buf *buf)
{
    wait_read(fs, buf);
    if (buf->flags & SFS_BUF_VALID) {
        return buf->flags & SFS_BUF_DATA ? SFS_EUCLEAN : 0;
    }
    buf->flags |= SFS_BUF_READING;
    port_mutex_unlock(fs->lock);
    int error = load(fs, buf);
    port_mutex_lock(fs->lock);
    buf->flags &= ~(uint32_t)SFS_BUF_READING;
    if (error == 0) {
        buf->flags |= SFS_BUF_VALID;
    }
    port_cond_wake_all(fs->wake);
    return error;
}

int sfs_buf_read(struct sfs *fs, uint64_t block, struct sfs_buf **out)
{
    if (block >= fs->super.total_blocks) {
        return SFS_EUCLEAN;
    }
    port_mutex_lock(fs->lock);
    struct sfs_buf *buf = cache_get(fs, block);
    int error = buf == NULL ? SFS_ENOMEM : read_locked(fs, buf);

    if (error < 0 && buf != NULL) {
        buf->refs--;
    }
    port_mutex_unlock(fs->lock);
    *out = error < 0 ? NULL : buf;
    return error;
}

void sfs_buf_put(struct sfs *fs, struct sfs_buf *buf)
{
    if (buf != NULL) {
        port_mutex_lock(fs->lock);
        SFS_ASSERT(buf->refs > 0);
        buf->refs--;
        port_mutex_unlock(fs->lock);
    }
}

/* ---- File data that is in the log ---- */

bool sfs_read_logged(struct sfs *fs, uint64_t block, void *data, int *error)
{
    uint64_t log_block;
    bool found;

    *error = 0;
    if (overlay_find(fs, block, &log_block)) {
        *error = sfs_read_blocks(fs, log_block, 1, data);
        return true;
    }
    port_mutex_lock(fs->lock);
    struct sfs_buf *buf = cache_find(fs, block);

    found = buf != NULL && (buf->flags & SFS_BUF_DATA) != 0;
    if (found) {
        memcpy(data, buf->data, fs->bs);
    }
    port_mutex_unlock(fs->lock);
    return found;
}
