/*
 * heap_check.c - looks at the whole heap: every free object must bear its marks, and the numbers of
 * each class must agree with its lists. For tests, and for whoever hunts a stray pointer.
 */
#include "kernel/mm/heap_debug.h"
#include "kernel/mm/heap_internal.h"
#include "kernel/panic.h"

static void check_class(const struct heap_class *class, const void *caller)
{
    uint64_t pages = (class->slab_mask + 1) / FRAME_SIZE;
    uint64_t out = class->frames / pages * class->objects; /* objects out of slabs */

    for (uint32_t i = 0; i < heap_ready_count(class); i++) {
        if (*(uint64_t *)class->ready[i] != HEAP_MARK) {
            heap_damaged(class, class->ready[i], caller);
        }
    }
    for (uint32_t number = class->partial; number != 0;) {
        const struct frame *slab = frame_of((uint64_t)number * FRAME_SIZE);

        heap_check_slab(class, slab, caller);
        out -= slab->heap_free;
        number = slab->heap_next;
    }
    ASSERT(out == class->taken, "class of %u bytes: %llu objects are out, it counted %llu",
           class->size, (unsigned long long)out, (unsigned long long)class->taken);
}

void heap_check(void)
{
    const void *caller = __builtin_return_address(0);

    spin_lock(&heap_lock);
    for (unsigned number = 1; number <= HEAP_CLASSES && heap_classes[number].size != 0; number++) {
        check_class(&heap_classes[number], caller);
    }
    spin_unlock(&heap_lock);
#ifdef KERNEL_DEBUG
    heap_debug_check(caller);
#endif
}
