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

#define TAILS_SPAN (64u << 10) /* bytes read at once for the ends of several files */
#define TAILS_GAP  (8u << 10)  /* bytes from one to the next: more cost more than a request */

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

/* ---- Memory ---- */

bool check_io_make(struct check *c)
{
    const uint32_t bs = c->fs->bs;
    bool all = true;

    c->run = port_alloc(CHECK_RUN);
    c->ends = port_alloc(TAILS_SPAN);
    c->scratch = port_alloc(bs);
    c->scratch2 = port_alloc(bs);
    c->table = port_alloc(bs);
    c->dir_block = port_alloc(bs);
    c->orphan = port_alloc(bs);
    for (unsigned i = 0; i < SFS_HEIGHT_MAX; i++) {
        c->level[i].data = port_alloc(bs);
        all = all && c->level[i].data != NULL;
    }
    c->table_is = NONE;
    return all && c->run != NULL && c->ends != NULL && c->scratch != NULL && c->scratch2 != NULL &&
           c->table != NULL && c->dir_block != NULL && c->orphan != NULL;
}

static void forget_entries(struct check *c)
{
    for (unsigned i = 0; i < ENTRY_CHUNKS; i++) {
        c->entry_chunk_is[i] = 0;
    }
    c->entry_count = 0;
}

