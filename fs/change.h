/*
 * change.h - a change of the name space: one name or two lead elsewhere from now on, in one handle
 * with all that hangs on them: links, "..", times, the list of orphans.
 *
 *                   a name leads to    and afterwards to
 *   create, link    -                  the inode
 *   unlink, rmdir   the inode          -
 *   rename, from    the inode          -, or what the other name led to (EXCHANGE)
 *           to      -, or another      the inode
 */
#ifndef SECTOR0_FS_CHANGE_H
#define SECTOR0_FS_CHANGE_H

#include "fs/dir.h"

/* One name. */
struct sfs_side {
    struct sfs_node *dir; /* locked exclusively */
    const char *name;
    size_t length;
    struct sfs_node *node; /* what it leads to, or NULL */
    struct sfs_node *next; /* afterwards, or NULL */

    /* For change.c. */
    struct sfs_spot place;   /* of the name, or with room for it */
    struct sfs_node *parent; /* the next one of node, a directory that moves; else NULL */
    struct sfs_spot up;      /* its ".." */
};

/* Find the node. ENOENT; EUCLEAN: it is its own directory; others. It is to be put after an error
 * as well, once the directory is unlocked. */
int sfs_side_find(struct sfs *fs, struct sfs_side *side);
/* Make sure that the name can be made. ENOENT: the directory was removed; EEXIST; others. */
int sfs_side_is_free(struct sfs *fs, struct sfs_side *side);

/* Do it: COUNT is 1 or 2. All nodes are locked exclusively, and all that is against it is checked,
 * but for the room. */
int sfs_change(struct sfs *fs, struct sfs_side *side, unsigned count);

/*
 * Its parts, for who makes the inode in the same handle: what the handle needs; take it, the last
 * step that may fail; do it. The inodes that the names lead to are the caller's to store.
 */
int sfs_change_plan(struct sfs *fs, struct sfs_side *side, unsigned count, uint32_t *credits,
                    uint32_t *blocks);
int sfs_change_hold(struct sfs_op *op, struct sfs_side *side, unsigned count);
int sfs_change_apply(struct sfs_op *op, struct sfs_side *side, unsigned count);

#endif
