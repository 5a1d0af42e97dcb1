/*
 * write.c - write(): contents from the user into pages, a chunk at a time. A chunk lies in one leaf
 * of the tree and is one transaction's: its blocks are allocated, its pages filled, pointers and
 * size changed in one handle.
 *
 *   where the block is                         what happens to it
 *   a hole                                     allocated; its page is owed to the transaction (J1)
 *   new in the running transaction             its page changes; still owed
 *   has a copy in the log (J7)                 into the log again, whole
 *   it reaches behind the end of the file in
 *     a state that a power cut may bring       into the log, whole (J14)
 *   any other                                  its page is dirty, to be written in place
 *
 * Everything that can fail comes before the first change: pages are got and filled, space is
 * promised, log blocks are taken by logging the old contents, blocks are allocated.
 */
#include "fs/node.h"
#include "fs/op.h"
#include "fs/page.h"
#include "fs/reach.h"
#include "fs/tree.h"
#include "fs/truncate.h"

#define CHUNK_BLOCKS 32
#define CHUNK_PAGES  16
#define REWRITES     16 /* into the log, of what could be in place if the log were empty */

struct chunk {
    uint64_t begin, end; /* bytes of the file */
    uint64_t first;      /* file block */
    uint32_t count;      /* blocks */
    uint32_t pages;
    uint32_t holes;
    uint64_t log;   /* bit i: block i goes into the log ... */
    bool sticky;    /* ... some of them only because it has copies of them */
    uint64_t fresh; /* bit i: block i was a hole */
    uint64_t block[CHUNK_BLOCKS];
    struct sfs_page *page[CHUNK_PAGES];
};

static struct sfs_page *page_of(const struct sfs *fs, const struct chunk *chunk, uint32_t i,
                                unsigned *part)
{
    uint64_t at = (chunk->first + i) << fs->bs_shift;

    *part = (unsigned)((at & (SFS_PAGE - 1)) >> fs->bs_shift);
    return chunk->page[(at >> SFS_PAGE_SHIFT) - (chunk->begin >> SFS_PAGE_SHIFT)];
}

/* The bytes of block I that the chunk writes. */
static void range_of(const struct sfs *fs, const struct chunk *chunk, uint32_t i, uint64_t *from,
                     uint64_t *to)
{
    uint64_t begin = (chunk->first + i) << fs->bs_shift;

    *from = begin > chunk->begin ? begin : chunk->begin;
    *to = begin + fs->bs < chunk->end ? begin + fs->bs : chunk->end;
}

static void put_pages(struct sfs *fs, struct chunk *chunk)
{
    while (chunk->pages > 0) {
        sfs_page_release(fs, chunk->page[--chunk->pages]);
    }
}

/* Where the chunk that begins at OFFSET ends: of SIZE bytes, at most BLOCKS blocks of one leaf. */
static void lay_out(struct sfs *fs, struct chunk *chunk, uint64_t offset, uint64_t size,
                    uint32_t blocks)
{
    uint64_t last_page = (offset >> SFS_PAGE_SHIFT) + CHUNK_PAGES;
    uint64_t end;

    chunk->begin = offset;
    chunk->first = offset >> fs->bs_shift;
    end = sfs_reach_leaf_end(fs->pointers, chunk->first);
    end = end < chunk->first + blocks ? end : chunk->first + blocks;
    end <<= fs->bs_shift;
    end = end < last_page << SFS_PAGE_SHIFT ? end : last_page << SFS_PAGE_SHIFT;
    chunk->end = end < offset + size ? end : offset + size;
    chunk->count = (uint32_t)(((chunk->end - 1) >> fs->bs_shift) - chunk->first + 1);
    chunk->pages = 0;
    chunk->fresh = 0;
}

/* Block I is valid now: it was, or it is a hole, of zeros. */
static bool has_old(struct sfs *fs, struct chunk *chunk, uint32_t i)
{
    unsigned part;
    struct sfs_page *page = page_of(fs, chunk, i, &part);
    bool valid;

    port_mutex_lock(fs->upper->page_lock);
    sfs_page_wait(fs, page);
    valid = (page->valid & 1u << part) != 0;
    if (!valid && chunk->block[i] == 0) {
        memset(page->data + (part << fs->bs_shift), 0, fs->bs);
        page->valid |= (uint8_t)(1u << part);
        valid = true;
    }
    port_mutex_unlock(fs->upper->page_lock);
    return valid;
}

