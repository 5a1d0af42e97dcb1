/*
 * heap.c - see heap.h. The short way of kmalloc and kfree: every line here is run for each object.
 *
 * Nothing is looked for. A size leads to its class by one table, an address to its class by the
 * struct frame of its page, and what was released last is handed out first, while it is still in
 * the CPU's cache. The checks cost a few instructions that depend on nothing.
 */
#include "kernel/mm/heap.h"

#include "kernel/cpu/cpu.h"
#include "kernel/mm/heap_debug.h"
#include "kernel/mm/heap_internal.h"
#include "kernel/panic.h"
#include "kernel/string.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)

static inline void *take_small(size_t size, const void *caller)
{
    bool interrupts = cpu_save_interrupts();
    struct heap_class *class = heap_class_for(size);
    uint32_t count = heap_ready_count(class);

    if (!LIKELY(count > class->low && *(uint64_t *)class->ready[count - 1] == HEAP_MARK)) {
        cpu_restore_interrupts(interrupts);
        return heap_take_slow(size, caller);
    }
    uint64_t *object = class->ready[count - 1];

    *object = 0; /* or its release would look like the second one */
    class->counts += HEAP_ONE_TAKEN;
    cpu_restore_interrupts(interrupts);
    return object;
}

static inline void *take(size_t size, const void *caller)
{
    return LIKELY(size <= HEAP_SMALL_MAX) ? take_small(size, caller)
                                          : heap_large_take(size, HEAP_ALIGN);
}

static inline void give(void *object, const void *caller)
{
    uint64_t phys = (uint64_t)(uintptr_t)object - DIRECT_BASE;

    if (!LIKELY(phys < heap_span)) {
        heap_give_slow(object, caller);
        return;
    }
    struct heap_class *class = heap_class_at(frame_of(phys)->heap_class);
    bool interrupts = cpu_save_interrupts();
    uint32_t count = heap_ready_count(class);

    if (!LIKELY(heap_begins_object(class, object) && *(uint64_t *)object != HEAP_MARK &&
                count < class->limit)) {
        cpu_restore_interrupts(interrupts);
        heap_give_slow(object, caller);
        return;
    }
    *(uint64_t *)object = HEAP_MARK;
    class->ready[count] = object;
    class->counts++;
    cpu_restore_interrupts(interrupts);
}

/* ALIGN is a power of two. */
static inline void *take_aligned(size_t size, size_t align, const void *caller)
{
    if (size <= HEAP_SMALL_MAX && align <= FRAME_SIZE) {
        /*
         * A size class is a multiple of every power of two that the size it is taken for is a
         * multiple of, as the steps between classes are themselves powers of two; and slabs are
         * page aligned.
         */
        return take_small((size + align - 1) & -align, caller);
    }
    return size != 0 ? heap_large_take(size, align) : NULL;
}

/* ---- What everybody calls ---------------------------------------------------------------------
 */

#ifdef KERNEL_DEBUG

void *heap_plain_take(size_t size, size_t align, const void *caller)
{
    return align <= HEAP_ALIGN ? take(size, caller) : take_aligned(size, align, caller);
}

void heap_plain_give(void *object, const void *caller)
{
    give(object, caller);
}

#define TAKE(size, caller)                heap_debug_take(size, HEAP_ALIGN, caller)
#define TAKE_ALIGNED(size, align, caller) heap_debug_take(size, align, caller)
#define GIVE(object, caller)              heap_debug_give(object, caller)
#define SIZE_OF(object)                   heap_debug_size(object)
#define ROOM_SHIFT                        63 /* krealloc moves what changes its size at all */

#else

static inline size_t size_of(const void *object)
{
    uint64_t phys = (uint64_t)(uintptr_t)object - DIRECT_BASE;

    if (phys >= heap_span) {
        return heap_virtual_size(object);
    }
    const struct frame *frame = frame_of(phys);
    const struct heap_class *class = heap_class_at(frame->heap_class);

    return class == &heap_classes[HEAP_LARGE] ? (size_t)frame->heap_first * FRAME_SIZE
                                              : class->size;
}

#define TAKE(size, caller)                take(size, caller)
#define TAKE_ALIGNED(size, align, caller) take_aligned(size, align, caller)
#define GIVE(object, caller)              give(object, caller)
#define SIZE_OF(object)                   size_of(object)
#define ROOM_SHIFT                        2 /* and what shrinks by a quarter, or grows out of it */

#endif

#define CALLER __builtin_return_address(0)

void *kmalloc(size_t size)
{
    return TAKE(size, CALLER);
}

void *kcalloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    void *object = TAKE(bytes, CALLER);

    return object != NULL ? memset(object, 0, bytes) : NULL;
}

void *kmalloc_aligned(size_t size, size_t align)
{
    ASSERT(align != 0 && (align & (align - 1)) == 0 && align <= FRAME_BLOCK_MAX, "align %zu",
           align);
    return TAKE_ALIGNED(size, align < HEAP_ALIGN ? HEAP_ALIGN : align, CALLER);
}

void kfree(void *object)
{
    GIVE(object, CALLER);
}

size_t kmalloc_size(const void *object)
{
    return SIZE_OF(object);
}

/* Would an object of SIZE be as large as one that has room for HAVE bytes? */
static bool same_room(size_t have, size_t size)
{
    return size <= have && size >= have - (have >> ROOM_SHIFT);
}

void *krealloc(void *object, size_t size)
{
    size_t have = object != NULL ? SIZE_OF(object) : 0;

    if (size == 0) {
        GIVE(object, CALLER);
        return NULL;
    }
    if (same_room(have, size)) {
        return object;
    }
    void *other = TAKE(size, CALLER);

    if (other == NULL) {
        return size <= have ? object : NULL; /* it is too large, but it is there */
    }
    if (object != NULL) {
        memcpy(other, object, size < have ? size : have);
        GIVE(object, CALLER);
    }
    return other;
}
