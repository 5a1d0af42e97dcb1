/*
 * reach.h - the arithmetic of the one pointer tree of a file: how far a height reaches, which slot
 * of which level a block hangs in, how many indirect blocks a dense file needs. Pure numbers, no
 * disk.
 *
 *   file block n    0 ... 9            -> direct[n]
 *                   10 ... 9 + P^h     -> m = n - 10, its h digits in base P lead down from
 * `indirect`
 *
 *   indirect --> [digit h-1] --> ... --> [digit 0] --> data        P = block size / 8
 *
 * Heights go from 0 (no tree) to 4. Nothing here overflows: 512^4 + 10 has 37 bits.
 */
#ifndef SECTOR0_FS_REACH_H
#define SECTOR0_FS_REACH_H

#include <stdint.h>

/* Blocks that a file with a tree of HEIGHT (0 to 4) can have, with P pointers a block. */
uint64_t sfs_reach(uint32_t p, unsigned height);

/* The smallest height whose reach is at least BLOCKS, or 5 if none is. */
unsigned sfs_reach_height(uint32_t p, uint64_t blocks);

/* The slot of file block N (10 or more) in the indirect block at LEVEL: 0 is the leaf. */
uint32_t sfs_reach_slot(uint32_t p, uint64_t n, unsigned level);

/* File blocks that one slot of an indirect block at LEVEL stands for: P^LEVEL. */
uint64_t sfs_reach_span(uint32_t p, unsigned level);

/* Indirect blocks of a file without holes that is BLOCKS long. */
uint64_t sfs_reach_indirect(uint32_t p, uint64_t blocks);

/* Bytes of the largest file with blocks of BS bytes and a tree of HEIGHT: 48 bits at most. */
uint64_t sfs_reach_max_size(uint32_t bs, unsigned height);

/*
 * The first block behind N that hangs in another leaf: direct[] counts as the first leaf. A chunk
 * of a write or of a truncate ends there at the latest.
 */
uint64_t sfs_reach_leaf_end(uint32_t p, uint64_t n);

#endif
