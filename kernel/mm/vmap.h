/*
 * vmap.h - virtual memory beyond the direct map: stacks, device registers, large allocations.
 *
 * Every area has an unmapped page below and above it, so that running out of one faults instead of
 * reaching the next.
 */
#ifndef SECTOR0_KERNEL_MM_VMAP_H
#define SECTOR0_KERNEL_MM_VMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the CPU caches an area [SDM3 12.3]. */
enum vmap_cache {
    VMAP_WRITE_BACK,      /* memory */
    VMAP_UNCACHED,        /* device registers */
    VMAP_WRITE_COMBINING, /* frame buffers; uncached on a CPU without PAT */
};

/*
 * Map SIZE bytes of physical memory from PHYS on, RW-; both may be unaligned. Returns the address
 * of the first byte, or NULL if there is no memory or room for that, or the CPU has no such
 * addresses. Context: may take long; not from an interrupt.
 */
void *vmap(uint64_t phys, size_t size, enum vmap_cache cache);

/* Undo vmap; ADDRESS as it was returned. The memory behind it stays as it is. */
void vunmap(void *address);

/*
 * Allocate SIZE bytes, rounded up to pages, out of frames from anywhere. Page aligned, contents
 * undefined. Returns NULL if memory is short. Context: not from an interrupt.
 */
void *vmalloc(size_t size);

/* Give back what vmalloc returned; NULL is allowed. Context: not from an interrupt. */
void vfree(void *address);

/* How many bytes of memory all areas of vmalloc have together. Context: any. */
uint64_t vmap_memory_used(void);

/*
 * Whether ADDRESS lies in the unmapped page just below an area; *AREA is then the area's first
 * byte. Changes nothing and takes no lock: for a panic. Context: any.
 */
bool vmap_is_guard(uint64_t address, void **area);

#endif
