/*
 * alloc.c - see alloc.h. The bitmaps are metadata like any other; what is not on the disk:
 *
 * - how many bits are free in each bitmap block, counted at mount, so that full ones are skipped
 *   and no counter on the disk can be wrong;
 * - the quarantine: a shadow of each bitmap block in which something was freed, one set for the
 *   running transaction and one for the committing one. A block is free if its bit is 0 in the
 *   bitmap and in both shadows. Freeing sets a bit in the running set; a freeze hands the set on to
 *   the committing transaction; when that is durable the set is gone;
 * - stuck blocks: free, but a buffer says that the log still has a copy (SFS_BUF_STUCK).
 *
 * Of the free blocks, those in quarantine, those that are stuck and those already promised to other
 * handles cannot be promised: so an allocation that was promised finds its block.
 */
#include "fs/log.h"

#define DIR_STRIDE 64 /* inodes between two new directories: room for their files */

/* The blocks of one bitmap block that a transaction has freed. */
struct shadow {
    struct shadow *next;
    uint64_t index;
    uint8_t bits[];
};

struct quarantine {
    struct shadow *shadows;
    uint64_t count;
};

/* One of the two bitmaps. */
struct bitmap {
    uint64_t start, blocks; /* where it lies */
    uint64_t bits;          /* that mean something */
    uint64_t free;          /* guarded by fs->lock */
    uint16_t *free_in;      /* each block; guarded by sfs_alloc.lock */
};

struct sfs_alloc {
    struct port_mutex *lock; /* the contents of the bitmaps; before fs->lock */
    struct bitmap data, inodes;
    uint64_t next_dir; /* guarded by lock */
    /* Guarded by fs->lock. */
    struct quarantine run, commit;
    uint64_t stuck;
    uint64_t promised;
};

static uint64_t bits_in_block(const struct sfs *fs)
{
    return 8ull * fs->bs;
}

static bool bit_is_set(const uint8_t *bits, uint64_t bit)
{
    return bits[bit / 8] >> bit % 8 & 1;
}

/* Of bitmap block INDEX, the bits that mean something. */
static uint64_t bits_used(const struct sfs *fs, const struct bitmap *map, uint64_t index)
{
    uint64_t left = map->bits - index * bits_in_block(fs);

    return left < bits_in_block(fs) ? left : bits_in_block(fs);
}

/* ---- Quarantine and promises: fs->lock is held ---- */

static struct shadow *shadow_find(struct quarantine *q, uint64_t index)
{
    struct shadow *shadow = q->shadows;

    while (shadow != NULL && shadow->index != index) {
        shadow = shadow->next;
    }
    return shadow;
}

/* In the running transaction's set. NULL: no memory. */
static struct shadow *shadow_make(struct sfs *fs, uint64_t index)
{
    struct quarantine *run = &fs->alloc->run;
    struct shadow *shadow = shadow_find(run, index);

    if (shadow == NULL) {
        shadow = port_alloc(sizeof(*shadow) + fs->bs);
        if (shadow != NULL) {
            memset(shadow->bits, 0, fs->bs);
            shadow->index = index;
            shadow->next = run->shadows;
            run->shadows = shadow;
        }
    }
    return shadow;
}

static void quarantine_clear(struct quarantine *q)
{
    while (q->shadows != NULL) {
        struct shadow *next = q->shadows->next;

        port_free(q->shadows);
        q->shadows = next;
    }
    q->count = 0;
}

void alloc_frozen(struct sfs *fs)
{
    SFS_ASSERT(fs->alloc->commit.shadows == NULL);
    fs->alloc->commit = fs->alloc->run;
    fs->alloc->run = (struct quarantine){NULL, 0};
}

void alloc_durable(struct sfs *fs)
{
    quarantine_clear(&fs->alloc->commit);
}

void alloc_unstuck(struct sfs *fs, struct sfs_buf *buf)
{
    if ((buf->flags & SFS_BUF_STUCK) != 0) {
        buf->flags &= ~(uint32_t)SFS_BUF_STUCK;
        fs->alloc->stuck--;
    }
}

static uint64_t waiting(const struct sfs_alloc *a)
{
    return a->run.count + a->commit.count + a->stuck;
}

bool alloc_promise(struct sfs *fs, uint32_t blocks)
{
    struct sfs_alloc *a = fs->alloc;

    if (blocks > 0 && waiting(a) + a->promised + blocks > a->data.free) {
        return false;
    }
    a->promised += blocks;
    return true;
}

void alloc_unpromise(struct sfs *fs, uint32_t blocks)
{
    fs->alloc->promised -= blocks;
}

bool alloc_can_wait(struct sfs *fs)
{
    return waiting(fs->alloc) > 0;
}

/* ---- Counting ---- */

static uint64_t locked(struct sfs *fs, const uint64_t *value)
{
    port_mutex_lock(fs->lock);
    uint64_t copy = *value;
    port_mutex_unlock(fs->lock);
    return copy;
}

