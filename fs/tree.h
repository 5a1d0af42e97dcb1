/*
 * tree.h - which block of the volume is block n of a file: the pointers of an inode and the one
 * tree below it (reach.h has the arithmetic). Grows, is cut, shrinks.
 *
 * No pointer from the disk is followed before it was asked whether it may be one; a tree that loops
 * or shares blocks costs bounded time, for every step goes down a level.
 *
 * The caller holds the node's lock: shared to read, else exclusive.
 */
#ifndef SECTOR0_FS_TREE_H
#define SECTOR0_FS_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/op.h"

/* 0 to 4. */
unsigned sfs_tree_height(const struct sfs_inode *inode);

/* BLOCKS[i] := block of file block N + i, 0 for a hole, COUNT of them. EUCLEAN, EIO, ENOMEM. */
int sfs_tree_map(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, uint32_t count,
                 uint64_t *blocks);

/* Get block N of what is metadata and has no holes: a directory, a symbolic link. */
int sfs_tree_read(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, struct sfs_buf **buf);

/* Is block N a HOLE? *RUN blocks from there on, one at least, are the same. */
int sfs_tree_extent(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, bool *hole,
                    uint64_t *run);

/* Blocks that the file has, those of the tree included: walks all of it. */
int sfs_tree_count(struct sfs *fs, const struct sfs_inode *inode, uint64_t *blocks);

/* The slots of block N and of those behind it in the same leaf. */
struct sfs_leaf {
    uint64_t *slots;
    uint32_t count;
};

/* What sfs_tree_grow(N) takes: blocks of the tree, and credits without the bitmap's. */
int sfs_tree_plan(struct sfs *fs, const struct sfs_inode *inode, uint64_t n, uint32_t *blocks,
                  uint32_t *credits);
/*
 * Make the leaf of block N, and get it to change it. The caller fills slots and stores the inode.
 * On an error nothing is changed, and OP has to end with it.
 */
int sfs_tree_grow(struct sfs_op *op, struct sfs_inode *inode, uint64_t n, uint64_t goal,
                  struct sfs_leaf *leaf);

/* Set the root of a tree of HEIGHT; BLOCK 0: there is none. */
void sfs_tree_set_root(struct sfs_inode *inode, uint64_t block, unsigned height);

/* What sfs_tree_cut needs: credits, blocks of the tree that it frees, data blocks that it frees. */
#define SFS_TREE_CUT_CREDITS ((uint32_t)SFS_HEIGHT_MAX)
#define SFS_TREE_CUT_META    ((uint32_t)SFS_HEIGHT_MAX)
uint32_t sfs_tree_cut_data(const struct sfs *fs, bool meta);
/*
 * Free blocks KEEP and above, from the end, META saying what they hold, as many as a handle of that
 * size may. Returns 1 if some are left; 0 if none is, and then the tree is as low as a size of KEEP
 * blocks asks for. The caller stores the inode, after an error as well.
 */
int sfs_tree_cut(struct sfs_op *op, struct sfs_inode *inode, uint64_t keep, bool meta);

#endif
