/*
 * heap_debug.c - the layer of debug builds between kmalloc and the plain heap; see heap.h.
 *
 *   the plain heap's object
 *   | ... | struct debug_header | SIZE bytes, filled with NEW | red zone |
 *         multiple of the alignment ^
 *
 * The header, whose last word is a guard, is the red zone in front. A released object is filled
 * with OLD and waits in a queue; when it leaves, or when heap_check looks, it must still be as it
 * was left. So a write after the release is noticed wherever in the object it went, and the message
 * can name who allocated and who released it.
 */
#include "kernel/mm/heap_debug.h"

#ifdef KERNEL_DEBUG

#include "kernel/console.h"
#include "kernel/mm/heap_internal.h"
#include "kernel/mm/kasan.h"
#include "kernel/panic.h"

#define NEW         0xCD
#define OLD         0xDD
#define ZONE        0xFD
#define ZONE_MIN    16
#define GUARD_LIVE  0x11FE0B1EC7A11FE0ull
#define GUARD_OLD   0xDEAD0B1EC7DEAD0Bull
#define QUEUE_BYTES (256u << 10)
#define QUEUE_COUNT 256         /* objects */
#define WAIT_MAX    (64u << 10) /* larger objects do not wait */
#define CALLERS_MAX 64          /* in a report of leaks */
#define NEAR        4096 /* bytes: what is farther away from an object has nothing to do with it */

struct debug_header {
    struct debug_header *next, *previous;
    size_t size;
    size_t prefix; /* bytes from the plain object to this one */
    const void *taken_by;
    const void *given_by;
    uint64_t spare;
    uint64_t guard; /* GUARD_LIVE or GUARD_OLD, ^ its own address */
};
_Static_assert(sizeof(struct debug_header) % HEAP_ALIGN == 0, "objects stay aligned");

struct debug_list {
    struct debug_header *first, *last;
    size_t count, bytes;
};

static struct spinlock lock = SPINLOCK("heap debug"); /* guards the lists; never with heap_lock */
static struct debug_list live, queue;

/* ---- Lists ------------------------------------------------------------------------------------
 */

static void list_append(struct debug_list *list, struct debug_header *header)
{
    header->next = NULL;
    header->previous = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = header;
    list->last = header;
    list->count++;
    list->bytes += header->size;
}

static void list_remove(struct debug_list *list, struct debug_header *header)
{
    *(header->next != NULL ? &header->next->previous : &list->last) = header->previous;
    *(header->previous != NULL ? &header->previous->next : &list->first) = header->next;
    list->count--;
    list->bytes -= header->size;
}

/* ---- What must be where -----------------------------------------------------------------------
 */

static uint64_t guard_for(const struct debug_header *header, uint64_t kind)
{
    return kind ^ (uint64_t)(uintptr_t)&header->guard;
}

static uint8_t *object_of(const struct debug_header *header)
{
    return (uint8_t *)(uintptr_t)(header + 1);
}

/* How many bytes lie between ADDRESS and the object of HEADER; 0: it is inside. */
static uintptr_t distance(const struct debug_header *header, uintptr_t address)
{
    uintptr_t start = (uintptr_t)object_of(header), end = start + header->size;

    return address < start ? start - address : address >= end ? address - end + 1 : 0;
}

static size_t zone_size(size_t size)
{
    return ZONE_MIN + (-size & (HEAP_ALIGN - 1));
}

static void fill(uint8_t *bytes, uint8_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = value;
        __asm__ volatile("" : : : "memory"); /* keeps this from becoming a call of memset */
    }
}

/* Panic about the object of HEADER, with those who had it. */
static _Noreturn void complain(const char *text, const struct debug_header *header,
                               const void *caller)
{
    char taken[HEAP_CALLER_TEXT], given[HEAP_CALLER_TEXT], now[HEAP_CALLER_TEXT];

    heap_caller_text(header->taken_by, taken, sizeof(taken));
    heap_caller_text(header->given_by, given, sizeof(given));
    heap_caller_text(caller, now, sizeof(now));
    PANIC("heap: %s object %p of %zu bytes, by %s; allocated by %s%s%s", text,
          (void *)object_of(header), header->size, now, taken,
          header->given_by != NULL ? "; released by " : "", header->given_by != NULL ? given : "");
}

