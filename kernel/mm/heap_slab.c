/*
 * heap_slab.c - size classes and their slabs; see heap_internal.h.
 *
 * A slab is a run of pages cut into objects of one class. Its first page's struct frame says how
 * many objects are free (heap_free), which is the first of them (heap_first, a number), and which
 * slabs come before and after it on the class's list of slabs with free objects (heap_next,
 * heap_previous, frame numbers). The struct frame of every page says which class it is.
 *
 *   slab of class 96:  | 0 | 1 | 2 | ... | 41 | 42 is cut off: it bears a mark and is never free |
 *
 * A slab whose objects are all free goes back to the frames at once; what keeps this from happening
 * again and again are the objects that the class has ready.
 */
#include "kernel/mm/heap_internal.h"
#include "kernel/mm/kasan.h"

#define READY_BYTES 8192 /* a class has about so much ready, at most, */
#define READY_LEAST 4    /* but so many objects */
#define PAGES_MAX   4
#define WASTE_SHIFT 4 /* a slab that wastes no more than 1/16 at its end is good enough */
#define STEPS_16_TO 256
#define STEPS_32_TO 512
#define LIST_END    0xFFFFu /* is the number of no object */

struct heap_class heap_classes[HEAP_LARGE + 1];
uint16_t heap_class_of[HEAP_SMALL_MAX / HEAP_ALIGN + 1];
uint64_t heap_span;
struct spinlock heap_lock = SPINLOCK("heap");

/* ---- The classes ------------------------------------------------------------------------------
 */

/* 16-byte steps to 256, 32-byte steps to 512, then four sizes for each doubling. */
static uint32_t next_size(uint32_t size)
{
    uint32_t doubling = STEPS_32_TO;

    if (size < STEPS_32_TO) {
        return size + (size < STEPS_16_TO ? 16 : 32);
    }
    while (doubling * 2 <= size) {
        doubling *= 2;
    }
    return size + doubling / 4;
}

/*
 * The fewest pages that waste little; else those up to PAGES_MAX that waste the least. Only powers
 * of two: other lengths would leave holes between slabs that nothing fits into.
 */
static uint32_t slab_pages(uint32_t size)
{
    uint32_t best = 1;

    for (uint32_t pages = 1; pages <= PAGES_MAX; pages *= 2) {
        uint32_t bytes = pages * FRAME_SIZE;

        if (bytes % size <= bytes >> WASTE_SHIFT) {
            return pages;
        }
        if (bytes % size * best < best * FRAME_SIZE % size * pages) {
            best = pages;
        }
    }
    return best;
}

static void make_class(struct heap_class *class, uint32_t size)
{
    uint32_t ready = READY_BYTES / size;

    class->size = (uint16_t)size;
    class->magic = UINT32_MAX / size + 1;
    class->slab_mask = slab_pages(size) * FRAME_SIZE - 1;
    class->objects = (uint16_t)((class->slab_mask + 1) / size);
    class->limit = ready > HEAP_READY_MAX ? HEAP_READY_MAX : ready;
    if (class->limit < READY_LEAST) {
        class->limit = READY_LEAST;
    }
}

/* Computed rather than written down: it would be more bytes to load than the code that makes it. */
static void make_classes(void)
{
    uint32_t size = 0;
    size_t step = 1;

    for (unsigned number = 1; number <= HEAP_CLASSES; number++) {
        size = next_size(size);
        make_class(&heap_classes[number], size);
        for (; step * HEAP_ALIGN <= size; step++) {
            heap_class_of[step] = heap_class_distance(&heap_classes[number]);
        }
    }
}

/* ---- Lists of slabs ---------------------------------------------------------------------------
 */

static struct frame *slab_at(uint32_t number)
{
    return frame_of((uint64_t)number * FRAME_SIZE);
}

static uint32_t slab_number(const struct frame *slab)
{
    return (uint32_t)(slab - frame_of(0));
}

static void list_push(struct heap_class *class, struct frame *slab)
{
    slab->heap_previous = 0;
    slab->heap_next = class->partial;
    if (class->partial != 0) {
        slab_at(class->partial)->heap_previous = slab_number(slab);
    }
    class->partial = slab_number(slab);
}

static void list_remove(struct heap_class *class, struct frame *slab)
{
    if (slab->heap_next != 0) {
        slab_at(slab->heap_next)->heap_previous = slab->heap_previous;
    }
    if (slab->heap_previous != 0) {
        slab_at(slab->heap_previous)->heap_next = slab->heap_next;
    } else {
        class->partial = slab->heap_next;
    }
}

/* ---- Objects in slabs -------------------------------------------------------------------------
 */

static uint64_t *object_at(const struct heap_class *class, const struct frame *slab, uint32_t index)
{
    return (uint64_t *)((uint8_t *)phys_to_virt((uint64_t)slab_number(slab) * FRAME_SIZE) +
                        index * class->size);
}

