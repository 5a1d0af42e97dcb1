/*
 * checkattach.c - what no name leads to gets one: lost+found/#<inode>. By now the volume is sound
 * but for that, so it is mounted, and the layers that make names on any volume make these. Mounting
 * also finishes the orphans.
 *
 * The superblock goes on saying "damaged": a power cut here costs another check, no more.
 */
#include "fs/checkwork.h"
#include "fs/dir.h"

#define CACHE_BLOCKS  256
#define PAGE_KIB      256
#define NAMES_PER_KIB 16
#define NAME_TRIES    9
#define LOST_MODE     0700

/* What other errors are about is for another round to find. */
static void fail_badly(struct check *c, int error)
{
    check_fail(c, error == SFS_EIO || error == SFS_ENOMEM ? error : 0);
}

/* Find lost+found, or make it: the first of that name, "lost+found-2", ... that is a directory. */
static int open_lost(struct check *c, struct sfs_attr *attr)
{
    static const struct sfs_owner root;

    for (unsigned try = 1; try <= NAME_TRIES; try++) {
        const char *format = try == 1 ? "lost+found" : "lost+found-%a";
        size_t length = check_text(c, format, try, 0);
        int error = sfs_lookup(c->fs, SFS_ROOT, c->line, length, attr);

        if (error == SFS_ENOENT) {
            return sfs_mkdir(c->fs, SFS_ROOT, c->line, length, LOST_MODE, root, attr);
        }
        if (error < 0 || attr->mode >> 12 == SFS_TYPE_DIR) {
            return error;
        }
        (void)sfs_forget(c->fs, attr->ino, 1);
    }
    return SFS_EEXIST;
}

/* The directory whose ".." is at UP is DIR's child from now on; that block is held. */
static int set_up(struct sfs_op *op, const struct sfs_spot *up, struct sfs_node *dir)
{
    sfs_node_set_nlink(op->fs, dir, dir->disk.nlink + 1u);
    return sfs_dir_set(op, up, dir->ino, SFS_TYPE_DIR);
}

/* Everything is found and there is room: one handle. */
static int attach_in(struct sfs *fs, struct sfs_node *node, struct sfs_node *dir, const char *name,
                     size_t length)
{
    struct sfs_spot room;
    struct sfs_spot up = {.position = 0};
    struct sfs_op op;
    bool is_dir = sfs_node_is_dir(node);
    int error = sfs_dir_room(fs, dir, length, &room);

    if (error == 0 && is_dir && sfs_dir_find(fs, node, "..", 2, &up) <= 0) {
        error = SFS_EUCLEAN;
    }
    if (error == 0) {
        error = sfs_op_begin(fs, &op, 2 + room.credits, 0, room.blocks);
    }
    if (error < 0) {
        return error;
    }
    error = sfs_node_hold(&op, dir);
    error = error == 0 && is_dir ? sfs_dir_hold(&op, node, &up) : error;
    error = error == 0 ? sfs_dir_hold(&op, dir, &room) : error;
    if (error == 0) {
        error = is_dir ? set_up(&op, &up, dir) : 0;
        sfs_node_touch(fs, dir, true);
        sfs_node_store(&op, dir);
    }
    if (error == 0) {
        error = sfs_dir_add(&op, dir, &room, name, length, node->ino, (uint8_t)sfs_node_type(node));
    }
    return sfs_op_end(&op, error);
}

/* The first of "#12", "#12-2", ... that is not there yet. Both are locked. */
static int attach_to(struct check *c, struct sfs_node *node, struct sfs_node *dir)
{
    struct sfs_spot place;
    int found = sfs_dir_prepare(c->fs, dir);

    for (unsigned try = 1; try <= NAME_TRIES && found >= 0; try++) {
        size_t length = check_text(c, try == 1 ? "#%a" : "#%a-%b", node->ino, try);

        found = sfs_dir_find(c->fs, dir, c->line, length, &place);
        if (found == 0) {
            return attach_in(c->fs, node, dir, c->line, length);
        }
    }
    return found < 0 ? found : SFS_EEXIST;
}

/* CTX is lost+found. Errors of a single one stay: the next round finds it again. */
static void attach(struct check *c, uint64_t ino, struct check_inode *info, void *ctx)
{
    struct sfs_node *node, *dir = ctx;

    if ((info->flags & INODE_LOST) == 0) {
        return;
    }
    int error = sfs_node_get(c->fs, ino, &node);

    if (error == 0) {
        sfs_node_lock_two(c->fs, dir, node);
        error = attach_to(c, node, dir);
        sfs_node_unlock_two(c->fs, dir, node);
        sfs_node_put(c->fs, node);
    }
    fail_badly(c, error);
}

static int attach_all(struct check *c)
{
    struct sfs_attr lost;
    struct sfs_node *dir;
    int error = open_lost(c, &lost);

    if (error < 0) {
        return error;
    }
    error = sfs_node_get_dir(c->fs, lost.ino, &dir);
    if (error == 0) {
        check_each_inode(c, attach, dir);
        sfs_node_put(c->fs, dir);
    }
    (void)sfs_forget(c->fs, lost.ino, 1);
    return error;
}

void check_attach(struct check *c, struct blk_dev *dev)
{
    /* A directory's index takes up to 32 bytes a name, and may take half of the pages. Without one,
     * each name in lost+found would be looked for among all others. */
    const struct sfs_mount_options small = {
        .cache_blocks = CACHE_BLOCKS,
        .page_kib = PAGE_KIB + (uint32_t)(c->result->inodes_used / NAMES_PER_KIB)};

    if (c->orphans == 0 && c->lost == 0) {
        return;
    }
    int error = sfs_mount_repair(dev, &small, &c->fs);

    if (error == 0) {
        fail_badly(c, c->lost > 0 ? attach_all(c) : 0);
        error = sfs_unmount(c->fs);
    }
    fail_badly(c, error);
}
