/*
 * heap_debug.h - the layer that debug builds put between kmalloc and the plain heap; heap.c only.
 */
#ifndef SECTOR0_KERNEL_MM_HEAP_DEBUG_H
#define SECTOR0_KERNEL_MM_HEAP_DEBUG_H

#include <stddef.h>

/* Allocation, release and size of objects with red zones, as heap.h says for debug builds. */
void *heap_debug_take(size_t size, size_t align, const void *caller);
void heap_debug_give(void *object, const void *caller);
size_t heap_debug_size(const void *object);

/* The part of heap_check that concerns this layer. */
void heap_debug_check(const void *caller);

/*
 * Say in TEXT of SIZE bytes what ADDRESS has to do with the heap: ", 3 bytes behind the end of
 * object ...", with its callers; or nothing. Takes no lock: for a panic. Context: any.
 */
void heap_debug_describe(const void *address, char *text, size_t size);

/* Let everything that was released reach the plain heap. Context: any. */
void heap_debug_flush(void);

/* The heap below it. */
void *heap_plain_take(size_t size, size_t align, const void *caller);
void heap_plain_give(void *object, const void *caller);

#endif
