/*
 * truncate.c - see truncate.h.
 *
 *   first transaction   the size, the zero tail of the last block (in the log), a chunk of blocks;
 *                       if some are left, the flag TRUNCATING, and a slot in the orphan block
 *   others              a chunk each, at most a leaf's worth of blocks
 *   the last one        the flag and the slot go, or the inode itself
 *
 * The node's lock is held all the while, so nobody sees a file with blocks behind its end.
 */
#include "fs/truncate.h"

#include "fs/error.h"
#include "fs/op.h"
#include "fs/page.h"
#include "fs/tree.h"

/* Blocks of directories and symbolic links are metadata. */
static bool holds_metadata(const struct sfs_node *node)
{
    return sfs_node_is_dir(node) || sfs_node_type(node) == SFS_TYPE_LNK;
}

static bool has_tree(const struct sfs_node *node)
{
    uint32_t type = sfs_node_type(node);

    return type == SFS_TYPE_REG || type == SFS_TYPE_DIR ||
           (type == SFS_TYPE_LNK && (node->disk.flags & SFS_INODE_FASTLINK) == 0);
}

/* A handle for a chunk, and for MORE blocks besides; the inode is held. */
static int begin_chunk(struct sfs *fs, struct sfs_op *op, struct sfs_node *node, uint32_t more)
{
    uint32_t data = sfs_tree_cut_data(fs, holds_metadata(node));
    uint32_t meta = SFS_TREE_CUT_META + (holds_metadata(node) ? data : 0);
    uint32_t base =
        1 + SFS_TREE_CUT_CREDITS + more + sfs_bitmap_blocks(fs, data + SFS_TREE_CUT_META);

    return sfs_node_begin(fs, op, node, base, meta);
}

/* Free a chunk. What is left, or what an error has left, is marked so that it is not forgotten. */
static int cut_chunk(struct sfs_op *op, struct sfs_node *node, uint64_t keep)
{
    int more = 0;

    if (has_tree(node)) {
        more = sfs_tree_cut(op, &node->disk, keep, holds_metadata(node));
        node->tree_counted = false;
        sfs_node_data_changed(op, node);
    }
    if (more != 0 && op->fs->has_journal && SFS_RULE(TRUNCATE_MARKED)) {
        node->disk.flags |= SFS_INODE_TRUNCATING;
        sfs_orphan_add(op->fs, node);
    }
    return more;
}

static uint64_t blocks_of(const struct sfs *fs, uint64_t size)
{
    return (size + fs->bs - 1) >> fs->bs_shift;
}

/* The last chunk is gone: so goes the inode. */
static int free_inode(struct sfs_op *op, struct sfs_node *node)
{
    int error = sfs_free_inode(&op->handle, node->ino);

    if (error < 0) {
        return error;
    }
    sfs_orphan_remove(op->fs, node);
    port_mutex_lock(op->fs->upper->lock);
    memset(&node->disk, 0, sizeof(node->disk));
    port_mutex_unlock(op->fs->upper->lock);
    return 0;
}

/* One handle: free a chunk of what is behind the end, or (WHOLE) of all. With the last chunk goes the
 * mark, or the inode. 1: there is more. */
static int cut_on(struct sfs *fs, struct sfs_node *node, bool whole)
{
    struct sfs_op op;
    int more = begin_chunk(fs, &op, node, 1);

    if (more < 0) {
        return more;
    }
    if (whole) {
        sfs_pages_cut(fs, node, 0, op.handle.seq);
    }
    more = cut_chunk(&op, node, whole ? 0 : blocks_of(fs, sfs_node_size(node)));
    if (more == 0 && whole) {
        more = free_inode(&op, node);
    } else if (more == 0) {
        node->disk.flags &= (uint16_t)~SFS_INODE_TRUNCATING;
        if (node->disk.nlink > 0) { /* else it is still one, until it is freed */
            sfs_orphan_remove(fs, node);
        }
    } else if (more > 0 && whole && sfs_node_size(node) > 0) {
        sfs_node_set_size(&op, node, 0);
    }
    sfs_node_store(&op, node);
    return sfs_op_end(&op, more);
}

int sfs_finish_truncate(struct sfs *fs, struct sfs_node *node)
{
    int more = 0;

    while ((node->disk.flags & SFS_INODE_TRUNCATING) != 0 && more >= 0) {
        more = cut_on(fs, node, false);
    }
    return more < 0 ? more : 0;
}

int sfs_free_file(struct sfs *fs, struct sfs_node *node)
{
    int more;

    do {
        more = cut_on(fs, node, true);
    } while (more > 0);
    return more;
}

/* ---- Setting the size -------------------------------------------------------------------------
 */

