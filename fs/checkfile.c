/*
 * checkfile.c - pass 1 for an inode with a tree: regular files, directories, long symbolic links.
 * What the walk has seen is compared with what the inode says: size, height, flags, the end.
 *
 * An orphan, or a file that is being truncated, may have blocks behind its end: whoever mounts the
 * volume next will free them.
 */
#include "fs/checkwork.h"
#include "fs/reach.h"

static void set_height(struct check_walk *w, enum check_kind kind, unsigned old, unsigned height)
{
    check_note(w->c, kind, NONE, w->ino, old, height);
    w->inode->flags =
        (uint16_t)((w->inode->flags & ~SFS_INODE_HEIGHT) | (height > 0 ? height - 1 : 0));
    w->changed = true;
}

/* Before the walk: a wrong height would make data pass for pointers. */
static void check_flagged_height(struct check_walk *w)
{
    const struct sfs *fs = w->c->fs;
    unsigned height = sfs_tree_height(w->inode);
    unsigned need = sfs_reach_height(fs->pointers, w->limit);
    bool sparse = (w->inode->flags & SFS_INODE_SPARSE) != 0;

    if (height == 0) {
        if ((w->inode->flags & SFS_INODE_HEIGHT) != 0) {
            set_height(w, KIND_HEIGHT_NONE, 0, 0);
        }
    } else if (!w->loose && fs->has_journal && height != need && (height > need || !sparse)) {
        unsigned real = check_probe_height(w->c, w->inode, w->type);

        if (real > 0 && real != height) {
            set_height(w, KIND_HEIGHT_WRONG, height, real);
        }
    }
}

/* No size beyond what the tree can reach, no blocks beyond the size; a directory ends with a block.
 */
static void check_end(struct check_walk *w)
{
    const uint64_t size = check_size(w->inode), fits = w->last << w->c->fs->bs_shift;
    enum check_kind kind = KIND_COUNT;

    if (size > w->c->fs->size_max) {
        kind = KIND_SIZE_LARGE;
    } else if (w->last > w->limit && !w->loose) {
        kind = KIND_SIZE_SMALL;
    } else if (w->type == SFS_TYPE_DIR && w->last > 0 && size != fits && !w->loose) {
        kind = KIND_SIZE_DIR;
    }
    if (kind != KIND_COUNT && w->type != SFS_TYPE_LNK) {
        check_note(w->c, kind, NONE, w->ino, size, fits);
        check_set_size(w->inode, fits);
        w->changed = true;
        w->limit = w->last; /* so nothing is mapped behind it */
        w->mapped = w->total;
    }
}

/* Only a file may have holes. Pass 2 fills those of a directory. False: it cannot be kept. */
static bool check_holes(struct check_walk *w)
{
    const bool dir = w->type == SFS_TYPE_DIR, hole = w->mapped < w->limit;

    if (w->loose) {
        return true;
    }
    if (dir ? w->last == 0 : hole && w->type == SFS_TYPE_LNK) {
        check_note(w->c, dir ? KIND_DIR_EMPTY : KIND_LINK_BAD, NONE, w->ino, 0, 0);
        return false;
    }
    if (dir && hole) {
        check_note(w->c, KIND_DIR_HOLE, NONE, w->ino, w->mapped, 0);
        w->flags |= INODE_FILL;
    } else if (hole && w->c->fs->has_journal && (w->inode->flags & SFS_INODE_SPARSE) == 0) {
        check_note(w->c, KIND_SPARSE, NONE, w->ino, 0, 0);
        w->inode->flags |= SFS_INODE_SPARSE;
        w->changed = true;
    }
    return true;
}

/* Nothing lies beyond the reach of a lower tree, so the first slot of the root is all there is. */
static void lower_tree(struct check_walk *w)
{
    struct check *c = w->c;
    unsigned height = sfs_tree_height(w->inode);
    unsigned need = sfs_reach_height(c->fs->pointers, w->limit);

    if (height <= need || w->loose || c->error != 0) {
        return;
    }
    set_height(w, KIND_HEIGHT_TALL, height, need);
    for (; height > need && w->inode->indirect != 0; height--) {
        uint64_t root = w->inode->indirect;

        check_read(c, root, 1, c->scratch);
        w->inode->indirect = height > 1 ? *(uint64_t *)c->scratch : 0;
        check_map_clear(&c->used, root);
        check_map_clear(&c->meta, root);
    }
    if (w->inode->indirect == 0) {
        w->inode->flags &= (uint16_t)~SFS_INODE_HEIGHT;
    }
}

bool check_file(struct check_walk *w)
{
    const uint32_t mask = w->c->fs->bs - 1;

    w->limit = check_blocks_of(w->c, check_size(w->inode));
    w->loose = check_is_orphan(w) || (w->inode->flags & SFS_INODE_TRUNCATING) != 0;
    w->cut = w->type == SFS_TYPE_LNK && !w->loose;
    check_flagged_height(w);
    check_walk(w);
    check_end(w);
    if (!check_holes(w)) {
        return false;
    }
    lower_tree(w);
    uint32_t used = (uint32_t)check_size(w->inode) & mask;

    if (used != 0 && w->tail != 0 && w->type != SFS_TYPE_DIR) {
        check_tail_add(w->c, w->tail, used, w->ino);
    }
    return true;
}
