/* namespace.h - what the operations on names share: lookup.c, create.c, unlink.c, rename.c. */
#ifndef SECTOR0_FS_NAMESPACE_H
#define SECTOR0_FS_NAMESPACE_H

#include "fs/dir.h"

/*
 * Find NAME in DIR, which is locked, and get the inode it leads to. ENOENT, also in a directory
 * that was removed; EUCLEAN: the inode is free, of another type, or not linked at all.
 */
int sfs_child(struct sfs *fs, struct sfs_node *dir, const char *name, size_t length,
              struct sfs_spot *place, struct sfs_node **child);

/* The reference to NODE is the caller's user's from now on: sfs_forget gives it back. */
void sfs_count_lookup(struct sfs *fs, struct sfs_node *node);

#endif
