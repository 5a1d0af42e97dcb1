/*
 * unlink.c - names go: unlink, rmdir. The inode goes with the last of its names and the last
 * reference; until then it is an orphan, so that a power cut does not lose its blocks.
 */
#include "fs/dir.h"
#include "fs/name.h"
#include "fs/op.h"

/* Take the name at PLACE out of DIR, and a link from NODE. All are locked. */
static int remove_name(struct sfs *fs, struct sfs_node *dir, struct sfs_spot *place,
                       const char *name, size_t length, struct sfs_node *node)
{
    struct sfs_op op;
    int error = sfs_op_begin(fs, &op, 3, 0, 0);

    if (error < 0) {
        return error;
    }
    error = sfs_node_hold(&op, node);
    error = error == 0 ? sfs_node_hold(&op, dir) : error;
    error = error == 0 ? sfs_dir_hold(&op, dir, place) : error;
    if (error == 0) {
        sfs_node_drop_name(fs, node, dir);
        sfs_node_stamp(&op, node, false);
        sfs_node_stamp(&op, dir, true);
        error = sfs_dir_remove(&op, dir, place, name, length);
    }
    return sfs_op_end(&op, error);
}

/* May NODE be removed from DIR by unlink, or by rmdir? */
static int check(struct sfs *fs, struct sfs_node *dir, struct sfs_node *node, bool is_rmdir)
{
    int empty;

    if (!is_rmdir) {
        return sfs_node_is_dir(node) ? SFS_EISDIR : 0;
    }
    if (!sfs_node_is_dir(node)) {
        return SFS_ENOTDIR;
    }
    if (node->ino == SFS_ROOT || dir->disk.nlink < 3) {
        sfs_damaged(fs, 0, "a directory that cannot be where it is");
        return SFS_EUCLEAN;
    }
    empty = sfs_dir_is_empty(fs, node);
    if (empty <= 0) {
        return empty < 0 ? empty : SFS_ENOTEMPTY;
    }
    return 0;
}

static int remove_from(struct sfs *fs, struct sfs_node *dir, const char *name, size_t length,
                       bool is_rmdir, struct sfs_node **node)
{
    struct sfs_spot place;
    int error = sfs_dir_prepare(fs, dir);

    error = error < 0 ? error : sfs_dir_child(fs, dir, name, length, &place, node);
    if (error < 0) {
        return error;
    }
    if (*node == dir) { /* a name other than "." that leads to its own directory */
        sfs_damaged(fs, 0, "a directory in itself");
        return SFS_EUCLEAN;
    }
    sfs_node_lock(fs, *node);
    error = check(fs, dir, *node, is_rmdir);
    error = error < 0 ? error : remove_name(fs, dir, &place, name, length, *node);
    sfs_node_unlock(fs, *node);
    return error;
}

static int remove_one(struct sfs *fs, uint64_t dir, const char *name, size_t length, bool is_rmdir)
{
    struct sfs_node *parent;
    struct sfs_node *node = NULL;
    int error = sfs_name_check(name, length, fs->name_max);

    if (error == 0) {
        error = fs->read_only ? SFS_EROFS : sfs_node_get_dir(fs, dir, &parent);
    }
    if (error < 0) {
        return error;
    }
    sfs_node_lock(fs, parent);
    error = remove_from(fs, parent, name, length, is_rmdir, &node);
    sfs_node_unlock(fs, parent);
    sfs_node_put(fs, node);
    sfs_node_put(fs, parent);
    return error;
}

int sfs_unlink(struct sfs *fs, uint64_t dir, const char *name, size_t length)
{
    if (sfs_name_is_dots(name, length)) {
        return SFS_EISDIR;
    }
    return remove_one(fs, dir, name, length, false);
}

int sfs_rmdir(struct sfs *fs, uint64_t dir, const char *name, size_t length)
{
    if (sfs_name_is_dots(name, length)) {
        return length == 1 ? SFS_EINVAL : SFS_ENOTEMPTY;
    }
    return remove_one(fs, dir, name, length, true);
}
