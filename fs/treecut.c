/*
 * treecut.c - the other direction of tree.c: freeing from the end, a leaf at a time, so that any
 * truncate is made of transactions that fit into any log (J10).
 *
 * A pointer is set to 0 when its block has been freed, one by one: when an error ends the work,
 * what is left is a shorter file, and a sound one.
 */
#include "fs/tree.h"

#include "fs/cursor.h"
#include "fs/reach.h"

/* The way from the root to the last thing to free. */
struct way {
    uint64_t block[SFS_HEIGHT_MAX];
    uint32_t slot[SFS_HEIGHT_MAX]; /* of the next one in this one */
    unsigned depth;                /* of the last */
    unsigned level;                /* of the last */
    uint64_t first;                /* file block of its slot 0 */
    bool empty;                    /* it has no pointer to KEEP or above */
};

uint32_t sfs_tree_cut_data(const struct sfs *fs)
{
    return fs->pointers + SFS_DIRECT;
}

/* The last slot of BUF that leads to block KEEP or above; -1: none does. */
static int last_slot(struct sfs *fs, const struct sfs_buf *buf, const struct way *way,
                     uint64_t keep)
{
    uint64_t span = sfs_reach_span(fs->pointers, way->level);

    for (int slot = (int)fs->pointers - 1; slot >= 0; slot--) {
        if (way->first + ((uint64_t)slot + 1) * span <= keep) {
            return -1;
        }
        if (((uint64_t *)buf->data)[slot] != 0) {
            return slot;
        }
    }
    return -1;
}

/* Go down along the last pointers, as far as there are any. */
static int find_way(struct sfs *fs, const struct sfs_inode *inode, uint64_t keep, struct way *way)
{
    uint64_t block = inode->indirect;

    *way = (struct way){.level = sfs_tree_height(inode) - 1, .first = SFS_DIRECT};
    for (;; way->depth++, way->level--) {
        struct sfs_buf *buf;
        int error = sfs_block_valid(fs, block) ? sfs_buf_read(fs, block, &buf) : SFS_EUCLEAN;
        int slot;

        if (error < 0) {
            return error;
        }
        slot = last_slot(fs, buf, way, keep);
        way->block[way->depth] = block;
        if (slot >= 0) {
            way->slot[way->depth] = (uint32_t)slot;
            block = ((uint64_t *)buf->data)[slot];
        }
        sfs_buf_put(fs, buf);
        way->empty = slot < 0;
        if (slot < 0 || way->level == 0) {
            return 0;
        }
        way->first += (uint64_t)slot * sfs_reach_span(fs->pointers, way->level);
    }
}

/* Free COUNT data blocks, from the last one on; a pointer is 0 when its block is free. */
static int free_slots(struct sfs_op *op, uint64_t *slots, uint32_t count, bool meta,
                      uint32_t *freed)
{
    while (count > 0) {
        uint64_t *slot = &slots[--count];
        int error = *slot != 0 ? sfs_free_block(&op->handle, *slot, meta) : 0;

        if (error < 0) {
            return error;
        }
        *freed += *slot != 0;
        *slot = 0;
    }
    return 0;
}

/* Free the indirect block at the end of the WAY and take it out of its parent, or of the inode. */
static int free_last(struct sfs_op *op, struct sfs_inode *inode, const struct way *way)
{
    struct sfs_buf *parent = NULL;
    struct sfs_buf *buf;
    int error = 0;

    if (way->depth > 0) {
        error = sfs_op_hold(op, way->block[way->depth - 1], &parent);
    }
    if (error == 0) {
        error = sfs_op_hold(op, way->block[way->depth], &buf);
    }
    if (error == 0) {
        error = sfs_op_free_block(op, buf);
    }
    if (error < 0) {
        return error;
    }
    if (parent != NULL) {
        ((uint64_t *)parent->data)[way->slot[way->depth - 1]] = 0;
    } else {
        inode->indirect = 0;
        inode->flags &= (uint16_t)~SFS_INODE_HEIGHT;
    }
    return 0;
}

#define STEPS 2 /* two leaves and their parent, or a leaf, its parent and that one's: 3 credits */

/* One step in the tree: a leaf, or an indirect block that leads nowhere. 1: there may be more. */
static int cut_tree(struct sfs_op *op, struct sfs_inode *inode, uint64_t keep, bool meta,
                    uint32_t *freed)
{
    struct way way;
    int error = find_way(op->fs, inode, keep, &way);

    if (error < 0 || (way.empty && way.first < keep)) {
        return error;
    }
    if (!way.empty) {
        uint32_t from = keep > way.first ? (uint32_t)(keep - way.first) : 0;
        struct sfs_buf *leaf;

        error = sfs_op_hold(op, way.block[way.depth], &leaf);
        if (error == 0) {
            error =
                free_slots(op, (uint64_t *)leaf->data + from, op->fs->pointers - from, meta, freed);
        }
    }
    if (error == 0 && way.first >= keep) {
        error = free_last(op, inode, &way);
    }
    return error < 0 ? error : 1;
}

/* Replace the root by its first child while the tree is taller than KEEP blocks need. */
static int shrink(struct sfs_op *op, struct sfs_inode *inode, uint64_t keep)
{
    unsigned height = sfs_tree_height(inode);

    while (height > 1 && keep <= sfs_reach(op->fs->pointers, height - 1)) {
        struct sfs_buf *root;
        int error = sfs_buf_read(op->fs, inode->indirect, &root);
        uint64_t child;

        if (error < 0) {
            return error;
        }
        child = ((uint64_t *)root->data)[0];
        sfs_buf_put(op->fs, root);
        error = sfs_free_block(&op->handle, inode->indirect, true);
        if (error < 0) {
            return error;
        }
        height = child != 0 ? height - 1 : 0;
        inode->indirect = child;
        inode->flags =
            (uint16_t)((inode->flags & ~SFS_INODE_HEIGHT) | (height > 0 ? height - 1 : 0));
    }
    return 0;
}

int sfs_tree_cut(struct sfs_op *op, struct sfs_inode *inode, uint64_t keep, bool meta)
{
    uint32_t freed = 0;

    sfs_cursor_forget(op->fs, inode);
    /* Steps that free indirect blocks alone are bounded too: a handle has room for so many. */
    for (unsigned steps = 0; inode->indirect != 0;) {
        int more = cut_tree(op, inode, keep, meta, &freed);

        if (more < 0) {
            return more;
        }
        if (more == 0) {
            break;
        }
        if (inode->indirect != 0 && (++steps == STEPS || freed > SFS_DIRECT)) {
            return 1;
        }
    }
    if (keep < SFS_DIRECT) {
        int error =
            free_slots(op, inode->direct + keep, (uint32_t)(SFS_DIRECT - keep), meta, &freed);

        if (error < 0) {
            return error;
        }
    }
    return shrink(op, inode, keep);
}
