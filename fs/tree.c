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

/* Pointers from block N on: in a leaf, or, when SLOTS is NULL, a hole of COUNT blocks. */
struct view {
    const uint64_t *slots;
    uint64_t count;
    struct sfs_buf *buf; /* of the leaf; NULL: in the inode */
};

static int view_leaf(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, struct view *view)
{
    struct sfs_cursor way;
    struct sfs_buf *buf;
    unsigned start, level;

    if (n < SFS_DIRECT) {
        *view = (struct view){&inode->direct[n], SFS_DIRECT - n, NULL};
        return 0;
    }
    *view = (struct view){NULL, UINT64_MAX - n, NULL};
    if (n >= sfs_reach(fs->pointers, sfs_tree_height(inode))) {
        return 0;
    }
    start = level = sfs_cursor_start(fs, inode, n, &way);
    for (;;) {
        int error = read_indirect(fs, way.block[level], &buf);
        uint64_t *slots;

        if (error < 0) {
            return error;
        }
        slots = (uint64_t *)buf->data + sfs_reach_slot(fs->pointers, n, level);
        if (level == 0) {
            *view = (struct view){slots, fs->pointers - sfs_reach_slot(fs->pointers, n, 0), buf};
            break;
        }
        way.block[level - 1] = *slots;
        sfs_buf_put(fs, buf);
        if (way.block[level - 1] == 0) {
            uint64_t span = sfs_reach_span(fs->pointers, level);

            view->count = span - (n - SFS_DIRECT) % span;
            break;
        }
        level--;
    }
    if (start > 0) {
        sfs_cursor_keep(fs, inode, &way);
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

/* One indirect block: count it, and its pointers; *NEXT is the first child behind slot FROM. */
static int count_indirect(struct sfs *fs, uint64_t block, uint32_t from, bool leaf, uint64_t *next,
                          uint32_t *slot, uint64_t *blocks)
{
    struct sfs_buf *buf;
    int error = read_indirect(fs, block, &buf);

    if (error < 0) {
        return error;
    }
    *next = 0;
    for (*slot = from; *slot < fs->pointers && *next == 0; ++*slot) {
        *next = leaf ? 0 : ((uint64_t *)buf->data)[*slot];
        *blocks += leaf && ((uint64_t *)buf->data)[*slot] != 0;
    }
    sfs_buf_put(fs, buf);
    return 0;
}

/* Depth first, with the way down on a stack of four. More blocks than the volume has: a lie. */
int sfs_tree_count(struct sfs *fs, const struct sfs_inode *inode, uint64_t *blocks)
{
    uint64_t way[SFS_HEIGHT_MAX] = {inode->indirect};
    uint32_t slot[SFS_HEIGHT_MAX] = {0};
    unsigned height = sfs_tree_height(inode);
    unsigned depth = 0;

    *blocks = 0;
    for (unsigned i = 0; i < SFS_DIRECT; i++) {
        *blocks += inode->direct[i] != 0;
    }
    if (height == 0) {
        return 0;
    }
    ++*blocks;
    for (;;) {
        uint64_t next;
        int error = count_indirect(fs, way[depth], slot[depth], depth + 1 == height, &next,
                                   &slot[depth], blocks);

        if (error < 0 || *blocks > fs->super.total_blocks) {
            return error < 0 ? error : SFS_EUCLEAN;
        }
        if (next != 0) {
            ++*blocks;
            way[++depth] = next;
            slot[depth] = 0;
        } else if (depth-- == 0) {
            return 0;
        }
    }
}

/* ---- Growing ----------------------------------------------------------------------------------
 */

/* How the tree has to change to have a leaf for a block. */
struct growth {
    unsigned height; /* afterwards */
    unsigned raise;  /* new roots above the old one */
    unsigned fresh;  /* new blocks, the new roots among them */
    uint64_t below;  /* the lowest block that there is: it gets the first of them, or the data */
    unsigned below_level;
};

static int plan_growth(struct sfs *fs, const struct sfs_inode *inode, uint64_t n,
                       struct growth *plan)
{
    unsigned height = sfs_tree_height(inode);
    unsigned need = sfs_reach_height(fs->pointers, n + 1);
    struct sfs_cursor way;

    *plan = (struct growth){.height = need > height ? need : height};
    if (plan->height > fs->height_max) {
        return SFS_EFBIG;
    }
    if (height == 0) {
        plan->fresh = need;
        return 0;
    }
    if (need > height) {
        plan->raise = need - height;
        plan->fresh = plan->raise + need - 1;
        return 0;
    }
    plan->below_level = sfs_cursor_start(fs, inode, n, &way);
    for (plan->below = way.block[plan->below_level]; plan->below_level > 0; plan->below_level--) {
        struct sfs_buf *buf;
        uint64_t next;
        int error = read_indirect(fs, plan->below, &buf);

        if (error < 0) {
            return error;
        }
        next = ((uint64_t *)buf->data)[sfs_reach_slot(fs->pointers, n, plan->below_level)];
        sfs_buf_put(fs, buf);
        if (next == 0) {
            break;
        }
        plan->below = next;
    }
    plan->fresh = plan->below_level;
    return sfs_block_valid(fs, plan->below) ? 0 : SFS_EUCLEAN;
}

int sfs_tree_missing(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, uint32_t *count)
{
    struct growth plan = {0};
    int error = n < SFS_DIRECT ? 0 : plan_growth(fs, inode, n, &plan);

    *count = plan.fresh;
    return error;
}

uint32_t sfs_tree_grow_credits(struct sfs *fs, const struct sfs_inode *inode, uint64_t n)
{
    unsigned need = sfs_reach_height(fs->pointers, n + 1);
    unsigned height = sfs_tree_height(inode);

    height = need > height ? need : height;
    return n < SFS_DIRECT ? 0 : 2 * height - 1;
}

#define FRESH_MAX (2 * SFS_HEIGHT_MAX - 1)

/* Hang the new blocks in: FRESH[0 .. raise-1] above the old root, the others on the way to N. */
static struct sfs_buf *link_fresh(struct sfs *fs, struct sfs_inode *inode, uint64_t n,
                                  const struct growth *plan, struct sfs_buf *below,
                                  struct sfs_buf **fresh)
{
    struct sfs_buf *parent = below;
    unsigned level = plan->below_level;
    unsigned i = 0;

    for (; i < plan->raise; i++) {
        uint64_t child = i + 1 < plan->raise ? fresh[i + 1]->block : inode->indirect;

        ((uint64_t *)fresh[i]->data)[0] = child;
    }
    if (parent == NULL) {
        parent = fresh[0];
        level = plan->height - 1;
        i = plan->raise > 0 ? plan->raise : 1;
        inode->indirect = parent->block;
        inode->flags = (uint16_t)((inode->flags & ~SFS_INODE_HEIGHT) | (plan->height - 1));
    }
    for (; i < plan->fresh; i++, level--) {
        ((uint64_t *)parent->data)[sfs_reach_slot(fs->pointers, n, level)] = fresh[i]->block;
        parent = fresh[i];
    }
    return parent;
}

int sfs_tree_grow(struct sfs_op *op, struct sfs_inode *inode, uint64_t n, uint64_t goal,
                  struct sfs_leaf *leaf)
{
    struct sfs *fs = op->fs;
    struct sfs_buf *fresh[FRESH_MAX];
    struct sfs_buf *below = NULL;
    struct growth plan;
    unsigned got = 0;
    int error;

    if (n < SFS_DIRECT) {
        *leaf = (struct sfs_leaf){&inode->direct[n], (uint32_t)(SFS_DIRECT - n)};
        return 0;
    }
    error = plan_growth(fs, inode, n, &plan);
    if (error == 0 && plan.below != 0) {
        error = sfs_op_hold(op, plan.below, &below);
    }
    for (; error == 0 && got < plan.fresh; got += error == 0) {
        error = sfs_op_new_block(op, goal, &fresh[got]);
    }
    if (error < 0) {
        while (got > 0) {
            (void)sfs_op_free_block(op, fresh[--got]);
        }
        return error;
    }
    below = link_fresh(fs, inode, n, &plan, below, fresh);
    got = sfs_reach_slot(fs->pointers, n, 0);
    *leaf = (struct sfs_leaf){(uint64_t *)below->data + got, fs->pointers - got};
    return 0;
}
