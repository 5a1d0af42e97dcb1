/*
 * checkfile.c - pass 1 for an inode with a tree: regular files, directories, long symbolic links.
 * What the walk has seen is compared with what the inode says: size, height, flags, the end.
 *
 * An orphan, or a file that is being truncated, may have blocks behind its end: whoever mounts the
 * volume next will free them.
 */
#include "fs/checkwork.h"
#include "fs/reach.h"

struct file {
    struct check_walk walk;
    struct check *c;
    struct sfs_inode *inode;
    uint64_t ino;
    uint32_t type;
    bool loose; /* blocks behind the end are allowed */
    bool bad;   /* it cannot be kept */
};

static void set_height(struct sfs_inode *inode, unsigned height)
{
    inode->flags = (uint16_t)((inode->flags & ~SFS_INODE_HEIGHT) | (height > 0 ? height - 1 : 0));
}

/* Before the walk: a wrong height would make data pass for pointers. */
static void check_flagged_height(struct file *f)
{
    const struct sfs *fs = f->c->fs;
    unsigned height = check_height(f->inode);
    unsigned need = sfs_reach_height(fs->pointers, f->walk.limit);
    bool sparse = (f->inode->flags & SFS_INODE_SPARSE) != 0;

    if (height == 0 && (f->inode->flags & SFS_INODE_HEIGHT) != 0) {
        check_note(f->c, KIND_HEIGHT_NONE, NONE, f->ino, 0, 0);
        set_height(f->inode, 0);
        f->walk.changed = true;
    }
    if (height == 0 || f->loose || !fs->has_journal || height == need ||
        (height < need && sparse)) {
        return;
    }
    unsigned real = check_probe_height(f->c, f->inode, f->type);

    if (real > 0 && real != height) {
        check_note(f->c, KIND_HEIGHT_WRONG, NONE, f->ino, height, real);
        set_height(f->inode, real);
        f->walk.changed = true;
    }
}

static void set_size(struct file *f, enum check_kind kind, uint64_t old, uint64_t blocks)
{
    check_note(f->c, kind, NONE, f->ino, old, blocks << f->c->fs->bs_shift);
    check_set_size(f->inode, blocks << f->c->fs->bs_shift);
    f->walk.changed = true;
    f->walk.limit = blocks; /* of the last block, so nothing is mapped behind it */
    f->walk.mapped = f->walk.total;
}

/* No size beyond what the tree can reach, no blocks beyond the size. */
static void check_end(struct file *f)
{
    uint64_t size = check_size(f->inode), last = f->walk.last;

    if (size > f->c->fs->size_max) {
        set_size(f, KIND_SIZE_LARGE, size, last);
    } else if (last > f->walk.limit && !f->loose) {
        set_size(f, KIND_SIZE_SMALL, size, last);
    }
}

/* A directory ends with a block and has no holes; pass 2 fills those that it has. */
static void check_dir_end(struct file *f)
{
    uint64_t size = check_size(f->inode);
    struct check_inode *info;

    if (f->walk.last == 0) {
        check_note(f->c, KIND_DIR_EMPTY, NONE, f->ino, 0, 0);
        f->bad = true;
    } else if (f->walk.last < check_blocks_of(f->c, size) || (size & (f->c->fs->bs - 1)) != 0) {
        set_size(f, KIND_SIZE_DIR, size, f->walk.last);
    }
    if (!f->bad && f->walk.mapped < f->walk.limit) {
        check_note(f->c, KIND_DIR_HOLE, NONE, f->ino, f->walk.mapped, 0);
        info = check_inode_make(f->c, f->ino);
        if (info != NULL) {
            info->flags |= INODE_FILL;
        }
    }
}

static void check_holes(struct file *f)
{
    if (f->walk.mapped >= f->walk.limit) {
        return;
    }
    if (f->type == SFS_TYPE_LNK) {
        check_note(f->c, KIND_LINK_BAD, NONE, f->ino, 0, 0);
        f->bad = true;
    } else if (f->c->fs->has_journal && (f->inode->flags & SFS_INODE_SPARSE) == 0) {
        check_note(f->c, KIND_SPARSE, NONE, f->ino, 0, 0);
        f->inode->flags |= SFS_INODE_SPARSE;
        f->walk.changed = true;
    }
}

/* Nothing lies beyond the reach of a lower tree, so the first slot of the root is all there is. */
static void lower_tree(struct file *f, unsigned height, unsigned need)
{
    struct check *c = f->c;

    for (; height > need; height--) {
        uint64_t root = f->inode->indirect;

        check_read(c, root, 1, c->scratch);
        f->inode->indirect = height > 1 ? *(uint64_t *)c->scratch : 0;
        check_map_clear(&c->used, root);
        check_map_clear(&c->meta, root);
        if (f->inode->indirect == 0) {
            height = 0;
            break;
        }
    }
    set_height(f->inode, height);
}

static void check_tallness(struct file *f)
{
    unsigned height = check_height(f->inode);
    unsigned need = sfs_reach_height(f->c->fs->pointers, f->walk.limit);

    if (height <= need || f->loose || f->c->error != 0) {
        return;
    }
    check_note(f->c, KIND_HEIGHT_TALL, NONE, f->ino, height, need);
    f->walk.changed = true;
    lower_tree(f, height, need);
}

static void check_last_block(struct file *f)
{
    uint32_t used = (uint32_t)(check_size(f->inode) & (f->c->fs->bs - 1));

    if (used != 0 && f->walk.tail != 0 && f->type != SFS_TYPE_DIR) {
        check_tail_add(f->c, f->walk.tail, used, f->ino);
    }
}

static bool is_loose(struct check *c, uint64_t ino, const struct sfs_inode *inode)
{
    const struct check_inode *info = check_inode_of(c, ino);
    bool listed = info != NULL && (info->flags & INODE_LISTED) != 0;

    return (inode->flags & SFS_INODE_TRUNCATING) != 0 || (inode->nlink == 0 && listed);
}

/* Sets the inode's size and flags right; *CHANGED says so. False: it cannot be kept. */
bool check_file(struct check *c, uint64_t ino, struct sfs_inode *inode, bool *changed)
{
    struct file f = {.c = c, .inode = inode, .ino = ino, .type = inode->mode >> 12};

    f.loose = is_loose(c, ino, inode);
    f.walk = (struct check_walk){.c = c,
                                 .mode = TREE_CLAIM,
                                 .ino = ino,
                                 .inode = inode,
                                 .type = f.type,
                                 .limit = check_blocks_of(c, check_size(inode)),
                                 .loose = f.loose,
                                 .cut = f.type == SFS_TYPE_LNK && !f.loose};
    check_flagged_height(&f);
    check_walk(&f.walk);
    if (f.type != SFS_TYPE_LNK) {
        check_end(&f);
    }
    if (!f.loose && f.type == SFS_TYPE_DIR) {
        check_dir_end(&f);
    } else if (!f.loose) {
        check_holes(&f);
    }
    if (!f.bad) {
        check_tallness(&f);
        check_last_block(&f);
    }
    *changed = *changed || f.walk.changed;
    return !f.bad;
}
