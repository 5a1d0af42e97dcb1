/*
 * treecut.c - the other direction of tree.c: freeing from the end, a leaf at a time, so that any
 * truncate is made of transactions that fit into any log (J10).
 *
 * A pointer is set to 0 when its block has been freed, one by one: when an error ends the work,
 * what is left is a shorter file, and a sound one.
 */
#include "fs/cursor.h"
#include "fs/reach.h"
#include "fs/tree.h"

#define CUT_META 8 /* each has a checksum entry of its own, perhaps far from the others' */

/* What one handle does. */
struct cut {
    struct sfs_op *op;
    uint64_t keep;
    bool meta;     /* what the file holds */
    uint32_t left; /* blocks of it that may be freed */
    bool full;     /* it has been down to the end once */
};

uint32_t sfs_tree_cut_data(const struct sfs *fs, bool meta)
{
    if (!fs->has_journal) { /* all that a file has: there is no mark for what is unfinished */
        return fs->pointers + SFS_DIRECT;
    }
    return meta ? CUT_META : fs->pointers;
}

static int free_pointer(struct cut *cut, uint64_t *pointer, bool meta)
{
    int error = *pointer != 0 ? sfs_free_block(&cut->op->handle, *pointer, meta) : 0;

    *pointer = error == 0 ? 0 : *pointer;
    return error;
}

/* Free the blocks of a file in COUNT slots, from the last one on. 1: there are more. */
static int free_slots(struct cut *cut, uint64_t *slots, uint32_t count)
{
    int error = 0;

    while (count-- > 0 && error == 0) {
        if (slots[count] != 0 && cut->left-- == 0) {
            return 1;
        }
        error = free_pointer(cut, &slots[count], cut->meta);
    }
    return error;
}

/*
 * Cut what hangs at *POINTER: an indirect block at LEVEL, with file block FIRST the first one below
 * it. Goes down along the last pointers, to a leaf or where there are no more, and frees on its way
 * back what nothing hangs at any longer. 1: there is more.
 */
static int cut_below(struct cut *cut, uint64_t *pointer, unsigned level, uint64_t first)
{
    struct sfs *fs = cut->op->fs;
    uint64_t span = sfs_reach_span(fs->pointers, level);
    uint64_t from = cut->keep > first ? (cut->keep - first) / span : 0;
    struct sfs_buf *buf;
    uint64_t *slots;
    int more;

    if (cut->full || !sfs_block_valid(fs, *pointer)) {
        return cut->full ? 1 : SFS_EUCLEAN;
    }
    more = sfs_op_hold(cut->op, *pointer, &buf);
    if (more < 0) {
        return more;
    }
    slots = (uint64_t *)buf->data;
    if (level == 0 && from < fs->pointers) {
        more = free_slots(cut, slots + from, fs->pointers - (uint32_t)from);
    }
    for (uint64_t i = fs->pointers; level > 0 && i > from && more == 0; i--) {
        if (slots[i - 1] != 0) {
            more = cut_below(cut, &slots[i - 1], level - 1, first + (i - 1) * span);
        }
    }
    cut->full = true;
    return more == 0 && first >= cut->keep ? free_pointer(cut, pointer, true) : more;
}

/* Replace the root by its first child while the tree is taller than KEEP blocks need. */
static int shrink(struct cut *cut, struct sfs_inode *inode)
{
    struct sfs *fs = cut->op->fs;
    unsigned height = sfs_tree_height(inode);

    while (height > 1 && cut->keep <= sfs_reach(fs->pointers, height - 1)) {
        struct sfs_buf *root;
        int error = sfs_buf_read(fs, inode->indirect, &root);
        uint64_t child;

        if (error < 0) {
            return error;
        }
        child = ((uint64_t *)root->data)[0];
        sfs_buf_put(fs, root);
        error = free_pointer(cut, &inode->indirect, true);
        if (error < 0) {
            return error;
        }
        sfs_tree_set_root(inode, child, --height);
        height = sfs_tree_height(inode);
    }
    return 0;
}

int sfs_tree_cut(struct sfs_op *op, struct sfs_inode *inode, uint64_t keep, bool meta)
{
    struct cut cut = {
        .op = op, .keep = keep, .meta = meta, .left = sfs_tree_cut_data(op->fs, meta)};
    unsigned height = sfs_tree_height(inode);
    int more = 0;

    sfs_cursor_forget(op->fs, inode);
    if (keep < sfs_reach(op->fs->pointers, height) && height > 0) {
        more = cut_below(&cut, &inode->indirect, height - 1, SFS_DIRECT);
        sfs_tree_set_root(inode, inode->indirect, height);
    }
    if (more == 0 && keep < SFS_DIRECT) {
        more = free_slots(&cut, inode->direct + keep, (uint32_t)(SFS_DIRECT - keep));
    }
    return more != 0 ? more : shrink(&cut, inode);
}
