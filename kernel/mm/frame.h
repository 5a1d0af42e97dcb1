/*
 * frame.h - the frames of RAM: who has which. A buddy allocator.
 *
 * A block of order n is 2^n frames of 4 KiB, aligned to its own size. Allocation and release take
 * O(FRAME_ORDERS) steps, however much memory there is. struct frame is what is known about each
 * frame, and holds the lists of free blocks: free memory is never touched, which matters in a
 * virtual machine, where the first access to each piece of memory is slow. The struct frames start
 * out zeroed, and are mapped in whole blocks of the largest order: a buddy's is always there.
 *
 * Portable: the unit tests and the host's benchmark compile the same source.
 */
#ifndef SECTOR0_KERNEL_MM_FRAME_H
#define SECTOR0_KERNEL_MM_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_SIZE     4096
#define FRAME_ORDERS   11 /* 4 KiB to 4 MiB */
#define FRAME_NONE     UINT64_MAX

#define FRAME_BELOW_4G 1u /* a device with 32-bit addresses must reach it */

struct frame_stats {
    uint64_t total;                     /* frames that were ever given to the allocator */
    uint64_t free;                      /* frames */
    uint64_t free_blocks[FRAME_ORDERS]; /* blocks on the list of each order */
};

/*
 * Give the frames of [BASE, BASE + LENGTH) to the allocator; bytes, page aligned, RAM that nobody
 * uses, and never the same frame twice. Their struct frame must be mapped. Context: start-up, and
 * later for memory that start-up used.
 */
void frame_add(uint64_t base, uint64_t length);

/*
 * Allocate a block of ORDER, below FRAME_ORDERS. Returns its physical address, or FRAME_NONE if
 * there is no such block. The contents are undefined. FLAGS: FRAME_BELOW_4G or 0. Context: any.
 */
uint64_t frame_alloc(unsigned order, unsigned flags);

/*
 * Give back the block of ORDER at PHYS, exactly as allocated; anything else, a second release
 * included, panics with both. Context: any.
 */
void frame_free(uint64_t phys, unsigned order);

/* The smallest order whose blocks have room for SIZE bytes; FRAME_ORDERS if none has. */
unsigned frame_order(size_t size);

/* Fill *STATS. Context: any. */
void frame_get_stats(struct frame_stats *stats);

#endif
