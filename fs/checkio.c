/*
 * checkio.c - blocks for the checker, as they are after the replay of the journal and after what
 * has been repaired so far:
 *
 *   from the cache    if a repair has changed it      (-y)
 *   from the log      if the journal is to be replayed (-n, in memory)
 *   from its place
 *
 * Repairs are handles of the journal, one a block, so each block is repaired as a whole or not.
 */
#include "fs/checkwork.h"

#define TAILS_GAP 4096u /* bytes between two ends that nobody needs: more cost a request less */

void check_fail(struct check *c, int error)
{
    c->error = c->error != 0 ? c->error : error;
}

void check_progress(struct check *c, unsigned percent)
{
    if (c->options->progress != NULL) {
        c->options->progress(c->options->ctx, percent);
    }
}

/* ---- Reading ---- */

/* The newest contents, if they are somewhere else than in BLOCK's place. */
static void patch(struct check *c, uint64_t block, void *memory)
{
    struct sfs *fs = c->fs;
    uint64_t log_block;

    if (overlay_find(fs, block, &log_block)) {
        check_fail(c, sfs_read_blocks(fs, log_block, 1, memory));
    }
    port_mutex_lock(fs->lock);
    struct sfs_buf *buf = c->changed ? cache_find(fs, block) : NULL;

    if (buf != NULL && (buf->flags & SFS_BUF_VALID) != 0) {
        memcpy(memory, buf->data, fs->bs);
    }
    port_mutex_unlock(fs->lock);
}

void check_read(struct check *c, uint64_t block, uint32_t count, void *memory)
{
    if (c->error != 0) {
        memset(memory, 0, (size_t)count * c->fs->bs);
        return;
    }
    check_fail(c, sfs_read_blocks(c->fs, block, count, memory));
    if (c->fs->journal->overlay_count > 0 || c->changed) {
        for (uint32_t i = 0; i < count; i++) {
            patch(c, block + i, (uint8_t *)memory + (size_t)i * c->fs->bs);
        }
    }
}

/* ---- The checksum table ---- */

/* Chunk INDEX of the table. A freeze brings the entries of what was repaired up to date. */
static void load_chunk(struct check *c, uint64_t index, struct check_entries *chunk)
{
    const struct sfs *fs = c->fs;
    uint32_t blocks = ENTRY_CHUNK / fs->bs;
    uint64_t first = index * blocks, left = fs->super.csum_blocks - first;

    if (c->changed) {
        check_fail(c, sfs_commit_running(c->fs));
    }
    chunk->entry = chunk->entry != NULL ? chunk->entry : port_alloc(ENTRY_CHUNK);
    if (chunk->entry == NULL) {
        check_fail(c, SFS_ENOMEM);
        return;
    }
    check_read(c, fs->super.csum_start + first, left < blocks ? (uint32_t)left : blocks,
               chunk->entry);
    chunk->index = index + 1;
}

uint32_t *check_entry_of(struct check *c, uint64_t block)
{
    struct check_entries *chunk = check_entries_of(c, block);

    if (c->fs->has_journal && chunk->index != block / ENTRY_EACH + 1) {
        load_chunk(c, block / ENTRY_EACH, chunk);
    }
    return c->fs->has_journal && c->error == 0 ? chunk->entry + block % ENTRY_EACH : NULL;
}

bool check_matches(struct check *c, uint64_t block, const void *data)
{
    return !c->fs->has_journal ||
           check_entry(c, block) == sfs_csum_entry(c->fs->u, block, data, c->fs->bs);
}

bool check_verify(struct check *c, uint64_t block, uint64_t ino, const void *data)
{
    bool sound = check_matches(c, block, data);

    if (!sound) {
        check_note(c, check_entry(c, block) == 0 ? KIND_CSUM_NONE : KIND_CSUM, block, ino, 0, 0);
    }
    return sound;
}

bool check_is_covered(const struct check *c, uint64_t block)
{
    const struct sfs_super *s = &c->fs->super;

    return (block >= s->inode_bitmap_start && block < s->data_start) || block == s->orphan_block ||
           check_map_test(&c->meta, block);
}

/* ---- Writing ---- */

