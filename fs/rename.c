/*
 * rename.c - rename, with all that it may replace, exchange, move and refuse; in one handle.
 *
 * One rename runs at a time (rename_lock), so the way from a directory up to the root stands still,
 * and who lies in whom can be found out before anything is locked. Then both directories are
 * locked, the ancestor first, the names are looked up, and both inodes are locked.
 *
 *   /  ..  from.dir  below_from  ..  to.dir     below_from, which has to.dir in it, may not be what
 *                                               moves; it is known before any name is looked up
 */
#include "fs/change.h"
#include "fs/name.h"

struct renaming {
    union {
        struct sfs_side side[2];
        struct {
            struct sfs_side from, to;
        };
    };
    unsigned flags;
    /* If one directory is an ancestor of the other, the directory in it on the way to the other,
     * else NOBODY. */
    uint64_t below_from, below_to;
};

#define NOBODY UINT64_MAX

/* ---- Who lies in whom ---- */

/* The parent of directory INO. Nothing may be locked but rename_lock. */
static int parent_of(struct sfs *fs, uint64_t ino, uint64_t *parent)
{
    struct sfs_attr up;
    int error = sfs_lookup(fs, ino, "..", 2, &up);

    if (error == 0) {
        *parent = up.ino;
        error = sfs_forget(fs, up.ino, 1);
    }
    return error;
}

/* If ANCESTOR is above the directory INO: which directory in it is on the way there. */
static int climb(struct sfs *fs, uint64_t ino, uint64_t ancestor, uint64_t *below)
{
    *below = NOBODY;
    for (uint64_t steps = 0; ino != SFS_ROOT && ino != ancestor; steps++) {
        int error;

        *below = ino;
        error = steps < fs->super.inode_count ? parent_of(fs, ino, &ino) : SFS_EUCLEAN;
        if (error < 0) {
            return error;
        }
    }
    *below = ino == ancestor ? *below : NOBODY;
    return 0;
}

static int find_relation(struct sfs *fs, struct renaming *r)
{
    int error = climb(fs, r->to.dir->ino, r->from.dir->ino, &r->below_from);

    return error < 0 ? error : climb(fs, r->from.dir->ino, r->to.dir->ino, &r->below_to);
}

/* ---- Locks ---- */

static void lock_dirs(struct sfs *fs, const struct renaming *r)
{
    bool from_first =
        r->below_from != NOBODY || (r->below_to == NOBODY && r->from.dir->ino < r->to.dir->ino);

    sfs_node_lock_two(fs, from_first ? r->from.dir : r->to.dir,
                      from_first ? r->to.dir : r->from.dir);
}

/* ---- Checks ---- */

static bool exchanges(const struct renaming *r)
{
    return (r->flags & SFS_RENAME_EXCHANGE) != 0;
}

/* With both directories locked: may it be done? 1: there is nothing to do. */
static int check_names(const struct renaming *r)
{
    if ((r->flags & SFS_RENAME_NOREPLACE) != 0 && r->to.node != NULL) {
        return SFS_EEXIST;
    }
    if (exchanges(r) && r->to.node == NULL) {
        return SFS_ENOENT;
    }
    if (r->from.node->ino == r->below_from) {
        return SFS_EINVAL;
    }
    if (r->to.node != NULL && r->to.node->ino == r->below_to) {
        return exchanges(r) ? SFS_EINVAL : SFS_ENOTEMPTY;
    }
    return r->from.node == r->to.node;
}

/* With everything locked. Directories that only change places do not count. */
static int check_nodes(struct sfs *fs, const struct renaming *r)
{
    bool from_dir = sfs_node_is_dir(r->from.node);
    bool to_dir = r->to.node != NULL && sfs_node_is_dir(r->to.node);
    bool apart = r->from.dir != r->to.dir;

    if (exchanges(r)) {
        bool more_to = from_dir && !to_dir && r->to.dir->disk.nlink >= SFS_LINK_MAX;
        bool more_from = to_dir && !from_dir && r->from.dir->disk.nlink >= SFS_LINK_MAX;

        return apart && (more_to || more_from) ? SFS_EMLINK : 0;
    }
    if (r->to.node != NULL) {
        int empty;

        if (from_dir != to_dir) {
            return from_dir ? SFS_ENOTDIR : SFS_EISDIR;
        }
        empty = to_dir ? sfs_dir_is_empty(fs, r->to.node) : 1;
        return empty > 0 ? 0 : empty < 0 ? empty : SFS_ENOTEMPTY;
    }
    return from_dir && apart && r->to.dir->disk.nlink >= SFS_LINK_MAX ? SFS_EMLINK : 0;
}

