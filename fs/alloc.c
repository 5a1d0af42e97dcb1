/*
 * alloc.c - see alloc.h. The bitmaps are metadata like any other; what is not on the disk:
 *
 * - how many bits are free in each bitmap block, counted at mount, so that full ones are skipped;
 * - the quarantine: a shadow of each bitmap block in which something was freed, one set for the
 *   running transaction and one for the committing one. A block is free if its bit is 0 in the
 *   bitmap and in both shadows.
 * - stuck blocks: free, but a buffer says that the log still has a copy (SFS_BUF_STUCK).
 */
#include "fs/bitmap.h"

#define DIR_STRIDE 64 /* inodes between two new directories: room for their files */

/* ---- Searching ---- */

/* What a search looks at: one bitmap block, and the shadows over it. */
struct view {
    struct sfs *fs;
    const uint8_t *bits;
    const struct shadow *run, *commit;
    uint64_t first; /* what bit 0 stands for */
    bool for_data;  /* stuck blocks do not count as free */
};

static bool view_free(const struct view *v, uint64_t bit)
{
    const struct shadow *run = SFS_RULE(FREED_UNTIL_DURABLE) ? v->run : NULL;
    const struct shadow *commit = SFS_RULE(FREED_UNTIL_DURABLE) ? v->commit : NULL;

    if (bit_is_set(v->bits, bit) || (run != NULL && bit_is_set(run->bits, bit)) ||
        (commit != NULL && bit_is_set(commit->bits, bit))) {
        return false;
    }
    bool data = v->for_data && SFS_RULE(FREED_UNTIL_TAIL);
    const struct sfs_buf *buf = data ? cache_find(v->fs, v->first + bit) : NULL;

    return buf == NULL || (buf->live_seq == 0 && buf->commit_seq == 0 && buf->run_seq == 0);
}

/* The first free bit from FROM on, below END, and how many follow it, at most WANT; 0: none. */
static uint32_t view_search(const struct view *v, uint64_t from, uint64_t end, uint32_t want,
                            uint64_t *found)
{
    uint32_t count = 0;

    for (uint64_t bit = from; bit < end; bit++) {
        if (bit % 8 == 0 && v->bits[bit / 8] == 0xFF) {
            bit += 7;
            continue;
        }
        if (view_free(v, bit)) {
            *found = bit;
            while (count < want && bit + count < end && view_free(v, bit + count)) {
                count++;
            }
            break;
        }
    }
    return count;
}

/* Take 1 to WANT free bits from block INDEX, at or behind FROM. Returns how many, or an error. */
static int64_t take_in_block(struct sfs_handle *handle, struct bitmap *map, uint64_t index,
                             uint64_t from, uint32_t want, bool for_data, uint64_t *first)
{
    struct sfs *fs = handle->fs;
    struct sfs_alloc *a = fs->alloc;
    bool blocks = map == &a->data;
    struct sfs_buf *buf;
    uint64_t bit = 0;
    int error = sfs_buf_read(fs, map->start + index, &buf);

    if (error < 0) {
        return error;
    }
    port_mutex_lock(fs->lock);
    struct view view = {fs,
                        buf->data,
                        blocks ? shadow_find(&a->run, index) : NULL,
                        blocks ? shadow_find(&a->commit, index) : NULL,
                        index * bits_in_block(fs),
                        for_data};
    uint32_t count = view_search(&view, from, bits_used(fs, map, index), want, &bit);
    port_mutex_unlock(fs->lock);
    sfs_buf_put(fs, buf);
    *first = index * bits_in_block(fs) + bit;
    if (count == 0) {
        return 0;
    }
    error = sfs_modify(handle, map->start + index, &buf);
    if (error < 0) {
        return error;
    }
    for (uint64_t i = bit; i < bit + count; i++) {
        buf->data[i / 8] |= (uint8_t)(1u << i % 8);
    }
    sfs_buf_put(fs, buf);
    map->free_in[index] -= (uint16_t)count;
    port_mutex_lock(fs->lock);
    map->free -= count;
    port_mutex_unlock(fs->lock);
    return count;
}

