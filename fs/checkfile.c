/*
 * checkfile.c - pass 1 for an inode with a tree: regular files, directories, long symbolic links.
 * What the walk has seen is compared with what the inode says: size, height, flags, the end.
 *
 * An orphan, or a file that is being truncated, may have blocks behind its end: whoever mounts the
 * volume next will free them.
 */
#include "fs/checkwork.h"
#include "fs/reach.h"

static void set_height(struct sfs_inode *inode, unsigned height)
{
    inode->flags = (uint16_t)((inode->flags & ~SFS_INODE_HEIGHT) | (height > 0 ? height - 1 : 0));
}

/* Before the walk: a wrong height would make data pass for pointers. */
static void check_flagged_height(struct check_walk *w)
{
    const struct sfs *fs = w->c->fs;
    unsigned height = check_height(w->inode);
    unsigned need = sfs_reach_height(fs->pointers, w->limit);
    bool sparse = (w->inode->flags & SFS_INODE_SPARSE) != 0;

    if (height == 0 && (w->inode->flags & SFS_INODE_HEIGHT) != 0) {
        check_note(w->c, KIND_HEIGHT_NONE, NONE, w->ino, 0, 0);
        set_height(w->inode, 0);
        w->changed = true;
    }
    if (height == 0 || w->loose || !fs->has_journal || height == need ||
        (height < need && sparse)) {
        return;
    }
    unsigned real = check_probe_height(w->c, w->inode, w->type);

    if (real > 0 && real != height) {
        check_note(w->c, KIND_HEIGHT_WRONG, NONE, w->ino, height, real);
        set_height(w->inode, real);
        w->changed = true;
    }
}

static void set_size(struct check_walk *w, enum check_kind kind, uint64_t old, uint64_t blocks)
{
    check_note(w->c, kind, NONE, w->ino, old, blocks << w->c->fs->bs_shift);
    check_set_size(w->inode, blocks << w->c->fs->bs_shift);
    w->changed = true;
    w->limit = blocks; /* of the last block, so nothing is mapped behind it */
    w->mapped = w->total;
}

/* No size beyond what the tree can reach, no blocks beyond the size. */
static void check_end(struct check_walk *w)
{
    uint64_t size = check_size(w->inode), last = w->last;

    if (size > w->c->fs->size_max) {
        set_size(w, KIND_SIZE_LARGE, size, last);
    } else if (last > w->limit && !w->loose) {
        set_size(w, KIND_SIZE_SMALL, size, last);
    }
}

/* A directory ends with a block and has no holes; pass 2 fills those that it has. */
static void check_dir_end(struct check_walk *w)
{
    uint64_t size = check_size(w->inode);
    struct check_inode *info;

    if (w->last == 0) {
        check_note(w->c, KIND_DIR_EMPTY, NONE, w->ino, 0, 0);
        w->bad = true;
    } else if (w->last < check_blocks_of(w->c, size) || (size & (w->c->fs->bs - 1)) != 0) {
        set_size(w, KIND_SIZE_DIR, size, w->last);
    }
    if (!w->bad && w->mapped < w->limit) {
        check_note(w->c, KIND_DIR_HOLE, NONE, w->ino, w->mapped, 0);
        info = check_inode_make(w->c, w->ino);
        if (info != NULL) {
            info->flags |= INODE_FILL;
        }
    }
}

static void check_holes(struct check_walk *w)
{
    if (w->mapped >= w->limit) {
        return;
    }
    if (w->type == SFS_TYPE_LNK) {
        check_note(w->c, KIND_LINK_BAD, NONE, w->ino, 0, 0);
        w->bad = true;
    } else if (w->c->fs->has_journal && (w->inode->flags & SFS_INODE_SPARSE) == 0) {
        check_note(w->c, KIND_SPARSE, NONE, w->ino, 0, 0);
        w->inode->flags |= SFS_INODE_SPARSE;
        w->changed = true;
    }
}

/* Nothing lies beyond the reach of a lower tree, so the first slot of the root is all there is. */
static void lower_tree(struct check_walk *w, unsigned height, unsigned need)
{
    struct check *c = w->c;

    for (; height > need; height--) {
        uint64_t root = w->inode->indirect;

        check_read(c, root, 1, c->scratch);
        w->inode->indirect = height > 1 ? *(uint64_t *)c->scratch : 0;
        check_map_clear(&c->used, root);
        check_map_clear(&c->meta, root);
        if (w->inode->indirect == 0) {
            height = 0;
            break;
        }
    }
    set_height(w->inode, height);
}

static void check_tallness(struct check_walk *w)
{
    unsigned height = check_height(w->inode);
    unsigned need = sfs_reach_height(w->c->fs->pointers, w->limit);

    if (height <= need || w->loose || w->c->error != 0) {
        return;
    }
    check_note(w->c, KIND_HEIGHT_TALL, NONE, w->ino, height, need);
    w->changed = true;
    lower_tree(w, height, need);
}

static void check_last_block(struct check_walk *w)
{
    uint32_t used = (uint32_t)(check_size(w->inode) & (w->c->fs->bs - 1));

    if (used != 0 && w->tail != 0 && w->type != SFS_TYPE_DIR) {
        check_tail_add(w->c, w->tail, used, w->ino);
    }
}

static bool is_loose(const struct check_walk *w)
{
    const struct check_inode *info = check_inode_of(w->c, w->ino);
    bool listed = info != NULL && (info->flags & INODE_LISTED) != 0;

    return (w->inode->flags & SFS_INODE_TRUNCATING) != 0 || (w->inode->nlink == 0 && listed);
}

bool check_file(struct check_walk *w)
{
    w->mode = TREE_CLAIM;
    w->limit = check_blocks_of(w->c, check_size(w->inode));
    w->loose = is_loose(w);
    w->cut = w->type == SFS_TYPE_LNK && !w->loose;
    check_flagged_height(w);
    check_walk(w);
    if (w->type != SFS_TYPE_LNK) {
        check_end(w);
    }
    if (!w->loose && w->type == SFS_TYPE_DIR) {
        check_dir_end(w);
    } else if (!w->loose) {
        check_holes(w);
    }
    if (!w->bad) {
        check_tallness(w);
        check_last_block(w);
    }
    return !w->bad;
}
