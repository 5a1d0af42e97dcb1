/*
 * dma.h - memory that devices read and write by themselves: contiguous, below 4 GiB, zeroed.
 * A PC keeps it coherent with the CPU's caches, so it is ordinary write-back memory.
 */
#ifndef SECTOR0_KERNEL_MM_DMA_H
#define SECTOR0_KERNEL_MM_DMA_H

#include <stddef.h>
#include <stdint.h>

/*
 * Allocate SIZE bytes, at most 4 MiB, aligned to the next power of two of SIZE and at least to a
 * page, so that nothing of up to 64 KiB crosses a 64 KiB line. *PHYS is set to its physical
 * address. Returns NULL if there is none. Context: any.
 */
void *dma_alloc(size_t size, uint64_t *phys);

/* Give back what dma_alloc returned for SIZE; the device must not use it any more. Context: any. */
void dma_free(void *address, size_t size);

#endif