/* From GOAL to the end, then from the beginning: its block is looked at twice. Lock held. */
static int64_t take(struct sfs_handle *handle, struct bitmap *map, uint64_t goal, uint32_t want,
                    bool for_data, uint64_t *first)
{
    uint64_t bits = bits_in_block(handle->fs);
    int64_t count = 0;

    goal = goal < map->bits ? goal : 0;
    for (uint64_t i = 0; i <= map->blocks && count == 0; i++) {
        uint64_t index = (goal / bits + i) % map->blocks;

        if (map->free_in[index] > 0) {
            count =
                take_in_block(handle, map, index, i == 0 ? goal % bits : 0, want, for_data, first);
        }
    }
    return count;
}

static int64_t take_blocks(struct sfs_handle *handle, uint64_t goal, uint32_t want, bool for_data,
                           uint64_t *first)
{
    struct sfs *fs = handle->fs;

    want = want < handle->blocks ? want : handle->blocks;
    if (want == 0) {
        return SFS_ENOSPC;
    }
    port_mutex_lock(fs->alloc->lock);
    int64_t count = take(handle, &fs->alloc->data, goal, want, for_data, first);
    port_mutex_unlock(fs->alloc->lock);
    if (count > 0) {
        handle->blocks -= (uint32_t)count;
        port_mutex_lock(fs->lock);
        alloc_unpromise(fs, (uint32_t)count);
        port_mutex_unlock(fs->lock);
        if (!sfs_block_valid(fs, *first) || !sfs_block_valid(fs, *first + (uint64_t)count - 1)) {
            sfs_damaged(fs, *first, "a reserved block is marked as free");
            return SFS_EUCLEAN; /* its bit is set now, as it should be */
        }
    }
    return count == 0 ? SFS_ENOSPC : count;
}

int sfs_alloc_data(struct sfs_handle *handle, uint64_t goal, uint32_t want, uint64_t *first,
                   uint32_t *got)
{
    int64_t count = take_blocks(handle, goal, want, true, first);

    *got = count > 0 ? (uint32_t)count : 0;
    return count < 0 ? (int)count : 0;
}

int sfs_alloc_meta(struct sfs_handle *handle, uint64_t goal, uint64_t *block)
{
    int64_t count = take_blocks(handle, goal, 1, false, block);

    return count < 0 ? (int)count : 0;
}

/* ---- Freeing ---- */

/* The bit of NUMBER, in a buffer that may be changed. EUCLEAN: it is not set. */
static int modify_bit(struct sfs_handle *handle, struct bitmap *map, uint64_t number,
                      struct sfs_buf **buf)
{
    uint64_t bits = bits_in_block(handle->fs);
    int error = sfs_modify(handle, map->start + number / bits, buf);

    if (error == 0 && !bit_is_set((*buf)->data, number % bits)) {
        sfs_damaged(handle->fs, map->start + number / bits, "freed twice");
        sfs_buf_put(handle->fs, *buf);
        return SFS_EUCLEAN;
    }
    return error;
}

static void clear_bit(struct sfs *fs, struct bitmap *map, uint64_t number, struct sfs_buf *buf)
{
    uint64_t bits = bits_in_block(fs);

    buf->data[number % bits / 8] &= (uint8_t) ~(1u << number % 8);
    map->free_in[number / bits]++;
    sfs_buf_put(fs, buf);
    port_mutex_lock(fs->lock);
    map->free++;
    port_mutex_unlock(fs->lock);
}

/* What becomes of the freed block's buffer. A copy in the log keeps it. Lock held. */
static void free_buffer(struct sfs_handle *handle, uint64_t block)
{
    struct sfs *fs = handle->fs;
    struct sfs_buf *buf = cache_find(fs, block);

    if (buf == NULL) {
        return;
    }
    if (buf->run_seq != 0) {
        txn_leave(fs, buf);
        handle->credits++;
    }
    if (buf->live_seq == 0 && buf->commit_seq == 0) {
        cache_invalidate(buf);
    } else if ((buf->flags & SFS_BUF_STUCK) == 0) {
        buf->flags |= SFS_BUF_STUCK;
        fs->alloc->stuck++;
    }
}