/* ---- Doing it ---- */

/* A name that leads to one of the directories, which no sound volume has left by now. */
static bool leads_back(const struct renaming *r, const struct sfs_node *node)
{
    return node == r->from.dir || node == r->to.dir;
}

/* With both directories locked. */
static int rename_locked(struct sfs *fs, struct renaming *r)
{
    struct sfs_node *a, *b;
    int error = r->to.dir->disk.nlink > 0 ? sfs_side_find(fs, &r->from) : SFS_ENOENT;

    if (error == 0) {
        error = sfs_side_find(fs, &r->to);
        error = error == SFS_ENOENT ? 0 : error;
    }
    error = error == 0 ? check_names(r) : error;
    if (error != 0) {
        return error;
    }
    if (leads_back(r, r->from.node) || leads_back(r, r->to.node)) {
        sfs_damaged(fs, 0, "a directory in itself");
        return SFS_EUCLEAN;
    }
    r->from.next = exchanges(r) ? r->to.node : NULL;
    r->to.next = r->from.node;
    a = r->from.node;
    b = r->to.node != NULL ? r->to.node : a;
    sfs_node_lock_two(fs, a->ino < b->ino ? a : b, a->ino < b->ino ? b : a);
    error = check_nodes(fs, r);
    error = error < 0 ? error : sfs_change(fs, r->side, 2);
    sfs_node_unlock_two(fs, a, b);
    return error;
}

static int rename_dirs(struct sfs *fs, struct renaming *r)
{
    int error;

    port_mutex_lock(fs->upper->rename_lock);
    error = find_relation(fs, r);
    if (error == 0) {
        lock_dirs(fs, r);
        error = rename_locked(fs, r);
        sfs_node_unlock_two(fs, r->from.dir, r->to.dir);
    }
    port_mutex_unlock(fs->upper->rename_lock);
    sfs_node_put(fs, r->from.node);
    sfs_node_put(fs, r->to.node);
    return error < 0 ? error : 0;
}

static int check_arguments(struct sfs *fs, const struct renaming *r)
{
    int error = sfs_name_check(r->from.name, r->from.length, fs->name_max);

    error = error == 0 ? sfs_name_check(r->to.name, r->to.length, fs->name_max) : error;
    if (error < 0) {
        return error;
    }
    if ((r->flags & ~(unsigned)(SFS_RENAME_NOREPLACE | SFS_RENAME_EXCHANGE)) != 0 ||
        r->flags == (SFS_RENAME_NOREPLACE | SFS_RENAME_EXCHANGE)) {
        return SFS_EINVAL;
    }
    if (sfs_name_is_dots(r->from.name, r->from.length)) {
        return SFS_EBUSY;
    }
    if (sfs_name_is_dots(r->to.name, r->to.length)) {
        return (r->flags & SFS_RENAME_NOREPLACE) != 0 ? SFS_EEXIST : SFS_EBUSY;
    }
    return fs->read_only ? SFS_EROFS : 0;
}

int sfs_rename(struct sfs *fs, uint64_t from, const char *name, size_t length, uint64_t to,
               const char *new_name, size_t new_length, unsigned flags)
{
    struct renaming r = {
        .from = {.name = name, .length = length},
        .to = {.name = new_name, .length = new_length},
        .flags = flags,
    };
    int error = check_arguments(fs, &r);

    error = error < 0 ? error : sfs_node_get_dir(fs, from, &r.from.dir);
    if (error < 0) {
        return error;
    }
    error = sfs_node_get_dir(fs, to, &r.to.dir);
    if (error == 0) {
        error = rename_dirs(fs, &r);
        sfs_node_put(fs, r.to.dir);
    }
    sfs_node_put(fs, r.from.dir);
    return error;
}
