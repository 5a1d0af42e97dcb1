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
#define TAILS_GAP  (4u << 10)  /* bytes between two that nobody needs: more cost a request less */

/* A host that keeps the image in pages copies fastest to the same place in a page; to one that is
 * some bytes further, as malloc's memory is, a check takes a fifth longer. */
#define PAGE 4096u

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
    const size_t bs = c->fs->bs;
    uint8_t **const blocks[] = {&c->scratch, &c->scratch2, &c->table, &c->dir_block};
    const size_t count = sizeof(blocks) / sizeof(blocks[0]);

    c->buffers = port_alloc(PAGE + CHECK_RUN + TAILS_SPAN + (count + SFS_HEIGHT_MAX + 1) * bs);
    if (c->buffers == NULL) {
        return false;
    }
    c->run = c->buffers + (PAGE - (uintptr_t)c->buffers % PAGE);
    c->ends = c->run + CHECK_RUN;
    for (size_t i = 0; i < count; i++) {
        *blocks[i] = c->ends + TAILS_SPAN + i * bs;
    }
    for (size_t i = 0; i < SFS_HEIGHT_MAX; i++) {
        c->level[i].data = c->ends + TAILS_SPAN + (count + i) * bs;
    }
    c->orphan = (uint64_t *)(c->level[SFS_HEIGHT_MAX - 1].data + bs);
    c->table_is = NONE;
    return true;
}

static void forget_entries(struct check *c)
{
    memset(c->entry_chunk_is, 0, sizeof(c->entry_chunk_is));
    c->entry_count = 0;
}

void check_io_free(struct check *c)
{
    port_free(c->buffers);
    port_free(c->name);
    for (unsigned i = 0; i < ENTRY_CHUNKS; i++) {
        port_free(c->entry_chunk[i]);
        c->entry_chunk[i] = NULL;
    }
    c->buffers = NULL;
    c->name = NULL;
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

const uint32_t *check_entries(struct check *c, uint64_t block, uint64_t *count)
{
    const uint64_t all = c->fs->super.csum_blocks * (c->fs->bs / sizeof(uint32_t));
    const uint32_t *entry = entry_of(c, block);

    *count = c->entry_first + c->entry_count < all ? c->entry_first + c->entry_count : all;
    *count = entry != NULL ? *count - block : 0;
    return entry;
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

static void judge_tail(struct check *c, const struct check_tail *tail, const uint8_t *end)
{
    if (check_all_zero(end, c->fs->bs - tail->used)) {
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

/* The device's bytes from START to END, whole sectors, to c->ends. */
static void read_ends(struct check *c, uint64_t start, uint64_t end)
{
    struct blk_dev *dev = c->fs->dev;
    struct blk_seg seg = {c->ends, 0, (uint32_t)(end - start)};
    struct blk_req req = {.op = BLK_READ,
                          .nseg = 1,
                          .seg = &seg,
                          .lba = start / BLK_SECTOR,
                          .nsect = seg.len / BLK_SECTOR,
                          .done = done};

    if (dev->ops->submit(dev, &req) < 0 || dev->ops->wait(dev, &req) < 0) {
        check_fail(c, SFS_EIO);
    }
}

/* The first sector of TAIL's that must be zero in part. */
static uint64_t start_of(const struct check *c, const struct check_tail *tail)
{
    const uint32_t lbs = c->fs->dev->lbs;

    return (tail->place << c->fs->bs_shift) + tail->used / lbs * lbs;
}

static uint64_t end_of(const struct check *c, const struct check_tail *tail)
{
    return (tail->place + 1) << c->fs->bs_shift;
}

/* Most of a check is spent here: as few bytes as possible, in as few requests as that allows. */
void check_tails(struct check *c)
{
    const struct blk_dev *dev = c->fs->dev;
    const uint64_t most =
        dev->max_sect < TAILS_SPAN / BLK_SECTOR ? dev->max_sect * BLK_SECTOR : TAILS_SPAN;

    for (uint32_t i = 0, next; i < c->tails && c->error == 0; i = next) {
        uint64_t start = start_of(c, &c->tail[i]), end = end_of(c, &c->tail[i]);

        for (next = i + 1; next < c->tails; next++) {
            const struct check_tail *tail = &c->tail[next];

            if (start_of(c, tail) < end || start_of(c, tail) - end > TAILS_GAP ||
                end_of(c, tail) - start > most) {
                break;
            }
            end = end_of(c, tail);
        }
        read_ends(c, start, end);
        for (uint32_t k = i; k < next && c->error == 0; k++) {
            uint64_t at = (c->tail[k].place << c->fs->bs_shift) + c->tail[k].used;

            judge_tail(c, &c->tail[k], c->ends + (at - start));
        }
    }
    c->tails = 0;
}

void check_tail_add(struct check *c, uint64_t block, uint32_t used, uint64_t ino)
{
    uint64_t place;

    if (!overlay_find(c->fs, block, &place)) {
        place = block;
    }
    c->tail[c->tails++] = (struct check_tail){block, place, ino, used};
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