static bool begin(struct check *c, struct sfs_handle *handle)
{
    if (c->error == 0 && c->repair) {
        check_fail(c, sfs_begin(c->fs, handle, sfs_credits(c->fs, 1, 0), 0));
        c->changed = c->changed || c->error == 0;
        return c->error == 0;
    }
    return false;
}

void check_put(struct check *c, uint64_t block, const void *data)
{
    struct sfs_handle handle;
    bool covered = check_is_covered(c, block);

    if (!begin(c, &handle)) {
        return;
    }
    check_fail(c, covered ? sfs_replace(&handle, block, data) : sfs_log_data(&handle, block, data));
    sfs_end(&handle);
    uint32_t *entry = covered ? check_entry_of(c, block) : NULL;

    if (entry != NULL) {
        *entry = sfs_csum_entry(c->fs->u, block, data, c->fs->bs);
    }
    if (block == c->table_is && data != c->table) {
        c->table_is = 0; /* it has been changed where it was read by itself */
    }
}

void check_clear_entry(struct check *c, uint64_t block)
{
    struct sfs_handle handle;
    struct sfs_buf *table;

    if (begin(c, &handle)) {
        check_fail(c, sfs_modify(&handle, cache_table_block(c->fs, block), &table));
        if (c->error == 0) {
            *cache_entry(c->fs, table, block) = 0;
            sfs_buf_put(c->fs, table);
        }
        sfs_end(&handle);
    }
}

/* ---- One inode ---- */

struct sfs_inode *check_get_inode(struct check *c, uint64_t ino)
{
    uint32_t offset;
    uint64_t block = sfs_inode_block(c->fs, ino, &offset);

    if (c->table_is != block) {
        check_read(c, block, 1, c->table);
        c->table_is = block;
    }
    return c->error == 0 ? (struct sfs_inode *)(c->table + offset) : NULL;
}

void check_put_inode(struct check *c)
{
    check_put(c, c->table_is, c->table);
}

/* ---- The ends of files ---- */

/* To c->ends, from the first sector on that must be zero in part. */
static void read_tails(struct check *c)
{
    const uint64_t first = c->tail[0].block, count = c->tail[c->tails - 1].block + 1 - first;
    const uint32_t unit = c->sectors.bs, skip = c->tail[0].used / unit;
    const uint32_t each = c->fs->bs / unit;

    if (c->fs->journal->overlay_count > 0) {
        check_read(c, first, (uint32_t)count, c->ends);
    } else {
        check_fail(c, sfs_read_blocks(&c->sectors, first * each + skip,
                                      (uint32_t)count * each - skip, c->ends + skip * unit));
    }
}

void check_tails(struct check *c)
{
    const uint32_t bs = c->fs->bs;

    if (c->tails > 0) {
        read_tails(c);
    }
    for (uint32_t i = 0; i < c->tails && c->error == 0; i++) {
        const struct check_tail *tail = &c->tail[i];
        uint8_t *data = c->ends + (tail->block - c->tail[0].block) * bs;

        if (check_make_zero(data + tail->used, bs - tail->used)) {
            check_note(c, KIND_TAIL, tail->block, tail->ino, tail->used, 0);
            check_read(c, tail->block, 1, c->scratch);
            memset(c->scratch + tail->used, 0, bs - tail->used);
            check_put(c, tail->block, c->scratch);
        }
    }
    c->tails = 0;
}

/* Most of a check is spent here: as few bytes as possible, in as few requests as that allows. */
void check_tail_add(struct check *c, uint64_t block, uint32_t used, uint64_t ino)
{
    const uint64_t first = c->tail[0].block;

    if (c->tails > 0) {
        uint64_t last = c->tail[c->tails - 1].block;
        uint64_t gap = ((block - last - 1) << c->fs->bs_shift) + used;

        if (c->tails == CHECK_TAILS || block <= last || gap > TAILS_GAP ||
            block - first >= TAILS_SPAN / c->fs->bs) {
            check_tails(c);
        }
    }
    c->tail[c->tails++] = (struct check_tail){block, ino, used};
}

/* ---- Room ---- */

uint64_t check_alloc(struct check *c)
{
    while (c->hint < c->fs->super.total_blocks && check_map_set(c, &c->used, c->hint)) {
        c->hint++;
    }
    if (c->hint == c->fs->super.total_blocks) {
        return 0;
    }
    check_map_set(c, &c->meta, c->hint);
    return c->hint;
}