static void expect(const struct debug_header *header, size_t from, size_t to, uint8_t value,
                   const char *text, const void *caller)
{
    for (size_t i = from; i < to; i++) {
        if (object_of(header)[i] != value) {
            complain(text, header, caller);
        }
    }
}

/* Panic unless HEADER and the red zone of its object, live or not, are as they were left. */
static void check_edges(const struct debug_header *header, uint64_t kind, const void *caller)
{
    if (header->guard != guard_for(header, kind)) {
        complain("something wrote in front of", header, caller);
    }
    expect(header, header->size, header->size + zone_size(header->size), ZONE,
           "something wrote behind the end of", caller);
}

static void check_old(const struct debug_header *header, const void *caller)
{
    check_edges(header, GUARD_OLD, caller);
    expect(header, 0, header->size, OLD, "something wrote after its release to", caller);
}

/* Could OBJECT be one of ours? It is not even looked at where the heap has nothing. */
static bool is_in_heap(const void *object)
{
    uint64_t phys = (uint64_t)(uintptr_t)object - DIRECT_BASE;

    if ((uintptr_t)object % HEAP_ALIGN != 0) {
        return false;
    }
    return phys < heap_span ? true : (uintptr_t)object - VMAP_BASE < VMAP_SIZE;
}

static struct debug_header *header_of(const void *object, const void *caller)
{
    if (!is_in_heap(object)) {
        heap_panic("release of what is no object:", object, 0, caller);
    }
    struct debug_header *header = (struct debug_header *)(uintptr_t)object - 1;

    if (header->guard == guard_for(header, GUARD_OLD)) {
        complain("second release of", header, caller);
    }
    if (header->guard != guard_for(header, GUARD_LIVE)) {
        heap_panic("release of what is no object, or something wrote in front of it:", object, 0,
                   caller);
    }
    return header;
}

/* ---- Objects ----------------------------------------------------------------------------------
 */

/* Take the oldest object out of the queue and give it back. Returns false if there is none. */
static bool release_oldest(const void *caller)
{
    spin_lock(&lock);
    struct debug_header *header = queue.first;

    if (header != NULL) {
        list_remove(&queue, header);
    }
    spin_unlock(&lock);
    if (header != NULL) {
        check_old(header, caller);
        heap_plain_give(object_of(header) - header->prefix, caller);
    }
    return header != NULL;
}

static uint8_t *plain_take(size_t size, size_t align, const void *caller)
{
    uint8_t *plain = heap_plain_take(size, align, caller);

    while (plain == NULL && release_oldest(caller)) {
        plain = heap_plain_take(size, align, caller);
    }
    return plain;
}

void *heap_debug_take(size_t size, size_t align, const void *caller)
{
    size_t prefix = (sizeof(struct debug_header) + align - 1) & -align;

    if (size == 0 || size > SIZE_MAX / 2) {
        return NULL;
    }
    uint8_t *plain = plain_take(prefix + size + zone_size(size), align, caller);

    if (plain == NULL) {
        return NULL;
    }
    struct debug_header *header = (struct debug_header *)(plain + prefix) - 1;

    *header = (struct debug_header){.size = size, .prefix = prefix, .taken_by = caller};
    header->guard = guard_for(header, GUARD_LIVE);
    fill(object_of(header), NEW, size);
    fill(object_of(header) + size, ZONE, zone_size(size));
    kasan_allow(object_of(header), size);
    spin_lock(&lock);
    list_append(&live, header);
    spin_unlock(&lock);
    return object_of(header);
}

void heap_debug_give(void *object, const void *caller)
{
    if (object == NULL) {
        return;
    }
    struct debug_header *header = header_of(object, caller);

    check_edges(header, GUARD_LIVE, caller);
    header->given_by = caller;
    header->guard = guard_for(header, GUARD_OLD);
    fill(object, OLD, header->size);
    kasan_forbid(object, header->size);
    spin_lock(&lock);
    list_remove(&live, header);
    if (header->size <= WAIT_MAX) {
        list_append(&queue, header);
        header = NULL;
    }
    bool full = queue.bytes > QUEUE_BYTES || queue.count > QUEUE_COUNT;

    spin_unlock(&lock);
    if (header != NULL) {
        heap_plain_give((uint8_t *)object - header->prefix, caller);
    }
    if (full) {
        release_oldest(caller);
    }
}

