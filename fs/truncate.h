/*
 * truncate.h - files get shorter, or longer, or go: in as many transactions as it takes, each of
 * which leaves a sound volume (J10).
 */
#ifndef SECTOR0_FS_TRUNCATE_H
#define SECTOR0_FS_TRUNCATE_H

#include "fs/node.h"

/* Set NODE's size; it is a regular file, locked exclusively. EFBIG and what handles may say. */
int sfs_node_truncate(struct sfs *fs, struct sfs_node *node, uint64_t size);

/* If a truncate of NODE was not finished, finish it. NODE is locked exclusively. */
int sfs_finish_truncate(struct sfs *fs, struct sfs_node *node);

/* Free the blocks of NODE, and its inode. Nobody else has it. */
int sfs_free_file(struct sfs *fs, struct sfs_node *node);

#endif
