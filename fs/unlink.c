/*
 * unlink.c - names go: unlink, rmdir. The inode goes with the last of its names and the last
 * reference; until then it is an orphan, so that a power cut does not lose its blocks.
 */
#include "fs/change.h"
#include "fs/name.h"

/* May it be removed by unlink, or by rmdir? */
static int check(struct sfs *fs, const struct sfs_side *side, bool is_rmdir)
{
    int empty;

    if (!is_rmdir) {
        return sfs_node_is_dir(side->node) ? SFS_EISDIR : 0;
    }
    if (!sfs_node_is_dir(side->node)) {
        return SFS_ENOTDIR;
    }
    if (side->node->ino == SFS_ROOT || side->dir->disk.nlink < 3) {
        sfs_damaged(fs, 0, "a directory that cannot be where it is");
        return SFS_EUCLEAN;
    }
    empty = sfs_dir_is_empty(fs, side->node);
    return empty > 0 ? 0 : empty < 0 ? empty : SFS_ENOTEMPTY;
}

static int remove_locked(struct sfs *fs, struct sfs_side *side, bool is_rmdir)
{
    int error = sfs_side_find(fs, side);

    if (error < 0) {
        return error;
    }
    sfs_node_lock(fs, side->node);
    error = check(fs, side, is_rmdir);
    error = error < 0 ? error : sfs_change(fs, side, 1);
    sfs_node_unlock(fs, side->node);
    return error;
}

static int remove_one(struct sfs *fs, uint64_t dir, const char *name, size_t length, bool is_rmdir)
{
    struct sfs_side side = {.name = name, .length = length};
    int error = sfs_name_check(name, length, fs->name_max);

    if (error == 0) {
        error = fs->read_only ? SFS_EROFS : sfs_node_get_dir(fs, dir, &side.dir);
    }
    if (error < 0) {
        return error;
    }
    sfs_node_lock(fs, side.dir);
    error = remove_locked(fs, &side, is_rmdir);
    sfs_node_unlock(fs, side.dir);
    sfs_node_put(fs, side.node);
    sfs_node_put(fs, side.dir);
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
