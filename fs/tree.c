/* tree.c - see tree.h: looking things up, and growing. Cutting is in treecut.c. */
#include "fs/tree.h"

#include "fs/cursor.h"
#include "fs/reach.h"

unsigned sfs_tree_height(const struct sfs_inode *inode)
{
    return inode->indirect != 0 ? 1 + (inode->flags & SFS_INODE_HEIGHT) : 0;
}

/* Get the indirect block BLOCK, if it can be one. */
static int read_indirect(struct sfs *fs, uint64_t block, struct sfs_buf **buf)
{
    if (!sfs_block_valid(fs, block)) {
        sfs_damaged(fs, block, "a pointer to an indirect block");
        return SFS_EUCLEAN;
    }
    return sfs_buf_read(fs, block, buf);
}

static uint64_t *slot_of(const struct sfs *fs, struct sfs_buf *buf, uint64_t n, unsigned level)
{
    return (uint64_t *)buf->data + sfs_reach_slot(fs->pointers, n, level);
}

/* The lowest block that there is on the way to block N, 10 or more, and its LEVEL. NULL: the tree
 * does not reach so far. */
static int descend(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, struct sfs_buf **low,
                   unsigned *level)
{
    struct sfs_cursor way;
    unsigned start;

    *low = NULL;
    if (n >= sfs_reach(fs->pointers, sfs_tree_height(inode))) {
        return 0;
    }
    start = *level = sfs_cursor_start(fs, inode, n, &way);
    for (;;) {
        struct sfs_buf *next;
        int error = read_indirect(fs, way.block[*level], &next);

        sfs_buf_put(fs, *low);
        if (error < 0) {
            return error;
        }
        *low = next;
        if (*level == 0 || *slot_of(fs, next, n, *level) == 0) {
            break;
        }
        way.block[*level - 1] = *slot_of(fs, next, n, *level);
        --*level;
    }
    if (start > 0) {
        sfs_cursor_keep(fs, inode, &way);
    }
    return 0;
}

/* Pointers from block N on: in a leaf, or, when SLOTS is NULL, a hole of COUNT blocks. */
struct view {
    const uint64_t *slots;
    uint64_t count;
    struct sfs_buf *buf; /* of the leaf; NULL: in the inode */
};

static int view_leaf(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, struct view *view)
{
    struct sfs_buf *buf;
    unsigned level;
    int error;

    if (n < SFS_DIRECT) {
        *view = (struct view){&inode->direct[n], SFS_DIRECT - n, NULL};
        return 0;
    }
    error = descend(fs, inode, n, &buf, &level);
    if (error < 0) {
        return error;
    }
    *view = (struct view){NULL, UINT64_MAX - n, NULL};
    if (buf != NULL && level == 0) {
        uint32_t slot = sfs_reach_slot(fs->pointers, n, 0);

        *view = (struct view){(uint64_t *)buf->data + slot, fs->pointers - slot, buf};
    } else if (buf != NULL) {
        uint64_t span = sfs_reach_span(fs->pointers, level);

        view->count = span - (n - SFS_DIRECT) % span;
        sfs_buf_put(fs, buf);
    }
    return 0;
}

int sfs_tree_map(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, uint32_t count,
                 uint64_t *blocks)
{
    for (uint32_t i = 0; i < count;) {
        struct view view;
        int error = view_leaf(fs, inode, n + i, &view);

        if (error < 0) {
            return error;
        }
        for (uint64_t j = 0; j < view.count && i < count; i++, j++) {
            blocks[i] = view.slots != NULL ? view.slots[j] : 0;
            if (blocks[i] != 0 && !sfs_block_valid(fs, blocks[i])) {
                error = SFS_EUCLEAN;
            }
        }
        sfs_buf_put(fs, view.buf);
        if (error < 0) {
            sfs_damaged(fs, blocks[i - 1], "a pointer of a file");
            return error;
        }
    }
    return 0;
}

int sfs_tree_read(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, struct sfs_buf **buf)
{
    uint64_t block;
    int error = sfs_tree_map(fs, inode, n, 1, &block);

    if (error == 0 && block == 0) {
        sfs_damaged(fs, 0, "a hole in a directory or a link");
        error = SFS_EUCLEAN;
    }
    return error < 0 ? error : sfs_buf_read(fs, block, buf);
}

int sfs_tree_extent(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, bool *hole,
                    uint64_t *run)
{
    struct view view;
    int error = view_leaf(fs, inode, n, &view);

    if (error < 0) {
        return error;
    }
    *hole = true;
    *run = view.count;
    if (view.slots != NULL) {
        *hole = view.slots[0] == 0;
        for (*run = 1; *run < view.count && (view.slots[*run] == 0) == *hole; ++*run) {
        }
    }
    sfs_buf_put(fs, view.buf);
    return 0;
}

/* Count BLOCK, an indirect block at LEVEL, and what is below: at most four calls deep. More blocks
 * than the volume has: a lie. */