size_t heap_debug_size(const void *object)
{
    return header_of(object, __builtin_return_address(0))->size;
}

void heap_debug_check(const void *caller)
{
    spin_lock(&lock);
    for (const struct debug_header *header = live.first; header != NULL; header = header->next) {
        check_edges(header, GUARD_LIVE, caller);
    }
    for (const struct debug_header *header = queue.first; header != NULL; header = header->next) {
        check_old(header, caller);
    }
    spin_unlock(&lock);
}

void heap_debug_flush(void)
{
    while (release_oldest(__builtin_return_address(0))) {
        continue;
    }
}

/* ---- Whose is an address? ---------------------------------------------------------------------
 */

/* Of the objects in LIST, the one that ADDRESS is in, or else the one it is closest to. */
static const struct debug_header *nearest(const struct debug_list *list, uintptr_t address,
                                          const struct debug_header *best)
{
    for (const struct debug_header *header = list->first; header != NULL; header = header->next) {
        if (best == NULL || distance(header, address) < distance(best, address)) {
            best = header;
        }
    }
    return best;
}

void heap_debug_describe(const void *address, char *text, size_t size)
{
    uintptr_t at = (uintptr_t)address;
    const struct debug_header *header = nearest(&queue, at, nearest(&live, at, NULL));
    char taken[HEAP_CALLER_TEXT], given[HEAP_CALLER_TEXT];

    text[0] = '\0';
    if (header == NULL || distance(header, at) > NEAR) {
        return;
    }
    uintptr_t start = (uintptr_t)object_of(header), end = start + header->size;
    const char *where = at < start ? "bytes in front"
                        : at < end ? "bytes from the beginning"
                                   : "bytes behind the end";

    heap_caller_text(header->taken_by, taken, sizeof(taken));
    heap_caller_text(header->given_by, given, sizeof(given));
    format_string(text, size, ", %zu %s of object %p of %zu bytes; allocated by %s%s%s",
                  at < start ? start - at : at - (at < end ? start : end), where,
                  (const void *)start, header->size, taken,
                  header->given_by != NULL ? "; released by " : "",
                  header->given_by != NULL ? given : "");
}

/* ---- Leaks ------------------------------------------------------------------------------------
 */

struct caller_total {
    const void *caller;
    size_t objects, bytes;
};

/* Add up the live objects by caller; what is beyond MAX callers goes to the last. Returns how many.
 */
static size_t add_up(struct caller_total *totals, size_t max)
{
    size_t count = 0;

    spin_lock(&lock);
    for (const struct debug_header *header = live.first; header != NULL; header = header->next) {
        size_t i = 0;

        while (i < count && totals[i].caller != header->taken_by) {
            i++;
        }
        if (i == count) {
            if (count == max) {
                totals[--i].caller = NULL;
            } else {
                totals[count++] = (struct caller_total){.caller = header->taken_by};
            }
        }
        totals[i].objects++;
        totals[i].bytes += header->size;
    }
    spin_unlock(&lock);
    return count;
}

void heap_report_leaks(void)
{
    static struct caller_total totals[CALLERS_MAX];
    size_t count = add_up(totals, CALLERS_MAX);

    kprintf("objects      bytes  allocated by\n");
    while (count > 0) {
        char text[HEAP_CALLER_TEXT];
        size_t most = 0;

        for (size_t i = 1; i < count; i++) {
            most = totals[i].bytes > totals[most].bytes ? i : most;
        }
        heap_caller_text(totals[most].caller, text, sizeof(text));
        kprintf("%7zu %10zu  %s\n", totals[most].objects, totals[most].bytes,
                totals[most].caller != NULL ? text : "others");
        totals[most] = totals[--count];
    }
}

#endif