/* What is written in part, or logged, must be valid before it is written to. */
static int fill_old(struct sfs *fs, struct sfs_node *node, struct chunk *chunk)
{
    int error = 0;

    for (uint32_t i = 0; i < chunk->count && error == 0; i++) {
        uint64_t from, to;
        unsigned part;

        range_of(fs, chunk, i, &from, &to);
        if ((to - from < fs->bs || (chunk->log & 1ull << i) != 0) && !has_old(fs, chunk, i)) {
            error = sfs_pages_fill(fs, node, page_of(fs, chunk, i, &part)->index, 1);
        }
    }
    return error;
}

/*
 * Which blocks go into the log, in transaction SEQ; 0: whichever it will be, so what is owed now is
 * taken for still owed then.
 */
static uint64_t find_logged(struct sfs *fs, struct sfs_node *node, struct chunk *chunk,
                            uint64_t seq)
{
    uint64_t low, log = 0;

    chunk->sticky = false;
    if (chunk->holes == chunk->count || !fs->has_journal) {
        return 0;
    }
    low = SFS_RULE(END_THROUGH_LOG) ? sfs_node_low_size(fs, node, seq) : UINT64_MAX;
    port_mutex_lock(fs->upper->page_lock);
    for (uint32_t i = 0; i < chunk->count; i++) {
        unsigned part;
        uint64_t owed = page_of(fs, chunk, i, &part)->new_seq[part];
        uint64_t end = (chunk->first + i + 1) << fs->bs_shift;

        if (chunk->block[i] == 0 || (owed != 0 && (seq == 0 || owed == seq))) {
            continue;
        }
        if (end > low) {
            log |= 1ull << i;
        } else if (sfs_is_sticky(fs, chunk->block[i])) {
            log |= 1ull << i;
            chunk->sticky = true;
        }
    }
    port_mutex_unlock(fs->upper->page_lock);
    return log;
}

static uint32_t bits(uint64_t mask)
{
    uint32_t count = 0;

    for (; mask != 0; mask &= mask - 1) {
        count++;
    }
    return count;
}

/*
 * What is overwritten again and again should not go through the log for ever, only because it was
 * small when it was new, and each of its copies makes the next one stick.
 */
static bool many_rewrites(struct sfs *fs)
{
    bool many;

    port_mutex_lock(fs->upper->page_lock);
    many = ++fs->upper->rewrites >= REWRITES;
    fs->upper->rewrites = many ? 0 : fs->upper->rewrites;
    port_mutex_unlock(fs->upper->page_lock);
    return many;
}

/* All that is needed before the handle is opened. */
static int prepare(struct sfs *fs, struct sfs_node *node, struct chunk *chunk)
{
    uint64_t index = chunk->begin >> SFS_PAGE_SHIFT;
    uint64_t last = (chunk->end - 1) >> SFS_PAGE_SHIFT;
    int error = sfs_tree_map(fs, &node->disk, chunk->first, chunk->count, chunk->block);

    while (error == 0 && index + chunk->pages <= last) {
        error = sfs_page_get(fs, node, index + chunk->pages, &chunk->page[chunk->pages]);
        chunk->pages += error == 0;
    }
    if (error < 0) {
        return error;
    }
    for (uint32_t i = 0; i < chunk->count; i++) {
        chunk->fresh |= chunk->block[i] == 0 ? 1ull << i : 0;
    }
    chunk->holes = bits(chunk->fresh);
    chunk->log |= find_logged(fs, node, chunk, 0);
    if ((uint64_t)bits(chunk->log) * fs->bs > sfs_log_data_max(fs) ||
        (chunk->sticky && many_rewrites(fs))) {
        /* Too much for the log: let it all go home, then most of it can be written in place. */
        error = sfs_commit_running(fs);
        error = error == 0 ? sfs_checkpoint(fs) : error;
        chunk->log = find_logged(fs, node, chunk, 0);
    }
    return error < 0 ? error : fill_old(fs, node, chunk);
}

static int begin(struct sfs *fs, struct sfs_op *op, struct sfs_node *node,
                 const struct chunk *chunk)
{
    uint32_t base = 1 + bits(chunk->log);
    uint32_t missing = 0, credits = 0;
    int error = 0;

    if (chunk->holes > 0) {
        error = sfs_tree_plan(fs, &node->disk, chunk->first, &missing, &credits);
        base += credits + sfs_bitmap_blocks(fs, chunk->holes + missing);
    }
    return error < 0 ? error : sfs_op_begin(fs, op, base, 0, chunk->holes + missing);
}

/* Near what should the first new block be? Behind the block before it, else near the inode. */
static uint64_t first_goal(struct sfs_op *op, struct sfs_node *node, const struct chunk *chunk)
{
    uint32_t offset;
    uint64_t before = 0;

    if (chunk->first > 0 && sfs_tree_map(op->fs, &node->disk, chunk->first - 1, 1, &before) == 0 &&
        before != 0) {
        return before + 1;
    }
    return op->fs->super.data_start + sfs_inode_block(op->fs, node->ino, &offset);
}