/* The checksum entry of a block of metadata that is going to be freed. */
static int modify_entry(struct sfs_handle *handle, uint64_t block, bool meta,
                        struct sfs_buf **table)
{
    *table = NULL;
    if (!meta || !handle->fs->has_journal) {
        return 0;
    }
    return sfs_modify(handle, cache_table_block(handle->fs, block), table);
}

static int free_block_locked(struct sfs_handle *handle, uint64_t block, bool meta)
{
    struct sfs *fs = handle->fs;
    struct sfs_alloc *a = fs->alloc;
    struct sfs_buf *buf, *table;
    uint64_t bits = bits_in_block(fs);
    int error = modify_entry(handle, block, meta, &table);

    if (error == 0) {
        error = modify_bit(handle, &a->data, block, &buf);
    }
    if (error < 0) {
        sfs_buf_put(fs, table);
        return error;
    }
    port_mutex_lock(fs->lock);
    struct shadow *shadow = shadow_make(fs, block / bits);

    if (shadow != NULL) {
        shadow->bits[block % bits / 8] |= (uint8_t)(1u << block % 8);
        a->run.count++;
        free_buffer(handle, block);
        if (table != NULL) {
            *cache_entry(fs, table, block) = 0;
        }
    }
    port_mutex_unlock(fs->lock);
    sfs_buf_put(fs, table);
    if (shadow == NULL) {
        sfs_buf_put(fs, buf);
        return SFS_ENOMEM;
    }
    clear_bit(fs, &a->data, block, buf);
    return 0;
}

int sfs_free_block(struct sfs_handle *handle, uint64_t block, bool meta)
{
    struct sfs *fs = handle->fs;

    if (!sfs_block_valid(fs, block)) {
        return SFS_EUCLEAN;
    }
    port_mutex_lock(fs->alloc->lock);
    int error = free_block_locked(handle, block, meta);
    port_mutex_unlock(fs->alloc->lock);
    return error;
}

/* ---- Inodes ---- */

int sfs_alloc_inode(struct sfs_handle *handle, uint64_t parent, bool dir, uint64_t *ino)
{
    struct sfs_alloc *a = handle->fs->alloc;

    port_mutex_lock(a->lock);
    uint64_t goal = dir ? a->next_dir : parent + 1;
    int64_t count = take(handle, &a->inodes, goal, 1, false, ino);

    if (count > 0 && dir) {
        a->next_dir = (*ino + DIR_STRIDE) % a->inodes.bits;
    }
    port_mutex_unlock(a->lock);
    return count > 0 ? 0 : count == 0 ? SFS_ENOSPC : (int)count;
}

int sfs_free_inode(struct sfs_handle *handle, uint64_t ino)
{
    struct sfs *fs = handle->fs;
    struct sfs_alloc *a = fs->alloc;
    struct sfs_buf *buf;

    if (ino == SFS_ROOT || ino >= a->inodes.bits) {
        return SFS_EUCLEAN;
    }
    port_mutex_lock(a->lock);
    int error = modify_bit(handle, &a->inodes, ino, &buf);
    if (error == 0) {
        clear_bit(fs, &a->inodes, ino, buf);
    }
    port_mutex_unlock(a->lock);
    return error;
}

int sfs_inode_allocated(struct sfs *fs, uint64_t ino, bool *allocated)
{
    struct bitmap *map = &fs->alloc->inodes;
    struct sfs_buf *buf;

    if (ino >= map->bits) {
        return SFS_EINVAL;
    }
    int error = sfs_buf_read(fs, map->start + ino / bits_in_block(fs), &buf);
    if (error == 0) {
        port_mutex_lock(fs->alloc->lock);
        *allocated = bit_is_set(buf->data, ino % bits_in_block(fs));
        port_mutex_unlock(fs->alloc->lock);
        sfs_buf_put(fs, buf);
    }
    return error;
}
