/*
 * alloc.h - which blocks and inodes are free: the two bitmaps, and the rule that a freed block is
 * left alone for a while (J6).
 *
 *   in use  --sfs_free_block-->  quarantine  --commit durable-->  free
 *                                     \__ still has a copy in the log: "stuck": free for metadata,
 *                                         for file data only when the log's tail has passed it
 *
 * Were it taken at once, a power cut could bring back the old owner, pointing at the new contents;
 * and a replay of the log would write the old contents over new data.
 *
 * Blocks are promised by sfs_begin: inside a handle, allocation of what was promised does not fail
 * for lack of space. All counts include the quarantine as free. Context: inside a handle, may
 * sleep.
 */
#ifndef SECTOR0_FS_ALLOC_H
#define SECTOR0_FS_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/journal.h"

/*
 * Allocate 1 to WANT blocks in one piece for file data: *FIRST is the first, *GOT how many. Near
 * GOAL, which may be any number. One credit for one bitmap block. The blocks' contents are
 * undefined: write them whole. ENOSPC if not promised; EUCLEAN, EIO, ENOMEM: nothing is changed.
 */
int sfs_alloc_data(struct sfs_handle *handle, uint64_t goal, uint32_t want, uint64_t *first,
                   uint32_t *got);

/* Allocate a block for metadata (a directory, the tree, a symlink). sfs_new_block comes next. */
int sfs_alloc_meta(struct sfs_handle *handle, uint64_t goal, uint64_t *block);

/*
 * Free BLOCK; META: it was metadata, so its checksum entry becomes 0. Writes of it in flight must
 * have completed, and no reference to its buffer be held but by this thread. EUCLEAN: it was free
 * already, or cannot be freed at all.
 */
int sfs_free_block(struct sfs_handle *handle, uint64_t block, bool meta);

/*
 * Free at once a BLOCK that this very handle has allocated: nothing leads to it yet, so nobody needs
 * to wait (J6). No reference to its buffer is held. Cannot fail.
 */
void sfs_alloc_undo(struct sfs_handle *handle, uint64_t block);

/*
 * Allocate an inode number: for a directory DIR far from its parent's neighbours, for others close
 * to PARENT. The inode itself is not written. ENOSPC, EUCLEAN, EIO, ENOMEM: nothing is changed.
 */
int sfs_alloc_inode(struct sfs_handle *handle, uint64_t parent, bool dir, uint64_t *ino);
/* EUCLEAN, EIO, ENOMEM; it cannot fail in the handle that has allocated it. */
int sfs_free_inode(struct sfs_handle *handle, uint64_t ino);

/* Is inode INO's bit set? EINVAL: there is no such number. */
int sfs_inode_allocated(struct sfs *fs, uint64_t ino, bool *allocated);

uint64_t sfs_blocks_free(struct sfs *fs);
uint64_t sfs_inodes_free(struct sfs *fs);

#endif
