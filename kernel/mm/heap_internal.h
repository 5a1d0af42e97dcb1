/*
 * heap_internal.h - what the heap's own files share; nobody else includes it.
 *
 *   kmalloc, kfree (heap.c)
 *      |  the short way: an object from the class's `ready` stack, or onto it
 *      |
 *   slabs (heap_slab.c)         ready empty: refilled; full: half goes back
 *      |  1, 2 or 4 pages, all objects of one class; what is known of a slab is in struct frame
 *      |
 *   frames (frame.h)  <-------  large objects (heap_large.c)
 *
 * A free object, ready or in its slab, holds HEAP_MARK in its first word. A release that finds the
 * mark there may be the second one; an allocation that does not find it has found damage.
 * The second word of a free object in a slab leads to the next one.
 */
#ifndef SECTOR0_KERNEL_MM_HEAP_INTERNAL_H
#define SECTOR0_KERNEL_MM_HEAP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/sched/spinlock.h"

#define HEAP_SMALL_MAX 4096 /* bytes of the largest class */
#define HEAP_CLASSES   36   /* numbers 1 to 36; 0: not the heap's */
#define HEAP_LARGE     (HEAP_CLASSES + 1)
#define HEAP_READY_MAX 64 /* objects */

/* No address, and no small number. It fits into one instruction: 32 bits, sign-extended. */
#define HEAP_MARK 0xFFFFFFFF8BADF4EEull

/*
 * One size class. Interrupts off guard `counts`, `low` and `ready`: with more CPUs, each gets its
 * own of those. heap_lock guards the rest. In entry 0 and in HEAP_LARGE's, size and magic are 0, so
 * that no object takes the short way there.
 */
struct heap_class {
    uint64_t counts;    /* objects in ready, and from bit HEAP_COUNT_BITS on: allocations, ever */
    uint32_t low;       /* with so few objects ready the next allocation makes a new peak */
    uint32_t limit;     /* of objects in ready */
    uint32_t magic;     /* 2^32 / size, rounded up: instead of a division */
    uint32_t slab_mask; /* bytes of a slab, a power of two, minus 1 */
    uint16_t size;      /* bytes of an object; a multiple of 16 */
    uint16_t objects;   /* in a slab */
    uint32_t partial;   /* frame number of the first slab with free objects; 0: none */
    uint64_t taken;     /* objects out of slabs: those in use, and those in ready */
    uint64_t peak;      /* the most that were in use */
    uint64_t frames;    /* held */
    void *ready[HEAP_READY_MAX];
};

extern struct heap_class heap_classes[HEAP_LARGE + 1];
extern uint16_t heap_class_of[HEAP_SMALL_MAX / HEAP_ALIGN + 1]; /* by size / 16, rounded up */
extern uint64_t heap_span; /* no object in frames lies beyond this physical address */
extern struct spinlock heap_lock;

/* Both counts in one word: an allocation changes them with one addition. */
#define HEAP_COUNT_BITS 16
#define HEAP_ONE_TAKEN  ((1u << HEAP_COUNT_BITS) - 1) /* one more allocated, one less ready */

static inline uint32_t heap_ready_count(const struct heap_class *class)
{
    return (uint16_t) class->counts;
}

/*
 * struct frame and heap_class_of name a class by its distance from heap_classes, in bytes: what the
 * CPU would have to compute from a number.
 */
static inline struct heap_class *heap_class_at(uint16_t distance)
{
    return (struct heap_class *)((char *)heap_classes + distance);
}

static inline uint16_t heap_class_distance(const struct heap_class *class)
{
    return (uint16_t)((const char *)class - (const char *)heap_classes);
}

static inline struct heap_class *heap_class_for(size_t size)
{
    return heap_class_at(heap_class_of[(size + HEAP_ALIGN - 1) / HEAP_ALIGN]);
}

/* Bytes from the beginning of its slab to ADDRESS; slabs are aligned to their size. */
static inline uint32_t heap_slab_offset(const struct heap_class *class, const void *address)
{
    return (uint32_t)(uintptr_t)address & class->slab_mask;
}

/* Whether an object of CLASS may begin at ADDRESS; never in a class without size. */
static inline bool heap_begins_object(const struct heap_class *class, const void *address)
{
    return heap_slab_offset(class, address) * class->magic < class->magic;
}

/*
 * The rest of kmalloc and kfree, where the short way does not go: there is nothing ready for SIZE
 * (up to HEAP_SMALL_MAX) or it is damaged; or OBJECT is not as it should be, or its class has too
 * much ready. CALLER is told in a panic. Context: any; for virtual memory as vfree.
 */
void *heap_take_slow(size_t size, const void *caller);
void heap_give_slow(void *object, const void *caller);

/* Panic: OBJECT, which is free and of CLASS, does not bear the mark. */
_Noreturn void heap_damaged(const struct heap_class *class, const void *object, const void *caller);

/* Panics unless all free objects of SLAB, of CLASS, bear their marks. Context: heap_lock. */
void heap_check_slab(const struct heap_class *class, const struct frame *slab, const void *caller);

/* Give all ready objects back to their slabs, and empty slabs to the frames. Context: heap_lock. */
void heap_drain(void);

/* A run of frames or, above 4 MiB, virtual memory. ALIGN: a power of two up to 4 MiB. */
void *heap_large_take(size_t size, size_t align);

/* Give back a run of frames. Context: heap_lock; OBJECT's frame is marked HEAP_LARGE. */
void heap_large_give(void *object);

/*
 * Give back virtual memory. Returns false if OBJECT is none of the heap's. Context: as vfree.
 */
bool heap_virtual_give(void *object);

/* How large the virtual memory at OBJECT is; 0: it is none of the heap's. Context: any. */
size_t heap_virtual_size(const void *object);

/* What to say of code at ADDRESS: "function+0x12 (file.c:34)". */
#define HEAP_CALLER_TEXT 160
void heap_caller_text(const void *address, char *text, size_t size);

/* Panic about OBJECT of SIZE bytes (0: unknown): `heap: ` TEXT, the values, and the caller. */
_Noreturn void heap_panic(const char *text, const void *object, size_t size, const void *caller);

#endif