uint64_t sfs_blocks_free(struct sfs *fs)
{
    return locked(fs, &fs->alloc->data.free);
}

uint64_t sfs_inodes_free(struct sfs *fs)
{
    return locked(fs, &fs->alloc->inodes.free);
}

static int count_block(struct sfs *fs, struct bitmap *map, uint64_t index)
{
    struct sfs_buf *buf;
    uint64_t used = bits_used(fs, map, index);
    uint32_t set = 0;
    int error = sfs_buf_read(fs, map->start + index, &buf);

    if (error < 0) {
        return error;
    }
    for (uint64_t bit = 0; bit < used; bit += 64) {
        uint64_t word = ((const uint64_t *)buf->data)[bit / 64];

        word &= used - bit < 64 ? (1ull << (used - bit)) - 1 : UINT64_MAX;
        for (; word != 0; word &= word - 1) {
            set++;
        }
    }
    sfs_buf_put(fs, buf);
    map->free_in[index] = (uint16_t)(used - set);
    map->free += used - set;
    return 0;
}

static int count_all(struct sfs *fs, struct bitmap *map)
{
    int error = 0;

    map->free_in = port_alloc(map->blocks * sizeof(*map->free_in));
    if (map->free_in == NULL) {
        return SFS_ENOMEM;
    }
    for (uint64_t i = 0; i < map->blocks && error == 0; i++) {
        error = count_block(fs, map, i);
        if (error == SFS_EUCLEAN && fs->read_only) {
            map->free_in[i] = 0; /* to look at what is left, a damaged bitmap is not needed */
            error = 0;
        }
    }
    return error;
}

int alloc_make(struct sfs *fs)
{
    struct sfs_alloc *a = port_alloc(sizeof(*a));

    if (a == NULL) {
        return SFS_ENOMEM;
    }
    *a = (struct sfs_alloc){
        .lock = port_mutex_create("sfs bitmaps"),
        .data = {fs->super.data_bitmap_start, fs->dbm_blocks, fs->super.total_blocks, 0, NULL},
        .inodes = {fs->super.inode_bitmap_start, fs->ibm_blocks, fs->super.inode_count, 0, NULL},
    };
    fs->alloc = a;
    return a->lock != NULL ? 0 : SFS_ENOMEM;
}

int alloc_mount(struct sfs *fs)
{
    int error = alloc_make(fs);

    error = error < 0 ? error : count_all(fs, &fs->alloc->data);
    return error < 0 ? error : count_all(fs, &fs->alloc->inodes);
}

void alloc_unmount(struct sfs *fs)
{
    struct sfs_alloc *a = fs->alloc;

    if (a != NULL) {
        quarantine_clear(&a->run);
        quarantine_clear(&a->commit);
        port_free(a->data.free_in);
        port_free(a->inodes.free_in);
        sfs_mutex_free(a->lock);
        port_free(a);
    }
}

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
        if (bit % 64 == 0 && ((const uint64_t *)v->bits)[bit / 64] == UINT64_MAX) {
            bit += 63; /* most of a full volume is passed like this */
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

static int free_block_locked(struct sfs_handle *handle, uint64_t block, bool meta)
{
    struct sfs *fs = handle->fs;
    struct sfs_alloc *a = fs->alloc;
    struct sfs_buf *buf, *table = NULL;
    uint64_t bits = bits_in_block(fs);
    int error = 0;

    port_mutex_lock(fs->lock);
    struct shadow *shadow = shadow_make(fs, block / bits);
    port_mutex_unlock(fs->lock);
    if (shadow == NULL) {
        return SFS_ENOMEM;
    }
    if (meta && fs->has_journal) {
        error = sfs_modify(handle, cache_table_block(fs, block), &table);
    }
    error = error < 0 ? error : modify_bit(handle, &a->data, block, &buf);
    if (error == 0) {
        port_mutex_lock(fs->lock);
        shadow->bits[block % bits / 8] |= (uint8_t)(1u << block % 8);
        a->run.count++;
        free_buffer(handle, block);
        port_mutex_unlock(fs->lock);
        if (table != NULL) {
            *cache_entry(fs, table, block) = 0;
        }
        clear_bit(fs, &a->data, block, buf);
    }
    sfs_buf_put(fs, table);
    return error;
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

void sfs_alloc_undo(struct sfs_handle *handle, uint64_t block)
{
    struct sfs *fs = handle->fs;
    struct sfs_buf *buf;

    port_mutex_lock(fs->lock);
    free_buffer(handle, block);
    port_mutex_unlock(fs->lock);
    port_mutex_lock(fs->alloc->lock);
    int error = modify_bit(handle, &fs->alloc->data, block, &buf);
    SFS_ASSERT(error == 0); /* its block is the handle's already */
    clear_bit(fs, &fs->alloc->data, block, buf);
    port_mutex_unlock(fs->alloc->lock);
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