/* The first page's struct frame of the slab of CLASS that OBJECT belongs to. */
static struct frame *slab_of(const struct heap_class *class, const void *object)
{
    return frame_of(virt_to_phys(object) & ~(uint64_t) class->slab_mask);
}

static uint32_t slab_bytes(const struct heap_class *class)
{
    return class->slab_mask + 1;
}

/* The second word of a free object tells its own address and the number of the next free one. */
static uint64_t link_word(const uint64_t *object, uint64_t next)
{
    return ~(uint64_t)(uintptr_t)object ^ next;
}

/* The number of the object that is free after OBJECT; LIST_END: none. Not to be trusted. */
static uint64_t next_free(const uint64_t *object)
{
    return link_word(object, object[1]);
}

static void make_free(uint64_t *object, uint32_t next)
{
    object[0] = HEAP_MARK;
    object[1] = link_word(object, next);
}

void heap_damaged(const struct heap_class *class, const void *object, const void *caller)
{
    heap_panic("something wrote to free object", object, class->size, caller);
}

static void check_mark(const struct heap_class *class, const void *object, const void *caller)
{
    if (*(const uint64_t *)object != HEAP_MARK) {
        heap_damaged(class, object, caller);
    }
}

/* The number of the free object after number INDEX, which is the LAST one or not. */
static uint32_t checked_next(const struct heap_class *class, const struct frame *slab,
                             uint32_t index, bool last, const void *caller)
{
    const uint64_t *object = object_at(class, slab, index);
    uint64_t next = next_free(object);

    check_mark(class, object, caller);
    if (last ? next != LIST_END : next >= class->objects) {
        heap_damaged(class, object, caller);
    }
    return (uint32_t)next;
}

void heap_check_slab(const struct heap_class *class, const struct frame *slab, const void *caller)
{
    uint32_t next = slab->heap_first;

    for (uint32_t left = slab->heap_free; left > 0; left--) {
        next = checked_next(class, slab, next, left == 1, caller);
    }
}

/* Take the first free object out of SLAB, which has one. */
static void *pop(struct heap_class *class, struct frame *slab, const void *caller)
{
    uint32_t first = slab->heap_first;

    slab->heap_first = (uint16_t)checked_next(class, slab, first, slab->heap_free == 1, caller);
    slab->heap_free--;
    if (slab->heap_free == 0) {
        list_remove(class, slab);
    }
    class->taken++;
    return object_at(class, slab, first);
}

/* Make a slab for CLASS; NULL if there are no frames. */
static struct frame *make_slab(struct heap_class *class)
{
    uint32_t bytes = slab_bytes(class);
    uint64_t phys = frame_alloc(frame_order(bytes), 0);

    if (phys == FRAME_NONE) {
        return NULL;
    }
    struct frame *slab = frame_of(phys);

    for (uint32_t page = 0; page < bytes / FRAME_SIZE; page++) {
        slab[page].heap_class = heap_class_distance(class);
    }
    for (uint32_t index = 0; index * class->size < bytes; index++) {
        make_free(object_at(class, slab, index),
                  index + 1u < class->objects ? index + 1 : LIST_END);
    }
    kasan_forbid(object_at(class, slab, 0), bytes);
    slab->heap_free = class->objects;
    slab->heap_first = 0;
    list_push(class, slab);
    class->frames += bytes / FRAME_SIZE;
    heap_span = phys + bytes > heap_span ? phys + bytes : heap_span;
    return slab;
}

static void drop_slab(struct heap_class *class, struct frame *slab)
{
    uint32_t pages = slab_bytes(class) / FRAME_SIZE;

    list_remove(class, slab);
    for (uint32_t page = 0; page < pages; page++) {
        slab[page].heap_class = 0;
    }
    class->frames -= pages;
    kasan_allow(object_at(class, slab, 0), slab_bytes(class));
    frame_free((uint64_t)slab_number(slab) * FRAME_SIZE, frame_order(slab_bytes(class)));
}

/* Put OBJECT, which bears its mark, back into its slab. */
static void push(struct heap_class *class, void *object)
{
    struct frame *slab = slab_of(class, object);
    uint32_t index = heap_slab_offset(class, object) / class->size;

    make_free(object, slab->heap_free != 0 ? slab->heap_first : LIST_END);
    slab->heap_first = (uint16_t)index;
    slab->heap_free++;
    class->taken--;
    if (slab->heap_free == class->objects) {
        if (slab->heap_free == 1) {
            list_push(class, slab);
        }
        drop_slab(class, slab);
    } else if (slab->heap_free == 1) {
        list_push(class, slab);
    }
}

/* ---- Ready objects ----------------------------------------------------------------------------
 */

static uint64_t in_use(const struct heap_class *class)
{
    return class->taken - heap_ready_count(class);
}

