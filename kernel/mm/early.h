/*
 * early.h - the frames that are needed before there is a frame allocator: page tables and struct
 * frames. They are taken one after the other from the bottom of the usable ranges of a memory map,
 * and never given back. A part is left, so that a map that makes much of them necessary does not
 * leave the kernel without any memory.
 */
#ifndef SECTOR0_KERNEL_MM_EARLY_H
#define SECTOR0_KERNEL_MM_EARLY_H

#include <stdint.h>

#include "kernel/mm/e820.h"

#define EARLY_NONE   UINT64_MAX
#define EARLY_LEAVES 4 /* one frame of so many */

/* Take frames from MAP, which stays the caller's, below LIMIT. Context: start-up, like all here. */
void early_start(const struct mem_map *map, uint64_t limit);

/* The next frame's physical address, contents undefined; EARLY_NONE if there is none. */
uint64_t early_frame(void);

/* Usable memory from this address on has not been taken. */
uint64_t early_end(void);

/* The same; and from now on there are no more early frames. */
uint64_t early_close(void);

#endif