static int count_below(struct sfs *fs, uint64_t block, unsigned level, uint64_t *blocks)
{
    struct sfs_buf *buf;
    int error = read_indirect(fs, block, &buf);

    if (error < 0) {
        return error;
    }
    ++*blocks;
    for (uint32_t i = 0; i < fs->pointers && error == 0; i++) {
        uint64_t next = ((uint64_t *)buf->data)[i];

        if (next != 0 && level > 0) {
            error = count_below(fs, next, level - 1, blocks);
        } else {
            *blocks += next != 0;
        }
    }
    sfs_buf_put(fs, buf);
    return *blocks > fs->super.total_blocks ? SFS_EUCLEAN : error;
}

int sfs_tree_count(struct sfs *fs, const struct sfs_inode *inode, uint64_t *blocks)
{
    unsigned height = sfs_tree_height(inode);

    *blocks = 0;
    for (unsigned i = 0; i < SFS_DIRECT; i++) {
        *blocks += inode->direct[i] != 0;
    }
    return height > 0 ? count_below(fs, inode->indirect, height - 1, blocks) : 0;
}

/* ---- Growing ----------------------------------------------------------------------------------
 */

int sfs_tree_plan(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, uint32_t *blocks,
                  uint32_t *credits)
{
    unsigned need = sfs_reach_height(fs->pointers, n + 1);
    unsigned height = sfs_tree_height(inode);
    struct sfs_buf *low;
    unsigned level;
    int error;

    *blocks = *credits = 0;
    if (need > fs->height_max || n < SFS_DIRECT) {
        return n < SFS_DIRECT ? 0 : SFS_EFBIG;
    }
    *credits = 2 * (need > height ? need : height) - 1;
    if (need > height) { /* new roots, and all of the way down from the last of them */
        *blocks = height > 0 ? need - height + need - 1 : need;
        return 0;
    }
    error = descend(fs, inode, n, &low, &level);
    if (error == 0) {
        *blocks = level;
        sfs_buf_put(fs, low);
    }
    return error;
}

void sfs_tree_set_root(struct sfs_inode *inode, uint64_t block, unsigned height)
{
    inode->indirect = block;
    inode->flags = (uint16_t)((inode->flags & ~SFS_INODE_HEIGHT) | (block != 0 ? height - 1 : 0));
}

/* Make the tree NEED levels tall; the old root is the first child of a new one. An empty tree begins
 * with its last ROOT. */
static int raise(struct sfs_op *op, struct sfs_inode *inode, unsigned need, uint64_t goal,
                 struct sfs_buf **root)
{
    unsigned height = sfs_tree_height(inode);
    int error = 0;

    height = height > 0 ? height : need - 1;
    while (error == 0 && height < need) {
        error = sfs_op_new_block(op, goal, root);
        if (error == 0) {
            ((uint64_t *)(*root)->data)[0] = inode->indirect;
            sfs_tree_set_root(inode, (*root)->block, ++height);
        }
    }
    return error;
}

/* The lowest block on the way to block N, held; it may have to be a new root. */
static int hold_lowest(struct sfs_op *op, struct sfs_inode *inode, uint64_t n, uint64_t goal,
                       struct sfs_buf **low, unsigned *level)
{
    unsigned need = sfs_reach_height(op->fs->pointers, n + 1);
    uint64_t block;
    int error;

    if (need > sfs_tree_height(inode)) {
        *level = need - 1;
        return raise(op, inode, need, goal, low);
    }
    error = descend(op->fs, inode, n, low, level);
    if (error < 0) {
        return error;
    }
    block = (*low)->block;
    sfs_buf_put(op->fs, *low);
    return sfs_op_hold(op, block, low);
}

int sfs_tree_grow(struct sfs_op *op, struct sfs_inode *inode, uint64_t n, uint64_t goal,
                  struct sfs_leaf *leaf)
{
    const struct sfs_inode before = *inode;
    struct sfs_buf *fresh[SFS_HEIGHT_MAX]; /* by level */
    struct sfs_buf *low;
    unsigned level = 0;
    uint32_t slot;
    int error;

    if (n < SFS_DIRECT) {
        *leaf = (struct sfs_leaf){&inode->direct[n], (uint32_t)(SFS_DIRECT - n)};
        return 0;
    }
    error = hold_lowest(op, inode, n, goal, &low, &level);
    for (unsigned i = level; error == 0 && i > 0; i--) {
        error = sfs_op_new_block(op, goal, &fresh[i - 1]);
    }
    if (error < 0) {
        *inode = before; /* the new blocks go with the operation */
        return error;
    }
    for (; level > 0; level--) {
        *slot_of(op->fs, low, n, level) = fresh[level - 1]->block;
        low = fresh[level - 1];
    }
    slot = sfs_reach_slot(op->fs->pointers, n, 0);
    *leaf = (struct sfs_leaf){(uint64_t *)low->data + slot, op->fs->pointers - slot};
    return 0;
}