static int set_larger(struct sfs *fs, struct sfs_node *node, uint64_t size)
{
    struct sfs_op op;
    int error = sfs_node_begin(fs, &op, node, 1, 0);

    if (error < 0) {
        return error;
    }
    if (blocks_of(fs, size) > blocks_of(fs, sfs_node_size(node)) && fs->has_journal) {
        node->disk.flags |= SFS_INODE_SPARSE;
    }
    if (size != sfs_node_size(node)) {
        sfs_node_set_size(&op, node, size);
    }
    sfs_node_stamp(&op, node, true);
    return sfs_op_end(&op, 0);
}

/* The block that the new end cuts: 0 if there is none. */
struct tail {
    struct sfs_page *page;
    unsigned part;
    uint64_t block;
    bool logged;
};

static int find_tail(struct sfs *fs, struct sfs_node *node, uint64_t size, struct tail *tail)
{
    uint64_t index = size >> SFS_PAGE_SHIFT;
    int error;

    *tail = (struct tail){.part = (unsigned)((size & (SFS_PAGE - 1)) >> fs->bs_shift)};
    if ((size & (fs->bs - 1)) == 0) {
        return 0;
    }
    error = sfs_tree_map(fs, &node->disk, size >> fs->bs_shift, 1, &tail->block);
    if (error < 0 || tail->block == 0) {
        return error;
    }
    error = sfs_page_get(fs, node, index, &tail->page);
    if (error == 0) {
        error = sfs_pages_fill(fs, node, index, 1);
        if (error < 0) {
            sfs_page_put(fs, tail->page);
        }
    }
    return error;
}

static int log_tail(struct sfs_op *op, const struct tail *tail)
{
    return sfs_log_data(&op->handle, tail->block,
                        tail->page->data + (tail->part << op->fs->bs_shift));
}

/* Make sure that the tail can be logged, if it must be: its zeros are part of the transaction. */
static int open_tail(struct sfs_op *op, struct tail *tail)
{
    int error = 0;

    if (tail->block == 0) {
        return 0;
    }
    port_mutex_lock(op->fs->upper->page_lock);
    sfs_page_settle(op->fs, tail->page, op->handle.seq);
    tail->page->held = true;
    tail->logged =
        op->fs->has_journal && tail->page->new_seq[tail->part] == 0 && SFS_RULE(TAIL_THROUGH_LOG);
    if (tail->logged) {
        error = log_tail(op, tail);
    }
    port_mutex_unlock(op->fs->upper->page_lock);
    return error;
}

/* The page's tail is zeros now. */
static int close_tail(struct sfs_op *op, struct sfs_node *node, const struct tail *tail)
{
    int error = 0;

    if (tail->block == 0) {
        return 0;
    }
    port_mutex_lock(op->fs->upper->page_lock);
    if (tail->logged) {
        error = log_tail(op, tail);
        sfs_page_set_clean(op->fs, tail->page, tail->part);
    } else {
        sfs_page_set_dirty(op->fs, tail->page, tail->part, tail->block,
                           tail->page->new_seq[tail->part]);
    }
    port_mutex_unlock(op->fs->upper->page_lock);
    if (tail->logged) {
        sfs_node_data_logged(op, node);
    }
    return error;
}

static int cut_first(struct sfs_op *op, struct sfs_node *node, uint64_t size, struct tail *tail)
{
    struct sfs *fs = op->fs;
    int error = open_tail(op, tail);
    int more;

    if (error < 0) {
        return error;
    }
    sfs_pages_cut(fs, node, size, op->handle.seq);
    error = close_tail(op, node, tail);
    if (error < 0) {
        sfs_abort(fs, error, tail->block);
        return error;
    }
    sfs_node_set_size(op, node, size);
    sfs_node_touch(fs, node, true);
    more = cut_chunk(op, node, blocks_of(fs, size));
    if (size == 0) {
        node->disk.flags &= (uint16_t)~SFS_INODE_SPARSE;
    }
    sfs_node_store(op, node);
    return more < 0 ? more : 0;
}

static int set_smaller(struct sfs *fs, struct sfs_node *node, uint64_t size)
{
    struct tail tail;
    struct sfs_op op;
    int error = find_tail(fs, node, size, &tail);

    if (error < 0) {
        return error;
    }
    error = begin_chunk(fs, &op, node, 1);
    if (error == 0) {
        error = sfs_op_end(&op, cut_first(&op, node, size, &tail));
    }
    if (tail.page != NULL) {
        sfs_page_release(fs, tail.page);
    }
    return error < 0 ? error : sfs_finish_truncate(fs, node);
}

int sfs_node_truncate(struct sfs *fs, struct sfs_node *node, uint64_t size)
{
    int error;

    if (size > fs->size_max) {
        return SFS_EFBIG;
    }
    error = sfs_finish_truncate(fs, node);
    if (error < 0) {
        return error;
    }
    return size < sfs_node_size(node) ? set_smaller(fs, node, size) : set_larger(fs, node, size);
}
