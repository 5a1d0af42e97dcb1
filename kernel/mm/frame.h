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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/mm/address.h"

#define FRAME_SIZE     4096
#define FRAME_ORDERS   11 /* 4 KiB to 4 MiB */
#define FRAME_NONE     UINT64_MAX

#define FRAME_BELOW_4G 1u /* a device with 32-bit addresses must reach it */

/* RAM from here on is not used: a frame's number must fit into 32 bits. */
#define FRAME_LIMIT 0x100000000000ull /* 16 TiB */

/* Bytes of the largest block, and of the part of the array below that describes its frames. */
#define FRAME_BLOCK_MAX  ((uint64_t)FRAME_SIZE << (FRAME_ORDERS - 1))
#define FRAME_ARRAY_PART (FRAME_BLOCK_MAX / FRAME_SIZE * sizeof(struct frame))

/*
 * What is known about one frame. They are an array from FRAMES_BASE on, one for each frame from
 * physical 0. Only parts of it exist: FRAME_ARRAY_PART bytes, zeroed, for each FRAME_BLOCK_MAX of
 * physical memory (so aligned) in which there is any RAM.
 */
struct frame {
    uint8_t state; /* enum frame_state; owned by frame.c */
    uint8_t order; /* of the block whose first frame this is; owned by frame.c */
    uint16_t
        heap_class; /* from here on: owned by the heap, while it has the frame; 0: it has not */
    uint16_t heap_free;
    uint16_t heap_first;
    union {
        uint32_t heap_next;
        uint32_t next; /* of a free block: the number of the next one's first frame, 0: none */
    };
    union {
        uint32_t heap_previous;
        uint32_t previous; /* the same for the one before; both owned by frame.c */
    };
};
_Static_assert(sizeof(struct frame) == 16, "a part of the array is whole pages");

enum frame_state {
    FRAME_INSIDE, /* no block begins here; also: no RAM */
    FRAME_FREE,   /* the first frame of a free block */
    FRAME_USED,   /* the first frame of an allocated block */
};

struct frame_stats {
    uint64_t total;                     /* frames that were ever given to the allocator */
    uint64_t free;                      /* frames */
    uint64_t free_blocks[FRAME_ORDERS]; /* blocks on the list of each order */
};

/* What is known about the frame at PHYS, which must be RAM. Context: any, once paging has started.
 */
static inline struct frame *frame_of(uint64_t phys)
{
    return (struct frame *)(uintptr_t)FRAMES_BASE + phys / FRAME_SIZE;
}

/*
 * Give the frames of [BASE, BASE + LENGTH) to the allocator; bytes, page aligned, RAM that nobody
 * uses, and never the same frame twice. Their struct frame must be mapped. What is above
 * FRAME_LIMIT is left out. Context: start-up, and later for memory that start-up used.
 */
void frame_add(uint64_t base, uint64_t length);

/*
 * Allocate a block of ORDER, below FRAME_ORDERS. Returns its physical address, or FRAME_NONE if
 * there is no such block. The contents are undefined. FLAGS: FRAME_BELOW_4G or 0; without it memory
 * above 4 GiB is taken first. Context: any.
 */
uint64_t frame_alloc(unsigned order, unsigned flags);

/*
 * Give back the block of ORDER at PHYS, exactly as allocated; anything else, a second release
 * included, panics with both. Context: any.
 */
void frame_free(uint64_t phys, unsigned order);

/*
 * The same for a run of COUNT frames, 1 to 1024, aligned like a block of ORDER and like the
 * smallest block that has room for it; only COUNT frames are taken. FRAME_NONE also for a wrong
 * COUNT or ORDER. Context: any.
 */
uint64_t frame_alloc_run(size_t count, unsigned order, unsigned flags);
void frame_free_run(uint64_t phys, size_t count);

/* The smallest order whose blocks have room for SIZE bytes; FRAME_ORDERS if none has. */
unsigned frame_order(size_t size);

/* Whether PHYS lies below the end of the RAM that was given to the allocator. Context: any. */
bool frame_exists(uint64_t phys);

#ifdef KERNEL_KASAN
/* Call VISIT for each free block; it must leave the allocator alone. Context: any. */
void frame_visit_free(void (*visit)(uint64_t phys, unsigned order));
#endif

/* Fill *STATS. Context: any. */
void frame_get_stats(struct frame_stats *stats);

#endif