/* With how few objects ready there are as many in use as never before. */
static void set_low(struct heap_class *class)
{
    class->low = class->taken > class->peak ? (uint32_t)(class->taken - class->peak) : 0;
}

/* Give the COUNT objects that lie ready longest back to their slabs. */
static void return_ready(struct heap_class *class, uint32_t count, const void *caller)
{
    for (uint32_t i = 0; i < count; i++) {
        check_mark(class, class->ready[i], caller);
        push(class, class->ready[i]);
    }
    class->counts -= count;
    for (uint32_t i = 0; i < heap_ready_count(class); i++) {
        class->ready[i] = class->ready[i + count];
    }
    set_low(class);
}

void heap_drain(void)
{
    for (unsigned number = 1; number <= HEAP_CLASSES; number++) {
        return_ready(&heap_classes[number], heap_ready_count(&heap_classes[number]),
                     __builtin_return_address(0));
    }
}

/* Make a few objects ready, the one with the lowest address on top. CLASS has none. */
static void refill(struct heap_class *class, const void *caller)
{
    uint32_t wanted = class->limit / 2, got = 0;

    while (got < wanted && (class->partial != 0 || (got == 0 && make_slab(class) != NULL))) {
        class->ready[got++] = pop(class, slab_at(class->partial), caller);
    }
    for (uint32_t i = 0; i < got / 2; i++) {
        void *object = class->ready[i];

        class->ready[i] = class->ready[got - 1 - i];
        class->ready[got - 1 - i] = object;
    }
    class->counts += got;
    set_low(class);
}

void *heap_take_slow(size_t size, const void *caller)
{
    void *object = NULL;

    if (size == 0) {
        return NULL;
    }
    spin_lock(&heap_lock);
    if (heap_classes[1].size == 0) {
        make_classes();
    }
    struct heap_class *class = heap_class_for(size);

    if (heap_ready_count(class) == 0) {
        refill(class, caller);
        if (heap_ready_count(class) == 0) {
            heap_drain(); /* the slabs of other classes may become empty by that */
            refill(class, caller);
        }
    }
    if (heap_ready_count(class) != 0) {
        object = class->ready[heap_ready_count(class) - 1];
        check_mark(class, object, caller);
        *(uint64_t *)object = 0;
        class->counts += HEAP_ONE_TAKEN;
        if (in_use(class) > class->peak) {
            class->peak = in_use(class);
        }
        set_low(class);
    }
    spin_unlock(&heap_lock);
    return object;
}

/* Is OBJECT, at a place where one begins, really free? Its mark alone may be what was in it. */
static bool is_free(const struct heap_class *class, const struct frame *slab, const void *object)
{
    uint64_t next = slab->heap_first;

    for (uint32_t i = 0; i < heap_ready_count(class); i++) {
        if (class->ready[i] == object) {
            return true;
        }
    }
    for (uint32_t i = 0; i < slab->heap_free && next < class->objects; i++) {
        const uint64_t *other = object_at(class, slab, (uint32_t)next);

        if (other == object) {
            return true;
        }
        next = next_free(other);
    }
    return false;
}

/* Panic unless OBJECT, in a slab of CLASS, is an object in use. */
static void check_give(const struct heap_class *class, void *object, const void *caller)
{
    uint32_t offset = heap_slab_offset(class, object);
    struct frame *slab = slab_of(class, object);
    uint32_t index = offset / class->size;

    if (index >= class->objects) {
        heap_panic("release of what is no object:", object, 0, caller);
    }
    if (offset % class->size != 0) {
        heap_panic("release of an address inside object", object_at(class, slab, index),
                   class->size, caller);
    }
    if (*(uint64_t *)object == HEAP_MARK && is_free(class, slab, object)) {
        heap_panic("second release of object", object, class->size, caller);
    }
}

static void give_small(struct heap_class *class, void *object, const void *caller)
{
    check_give(class, object, caller);
    if (heap_ready_count(class) == class->limit) {
        return_ready(class, class->limit / 2, caller);
    }
    *(uint64_t *)object = HEAP_MARK;
    class->ready[heap_ready_count(class)] = object;
    class->counts++;
}

void heap_give_slow(void *object, const void *caller)
{
    uint64_t phys = (uint64_t)(uintptr_t)object - DIRECT_BASE;

    if (object == NULL || (phys >= heap_span && heap_virtual_give(object))) {
        return;
    }
    spin_lock(&heap_lock);
    struct heap_class *class =
        phys < heap_span ? heap_class_at(frame_of(phys)->heap_class) : heap_classes;

    if (class == &heap_classes[HEAP_LARGE] && phys % FRAME_SIZE == 0) {
        heap_large_give(object);
    } else if (class->size != 0) {
        give_small(class, object, caller);
    } else {
        heap_panic("release of what is no object:", object, 0, caller);
    }
    spin_unlock(&heap_lock);
}
