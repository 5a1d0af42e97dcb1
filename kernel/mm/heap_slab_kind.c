/* heap_slab_kind.c - the kernel's own heap, behind the interface of heap_kinds.h. */
#include "kernel/mm/heap.h"
#include "kernel/mm/heap_kinds.h"

static void slab_start(void *region, size_t size)
{
    (void)region, (void)size; /* its memory is the frame allocator's */
}

static void *slab_alloc(void *region, size_t size)
{
    (void)region;
    return kmalloc(size);
}

static void slab_free(void *region, void *object)
{
    (void)region;
    kfree(object);
}

const struct heap_kind heap_slab = {"slab", slab_start, slab_alloc, slab_free};
