/*
 * cursor.h - the way down the tree of a file that its last lookup took. The next one begins at the
 * lowest block of it that leads to where it wants to go: at the leaf, for who goes on there.
 *
 *   root --> [ ] --> [leaf] --> data      A tree that grows gets new blocks above and between, but
 *     way:   block[1] block[0]            what is there stays where it is. So only a cut, which
 *                                         frees blocks, makes the way a wrong one.
 *
 * One in each struct sfs_node, guarded by sfs_upper.lock: readers share the node's lock.
 */
#ifndef SECTOR0_FS_CURSOR_H
#define SECTOR0_FS_CURSOR_H

#include <stdint.h>

#include "fs/format.h"

struct sfs;

struct sfs_cursor {
    uint64_t n;                     /* a file block, 10 or more */
    uint64_t block[SFS_HEIGHT_MAX]; /* on the way to it, by level: 0 is the leaf. 0: not known */
};

/*
 * Begin to look for file block N of INODE, which is a node's and whose tree reaches so far. Returns
 * the level to begin at: WAY->block of it is the block there, and below nothing is known.
 */
unsigned sfs_cursor_start(struct sfs *fs, const struct sfs_inode *inode, uint64_t n,
                          struct sfs_cursor *way);
/* The search took this way. */
void sfs_cursor_keep(struct sfs *fs, const struct sfs_inode *inode, const struct sfs_cursor *way);
/* Blocks of the tree are going to be freed. The node's lock is held, exclusive. */
void sfs_cursor_forget(struct sfs *fs, const struct sfs_inode *inode);

#endif