static int allocate(struct sfs_op *op, struct sfs_node *node, struct chunk *chunk)
{
    uint64_t goal = first_goal(op, node, chunk);

    for (uint32_t i = 0; i < chunk->count;) {
        uint32_t run = 0;
        uint32_t got = 1;
        int error;

        while (i + run < chunk->count && (chunk->fresh & 1ull << (i + run)) != 0) {
            run++;
        }
        if (run > 0) {
            error = sfs_op_new_data(op, goal, chunk->block, i, run, &got);
            if (error < 0) {
                return error;
            }
        }
        goal = chunk->block[i + got - 1] + 1;
        i += got;
    }
    return 0;
}

/* Take log blocks, by logging what is there now. */
static int open_logged(struct sfs_op *op, struct chunk *chunk)
{
    struct sfs *fs = op->fs;
    int error = 0;

    port_mutex_lock(fs->upper->page_lock);
    for (uint32_t i = 0; i < chunk->count && error == 0; i++) {
        unsigned part;
        struct sfs_page *page = page_of(fs, chunk, i, &part);

        if ((chunk->log & 1ull << i) != 0) {
            sfs_page_wait(fs, page);
            error = sfs_log_data(&op->handle, chunk->block[i], page->data + (part << fs->bs_shift));
        }
    }
    port_mutex_unlock(fs->upper->page_lock);
    return error;
}

/* Everything in the handle that may fail. EBUSY: other blocks have to be logged than was thought.
 */
static int open_chunk(struct sfs_op *op, struct sfs_node *node, struct chunk *chunk,
                      struct sfs_leaf *leaf)
{
    struct sfs *fs = op->fs;
    uint64_t log;
    int error = sfs_node_hold(op, node);

    if (error < 0) {
        return error;
    }
    port_mutex_lock(fs->upper->page_lock);
    for (uint32_t i = 0; i < chunk->pages; i++) {
        sfs_page_settle(fs, chunk->page[i], op->handle.seq);
        chunk->page[i]->held = true;
    }
    port_mutex_unlock(fs->upper->page_lock);
    log = find_logged(fs, node, chunk, op->handle.seq);
    if ((log & ~chunk->log) != 0) {
        chunk->log |= log;
        return SFS_EBUSY;
    }
    chunk->log = log;
    error = open_logged(op, chunk);
    if (error < 0 || chunk->holes == 0) {
        return error;
    }
    error = allocate(op, node, chunk);
    return error < 0 ? error : sfs_tree_grow(op, &node->disk, chunk->first, chunk->block[0], leaf);
}

/* Copy the user's bytes of block I, and say what has become of the block. Under page_lock. */
static int copy_block(struct sfs_op *op, struct chunk *chunk, uint32_t i, const uint8_t *buffer)
{
    struct sfs *fs = op->fs;
    unsigned part;
    struct sfs_page *page = page_of(fs, chunk, i, &part);
    uint64_t from, to;
    int error = 0;

    range_of(fs, chunk, i, &from, &to);
    sfs_page_wait(fs, page);
    memcpy(page->data + (from & (SFS_PAGE - 1)), buffer + (from - chunk->begin), to - from);
    page->valid |= (uint8_t)(1u << part);
    if ((chunk->log & 1ull << i) != 0) {
        error = sfs_log_data(&op->handle, chunk->block[i], page->data + (part << fs->bs_shift));
        sfs_page_set_clean(fs, page, part);
    } else {
        bool owed = (chunk->fresh & 1ull << i) != 0 && fs->has_journal;

        sfs_page_set_dirty(fs, page, part, chunk->block[i], owed ? op->handle.seq : 0);
    }
    return error;
}

static int change(struct sfs_op *op, struct sfs_node *node, struct chunk *chunk,
                  const struct sfs_leaf *leaf, const uint8_t *buffer)
{
    struct sfs *fs = op->fs;
    uint64_t size = sfs_node_size(node);
    int error = 0;

    if (chunk->holes > 0) {
        if (fs->has_journal) {
            sfs_owe_data(&op->handle, chunk->holes);
        }
        sfs_node_data_changed(op, node);
        node->tree_counted = false;
    }
    port_mutex_lock(fs->upper->page_lock);
    for (uint32_t i = 0; i < chunk->count && error == 0; i++) {
        if ((chunk->fresh & 1ull << i) != 0) {
            leaf->slots[i] = chunk->block[i];
        }
        error = copy_block(op, chunk, i, buffer);
    }
    port_mutex_unlock(fs->upper->page_lock);
    if (error < 0) {
        sfs_abort(fs, error, 0);
        return error;
    }
    if (chunk->log != 0) {
        sfs_node_data_logged(op, node);
    }
    if (chunk->first > (size + fs->bs - 1) >> fs->bs_shift && fs->has_journal) {
        node->disk.flags |= SFS_INODE_SPARSE;
    }
    if (chunk->end > size) {
        sfs_node_set_size(op, node, chunk->end);
    }
    sfs_node_touch(fs, node, true);
    sfs_node_store(op, node);
    return 0;
}

