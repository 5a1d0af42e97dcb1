/*
 * heap_kinds.h - three heaps behind one interface, to read one after the other and to compare
 * (`bench heap`):
 *
 *   bump       adds to a pointer; memory comes back only when everything has been given back
 *   first fit  keeps a list of holes and takes the first that is large enough
 *   slab       the kernel's own (heap.h), which takes the next of a pile of the right size
 *
 * The first two work on a region that is given to them and know nothing else. They are the simple
 * ideas, not for use: neither is safe against interrupts, or notices a wrong release.
 */
#ifndef SECTOR0_KERNEL_MM_HEAP_KINDS_H
#define SECTOR0_KERNEL_MM_HEAP_KINDS_H

#include <stddef.h>

struct heap_kind {
    const char *name;

    /* Make REGION, SIZE bytes and 16-byte aligned, an empty heap. The slab heap ignores both. */
    void (*start)(void *region, size_t size);

    /* SIZE bytes out of REGION, 16-byte aligned; NULL if it has no room for them, or SIZE is 0. */
    void *(*alloc)(void *region, size_t size);

    /* Give OBJECT, which alloc returned, back. NULL is allowed. */
    void (*free)(void *region, void *object);
};

extern const struct heap_kind heap_bump, heap_first_fit, heap_slab;

#endif