void check_io_free(struct check *c)
{
    port_free(c->run);
    port_free(c->ends);
    port_free(c->scratch);
    port_free(c->scratch2);
    port_free(c->table);
    port_free(c->dir_block);
    port_free(c->orphan);
    port_free(c->name);
    for (unsigned i = 0; i < SFS_HEIGHT_MAX; i++) {
        port_free(c->level[i].data);
        c->level[i].data = NULL;
    }
    for (unsigned i = 0; i < ENTRY_CHUNKS; i++) {
        port_free(c->entry_chunk[i]);
        c->entry_chunk[i] = NULL;
    }
    c->run = c->ends = c->scratch = c->scratch2 = c->table = c->dir_block = NULL;
    c->orphan = c->name = NULL;
    c->name_slots = 0;
    forget_entries(c);
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
static void load_chunk(struct check *c, uint64_t index)
{
    const struct sfs *fs = c->fs;
    uint32_t blocks = ENTRY_CHUNK / fs->bs, slot = (uint32_t)(index % ENTRY_CHUNKS);
    uint64_t first = index * blocks, left = fs->super.csum_blocks - first;

    if (c->changed) {
        check_fail(c, sfs_commit_running(c->fs));
    }
    if (c->entry_chunk[slot] == NULL) {
        c->entry_chunk[slot] = port_alloc(ENTRY_CHUNK);
    }
    if (c->entry_chunk[slot] == NULL) {
        check_fail(c, SFS_ENOMEM);
        return;
    }
    c->entry_chunk_is[slot] = 0;
    check_read(c, fs->super.csum_start + first, left < blocks ? (uint32_t)left : blocks,
               c->entry_chunk[slot]);
    c->entry_chunk_is[slot] = c->error == 0 ? index + 1 : 0;
}

/* BLOCK's entry in memory; NULL: c->error. */
static uint32_t *entry_of(struct check *c, uint64_t block)
{
    uint64_t each = ENTRY_CHUNK / sizeof(uint32_t), index = block / each;
    uint32_t slot = (uint32_t)(index % ENTRY_CHUNKS);

    if (c->entry_chunk_is[slot] != index + 1) {
        load_chunk(c, index);
    }
    if (c->error != 0) {
        return NULL;
    }
    c->entry = c->entry_chunk[slot];
    c->entry_first = index * each;
    c->entry_count = each;
    return c->entry_chunk[slot] + block % each;
}

uint32_t check_entry(struct check *c, uint64_t block)
{
    if (block - c->entry_first < c->entry_count) {
        return c->entry[block - c->entry_first];
    }
    const uint32_t *entry = entry_of(c, block);

    return entry != NULL ? *entry : 0;
}

bool check_matches(struct check *c, uint64_t block, const void *data)
{
    return !c->fs->has_journal ||
           check_entry(c, block) == sfs_csum_entry(c->fs->u, block, data, c->fs->bs);
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

    if (begin(c, &handle)) {
        check_fail(c, sfs_replace(&handle, block, data));
        sfs_end(&handle);
    }
    uint32_t *entry = c->repair && c->fs->has_journal ? entry_of(c, block) : NULL;

    if (entry != NULL) {
        *entry = sfs_csum_entry(c->fs->u, block, data, c->fs->bs);
    }
}

void check_put_data(struct check *c, uint64_t block, const void *data)
{
    struct sfs_handle handle;

    if (begin(c, &handle)) {
        check_fail(c, sfs_log_data(&handle, block, data));
        sfs_end(&handle);
    }
}

void check_put_entry(struct check *c, uint64_t block, uint32_t value)
{
    struct sfs_handle handle;
    struct sfs_buf *table;

    if (begin(c, &handle)) {
        check_fail(c, sfs_modify(&handle, cache_table_block(c->fs, block), &table));
        if (c->error == 0) {
            *cache_entry(c->fs, table, block) = value;
            sfs_buf_put(c->fs, table);
        }
        sfs_end(&handle);
    }
}

void check_settle(struct check *c)
{
    if (c->error == 0 && c->changed) {
        check_fail(c, sfs_commit_running(c->fs));
        forget_entries(c);
        c->table_is = NONE;
    }
}

/* ---- One inode ---- */

struct sfs_inode *check_get_inode(struct check *c, uint64_t ino)
{
    uint32_t offset;
    uint64_t block = sfs_inode_block(c->fs, ino, &offset);

    if (c->table_is != block) {
        c->table_is = NONE;
        check_read(c, block, 1, c->table);
        if (c->error != 0) {
            return NULL;
        }
        c->table_is = block;
    }
    return (struct sfs_inode *)(c->table + offset);
}

void check_put_inode(struct check *c)
{
    check_put(c, c->table_is, c->table);
}

/* ---- The ends of files ---- */

static void judge_tail(struct check *c, const struct check_tail *tail, const uint8_t *end,
                       uint32_t count)
{
    if (check_all_zero(end, count)) {
        return;
    }
    check_note(c, KIND_TAIL, tail->block, tail->ino, tail->used, 0);
    check_read(c, tail->block, 1, c->scratch);
    memset(c->scratch + tail->used, 0, c->fs->bs - tail->used);
    if (check_map_test(&c->meta, tail->block)) { /* of a symbolic link */
        check_put(c, tail->block, c->scratch);
    } else {
        check_put_data(c, tail->block, c->scratch);
    }
}

static void done(struct blk_req *req)
{
    (void)req;
}

/* One tail alone: only the sectors from the end of the file on are read. */
static void read_tail(struct check *c, const struct check_tail *tail)
{
    struct sfs *fs = c->fs;
    uint64_t log_block, block = overlay_find(fs, tail->block, &log_block) ? log_block : tail->block;
    uint32_t first = tail->used / fs->dev->lbs * fs->dev->lbs;
    struct blk_seg seg = {c->ends + first, 0, fs->bs - first};
    struct blk_req req = {.op = BLK_READ,
                          .nseg = 1,
                          .seg = &seg,
                          .lba = block * fs->sectors + first / BLK_SECTOR,
                          .nsect = seg.len / BLK_SECTOR,
                          .done = done};

    if (fs->dev->ops->submit(fs->dev, &req) < 0 || fs->dev->ops->wait(fs->dev, &req) < 0) {
        check_fail(c, SFS_EIO);
    }
}

/* How many of these COUNT tails lie so close together, in order, that one request is cheaper. */
static uint32_t neighbours(const struct check *c, const struct check_tail *tail, uint32_t count)
{
    const uint64_t gap = TAILS_GAP / c->fs->bs, most = TAILS_SPAN / c->fs->bs;
    uint32_t n = 1;

    while (n < count && c->fs->journal->overlay_count == 0 && tail[n].block > tail[n - 1].block &&
           tail[n].block - tail[n - 1].block <= gap && tail[n].block - tail[0].block < most) {
        n++;
    }
    return n;
}

void check_tails(struct check *c)
{
    const uint32_t bs = c->fs->bs;

    for (uint32_t i = 0, n; i < c->tails && c->error == 0; i += n) {
        const struct check_tail *tail = &c->tail[i];

        n = neighbours(c, tail, c->tails - i);
        if (n == 1) {
            read_tail(c, tail);
        } else {
            uint64_t blocks = tail[n - 1].block - tail[0].block + 1;

            check_fail(c, sfs_read_blocks(c->fs, tail[0].block, (uint32_t)blocks, c->ends));
        }
        for (uint32_t k = 0; k < n && c->error == 0; k++) {
            const uint8_t *block = c->ends + (tail[k].block - tail[0].block) * bs;

            judge_tail(c, &tail[k], block + tail[k].used, bs - tail[k].used);
        }
    }
    c->tails = 0;
}

void check_tail_add(struct check *c, uint64_t block, uint32_t used, uint64_t ino)
{
    c->tail[c->tails++] = (struct check_tail){block, ino, used};
    if (c->tails == CHECK_TAILS) {
        check_tails(c);
    }
}

/* ---- Room ---- */

uint64_t check_alloc(struct check *c)
{
    uint64_t end = c->fs->super.total_blocks;

    for (uint64_t block = c->hint; block < end; block++) {
        if (!check_map_test(&c->used, block)) {
            check_map_set(c, &c->used, block);
            check_map_set(c, &c->meta, block);
            c->hint = block + 1;
            return block;
        }
    }
    c->hint = end;
    return 0;
}