/* One attempt, which takes the blocks of log to be logged, too. EBUSY: again, there are more. */
static int try_chunk(struct sfs *fs, struct sfs_node *node, struct chunk *chunk,
                     const uint8_t *buffer)
{
    struct sfs_leaf leaf = {0};
    struct sfs_op op;
    int error = prepare(fs, node, chunk);

    if (error == 0) {
        error = begin(fs, &op, node, chunk);
        if (error == 0) {
            error = open_chunk(&op, node, chunk, &leaf);
            if (error == 0) {
                error = change(&op, node, chunk, &leaf, buffer);
            }
            (void)sfs_op_end(&op, error);
        }
    }
    put_pages(fs, chunk);
    return error;
}

/* Write one chunk. Returns how many bytes, or an error. */
static int64_t write_chunk(struct sfs *fs, struct sfs_node *node, uint64_t offset, uint64_t size,
                           const uint8_t *buffer)
{
    uint32_t blocks = CHUNK_BLOCKS;
    struct chunk chunk;
    int error;

    chunk.log = 0;
    for (;;) {
        lay_out(fs, &chunk, offset, size, blocks);
        error = try_chunk(fs, node, &chunk, buffer);
        if (error == SFS_ENOSPC && chunk.count > 1) {
            blocks = 1; /* what fits is written */
            chunk.log &= 1;
        } else if (error != SFS_EBUSY) {
            break;
        }
    }
    return error < 0 ? error : (int64_t)(chunk.end - chunk.begin);
}

static int64_t write_node(struct sfs *fs, struct sfs_node *node, uint64_t offset,
                          const uint8_t *buffer, uint64_t size)
{
    uint64_t done = 0;
    int64_t wrote = sfs_finish_truncate(fs, node);

    if (size > 0 && offset >= fs->size_max) {
        return SFS_EFBIG;
    }
    size = size < fs->size_max - offset ? size : fs->size_max - offset;
    while (wrote >= 0 && done < size) {
        wrote = write_chunk(fs, node, offset + done, size - done, buffer + done);
        done += wrote > 0 ? (uint64_t)wrote : 0;
    }
    return done > 0 ? (int64_t)done : wrote;
}

/* Half of the pages are dirty: time to write. What is owed goes first, it will be needed. */
static void throttle(struct sfs *fs)
{
    bool much;

    port_mutex_lock(fs->upper->page_lock);
    much = fs->upper->pages_dirty > fs->upper->pages_max / 2;
    port_mutex_unlock(fs->upper->page_lock);
    if (much) {
        (void)sfs_pages_pay(fs, UINT64_MAX); /* an error has aborted */
        (void)sfs_pages_write(fs, NULL);     /* an error is fsync's to tell */
    }
}

static int64_t write_locked(struct sfs *fs, uint64_t ino, uint64_t *offset, const void *buffer,
                            size_t size, bool append)
{
    struct sfs_node *node;
    int64_t wrote = fs->read_only ? SFS_EROFS : sfs_node_get(fs, ino, &node);

    if (wrote < 0) {
        return wrote;
    }
    sfs_node_lock(fs, node);
    if (sfs_node_type(node) != SFS_TYPE_REG) {
        wrote = sfs_node_is_dir(node) ? SFS_EISDIR : SFS_EINVAL;
    } else {
        *offset = append ? sfs_node_size(node) : *offset;
        wrote = write_node(fs, node, *offset, buffer, size < INT64_MAX ? size : INT64_MAX);
    }
    sfs_node_unlock(fs, node);
    sfs_node_put(fs, node);
    throttle(fs);
    return wrote;
}

int64_t sfs_write(struct sfs *fs, uint64_t ino, uint64_t offset, const void *buffer, size_t size)
{
    return write_locked(fs, ino, &offset, buffer, size, false);
}

int64_t sfs_append(struct sfs *fs, uint64_t ino, const void *buffer, size_t size, uint64_t *offset)
{
    return write_locked(fs, ino, offset, buffer, size, true);
}
