/*
 * heap_large.c - objects above the largest size class; see heap_internal.h.
 *
 * Up to 4 MiB an object is a run of frames, as many as it needs, whose first struct frame is marked
 * HEAP_LARGE and says how many (heap_first). Above that it is virtual memory, on a list of such:
 * there are never many.
 */
#include "kernel/mm/heap_internal.h"
#include "kernel/mm/kasan.h"
#include "kernel/mm/vmap.h"

struct virtual_object {
    struct virtual_object *next;
    void *object;
    void *area;      /* what vmalloc returned; OBJECT may be behind it for its alignment */
    size_t size;     /* bytes, whole pages */
    uint64_t frames; /* of AREA */
};

static struct virtual_object *virtual_objects; /* guarded by heap_lock, like their counts: */

static void count_taken(uint64_t frames)
{
    struct heap_class *large = &heap_classes[HEAP_LARGE];

    large->counts += 1u << HEAP_COUNT_BITS;
    large->taken++;
    large->frames += frames;
    if (large->taken > large->peak) {
        large->peak = large->taken;
    }
}

static void count_given(uint64_t frames)
{
    heap_classes[HEAP_LARGE].taken--;
    heap_classes[HEAP_LARGE].frames -= frames;
}

static size_t page_count(size_t size)
{
    return size / FRAME_SIZE + (size % FRAME_SIZE != 0);
}

static void *virtual_take(size_t size, size_t align)
{
    size_t extra = align > FRAME_SIZE ? align : 0;

    if (size > VMAP_SIZE) {
        return NULL;
    }
    struct virtual_object *record = kmalloc(sizeof(*record));

    if (record == NULL) {
        return NULL;
    }
    record->size = page_count(size) * FRAME_SIZE;
    record->frames = (record->size + extra) / FRAME_SIZE;
    record->area = vmalloc(record->size + extra);
    if (record->area == NULL) {
        kfree(record);
        return NULL;
    }
    record->object = (void *)(((uintptr_t)record->area + align - 1) & -align);
    spin_lock(&heap_lock);
    record->next = virtual_objects;
    virtual_objects = record;
    count_taken(record->frames);
    spin_unlock(&heap_lock);
    return record->object;
}

void *heap_large_take(size_t size, size_t align)
{
    size_t pages = page_count(size);
    unsigned order = frame_order(align);
    void *object = NULL;

    if (size > FRAME_BLOCK_MAX) {
        return virtual_take(size, align);
    }
    spin_lock(&heap_lock);
    uint64_t phys = frame_alloc_run(pages, order, 0);

    if (phys == FRAME_NONE) {
        heap_drain();
        phys = frame_alloc_run(pages, order, 0);
    }
    if (phys != FRAME_NONE) {
        object = phys_to_virt(phys);
        frame_of(phys)->heap_class = heap_class_distance(&heap_classes[HEAP_LARGE]);
        frame_of(phys)->heap_first = (uint16_t)pages;
        heap_span = phys + pages * FRAME_SIZE > heap_span ? phys + pages * FRAME_SIZE : heap_span;
        count_taken(pages);
        kasan_forbid(object, pages * FRAME_SIZE);
    }
    spin_unlock(&heap_lock);
    return object;
}

void heap_large_give(void *object)
{
    uint64_t phys = virt_to_phys(object);
    struct frame *frame = frame_of(phys);

    frame->heap_class = 0;
    count_given(frame->heap_first);
    kasan_allow(object, frame->heap_first * FRAME_SIZE);
    frame_free_run(phys, frame->heap_first);
}

/* The link that leads to the record of OBJECT, or to NULL. Context: heap_lock. */
static struct virtual_object **find(const void *object)
{
    struct virtual_object **link = &virtual_objects;

    while (*link != NULL && (*link)->object != object) {
        link = &(*link)->next;
    }
    return link;
}

bool heap_virtual_give(void *object)
{
    spin_lock(&heap_lock);
    struct virtual_object **link = find(object);
    struct virtual_object *record = *link;

    if (record != NULL) {
        *link = record->next;
        count_given(record->frames);
    }
    spin_unlock(&heap_lock);
    if (record != NULL) {
        vfree(record->area);
        kfree(record);
    }
    return record != NULL;
}

size_t heap_virtual_size(const void *object)
{
    spin_lock(&heap_lock);
    const struct virtual_object *record = *find(object);
    size_t size = record != NULL ? record->size : 0;

    spin_unlock(&heap_lock);
    return size;
}
