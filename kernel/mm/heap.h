/*
 * heap.h - memory by the byte: size classes on top of frames.
 *
 * Small sizes take constant time. Sizes above the largest class come straight from frames, sizes
 * above 4 MiB from vmap.h. A null result means that memory is short and must be handled; a release
 * of what is not allocated panics and names the caller.
 *
 * In debug builds (KERNEL_DEBUG) every object has red zones, new and released memory is filled with
 * junk that is checked, and each object remembers who allocated it.
 *
 * Portable: the unit tests and the host's benchmark compile the same source.
 */
#ifndef SECTOR0_KERNEL_MM_HEAP_H
#define SECTOR0_KERNEL_MM_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_ALIGN 16 /* of every object, bytes */

/* Allocate SIZE bytes, contents undefined; NULL if memory is short or SIZE is 0. Context: any. */
void *kmalloc(size_t size);

/* The same, zeroed: COUNT objects of SIZE bytes; NULL also if COUNT * SIZE overflows. */
void *kcalloc(size_t count, size_t size);

/* The same, aligned to ALIGN bytes, a power of two of at most 4 MiB. */
void *kmalloc_aligned(size_t size, size_t align);

/*
 * Change the size of OBJECT (NULL: allocate) to SIZE (0: release, returns NULL), keeping what fits.
 * Returns where it is now; NULL if memory is short, OBJECT is then as before. Context: any.
 */
void *krealloc(void *object, size_t size);

/* Give OBJECT back; NULL is allowed. Context: any, but not from an interrupt above 4 MiB. */
void kfree(void *object);

/* How many bytes OBJECT may really use. Context: any. */
size_t kmalloc_size(const void *object);

struct heap_class_stats {
    size_t size;        /* bytes of each object */
    uint64_t live;      /* objects in use */
    uint64_t peak;      /* the most that ever were */
    uint64_t allocated; /* allocations since start-up */
    uint64_t frames;    /* frames that the class holds */
};

/* How many classes there are; the last one stands for all larger sizes (its size is 0). */
size_t heap_class_count(void);
void heap_get_stats(size_t class_index, struct heap_class_stats *stats);

/*
 * Look at everything that is free, and in debug builds at every red zone, and panic if something
 * has been written there. Takes long. Context: any.
 */
void heap_check(void);

#ifdef KERNEL_DEBUG
/* Print which callers of kmalloc have how much, the most first. Context: a thread. */
void heap_report_leaks(void);
#endif

#endif
