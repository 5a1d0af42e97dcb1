/*
 * kasan.c - see kasan.h. Not instrumented itself, like the heap and the frame allocator.
 *
 * Each byte of the shadow stands for eight bytes of the direct map:
 *
 *   0       all may be touched
 *   1 to 7  so many from the first on may be touched
 *   others  none; enum kasan_kind says why
 *
 * The compiler's calls come from everywhere, at any time: until kasan_start has mapped the shadow,
 * and once a report has begun, they find nothing wrong.
 */
#include "kernel/mm/kasan.h"

#ifdef KERNEL_KASAN

#include "kernel/log.h"
#include "kernel/mm/address.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap_debug.h"
#include "kernel/mm/heap_internal.h"
#include "kernel/mm/memory.h"
#include "kernel/mm/paging.h"
#include "kernel/panic.h"
#include "kernel/string.h"

#define GRAIN 8

static uint64_t watched; /* physical addresses below it have a shadow; 0: nothing is checked */
static struct kasan_report *expected_report;

static uint8_t *shadow_of(uint64_t phys)
{
    return (uint8_t *)(uintptr_t)SHADOW_BASE + phys / GRAIN;
}

static void forbid_never_taken(uint64_t phys, unsigned order)
{
    kasan_forbid_as(phys_to_virt(phys), (size_t)FRAME_SIZE << order, KASAN_NEVER_TAKEN);
}

void kasan_start(void)
{
    const struct mem_map *map = memory_map();
    uint64_t end = 0;

    for (size_t i = 0; i < map->count; i++) {
        const struct mem_range *range = &map->range[i];

        if (!mem_type_is_ram(range->type)) {
            continue;
        }
        if (!paging_map_fresh(SHADOW_BASE + range->base / GRAIN, range->length / GRAIN)) {
            log_line("kasan", "no memory for the shadow: nothing is checked");
            return;
        }
        end = range->base + range->length;
    }
    watched = end;
    frame_visit_free(forbid_never_taken);
    log_line("kasan", "accesses to the heap are checked");
}

/* Set the shadow of [ADDRESS, ADDRESS + SIZE) to VALUE; SIZE is a multiple of GRAIN. */
static void set_shadow(const void *address, size_t size, uint8_t value)
{
    uint64_t phys = (uint64_t)(uintptr_t)address - DIRECT_BASE;

    if (phys < watched) {
        memset(shadow_of(phys), value, size / GRAIN); /* which finds that the shadow has none */
    }
}

void kasan_forbid_as(const void *address, size_t size, enum kasan_kind kind)
{
    set_shadow(address, (size + GRAIN - 1) & -(size_t)GRAIN, kind);
}

void kasan_forbid(const void *address, size_t size)
{
    kasan_forbid_as(address, size, KASAN_HEAP);
}

void kasan_allow(const void *address, size_t size)
{
    const char *rest = (const char *)address + size / GRAIN * GRAIN;

    set_shadow(address, size / GRAIN * GRAIN, 0);
    if (size % GRAIN != 0) {
        set_shadow(rest, GRAIN, size % GRAIN);
    }
}

void kasan_expect(struct kasan_report *report)
{
    expected_report = report;
}

static void describe(const struct kasan_report *found, char *text, size_t size)
{
    if (found->shadow == KASAN_FREE_FRAME) {
        format_string(text, size, ", in a frame that was released");
    } else if (found->shadow == KASAN_NEVER_TAKEN) {
        format_string(text, size, ", in a frame that nobody has allocated");
    } else {
        heap_debug_describe((const void *)(uintptr_t)found->bad, text, size);
    }
}

static void report(const struct kasan_report *found, const char *access)
{
    char caller_text[HEAP_CALLER_TEXT];
    char object_text[2 * HEAP_CALLER_TEXT + 100];

    if (expected_report != NULL) {
        if (expected_report->size == 0) {
            *expected_report = *found;
        }
        return;
    }
    watched = 0; /* what follows may look at anything */
    heap_caller_text(found->caller, caller_text, sizeof(caller_text));
    describe(found, object_text, sizeof(object_text));
    PANIC("kasan: %s of %llu bytes at %p, by %s%s", access, (unsigned long long)found->size,
          (void *)(uintptr_t)found->address, caller_text, object_text);
}

/* The first byte of [START, END) that is forbidden, physical addresses; END: none. */
static uint64_t first_bad(uint64_t start, uint64_t end)
{
    while (start < end) {
        uint64_t grain = start & ~(uint64_t)(GRAIN - 1);
        uint64_t next = grain + GRAIN < end ? grain + GRAIN : end;
        uint8_t shadow = *shadow_of(start);
        uint64_t edge = shadow < GRAIN ? grain + shadow : grain;

        if (shadow != 0 && next > edge) {
            return start > edge ? start : edge;
        }
        start = next;
    }
    return end;
}

void kasan_check(const void *address, size_t size, const char *access, const void *caller)
{
    uint64_t phys = (uint64_t)(uintptr_t)address - DIRECT_BASE;

    if (phys >= watched) {
        return;
    }
    uint64_t bad = first_bad(phys, phys + size);

    if (bad < phys + size) {
        struct kasan_report found = {.write = access[0] == 'w',
                                     .address = (uintptr_t)address,
                                     .size = size,
                                     .bad = DIRECT_BASE + bad,
                                     .shadow = *shadow_of(bad),
                                     .caller = caller};

        report(&found, access);
    }
}

/* ---- What the compiler calls ------------------------------------------------------------------
 */

#define ACCESS(kind, text, size)                                                                   \
    void __asan_##kind##size##_noabort(void *address);                                             \
    void __asan_##kind##size##_noabort(void *address)                                              \
    {                                                                                              \
        kasan_check(address, (size_t)size, text, __builtin_return_address(0));                     \
    }
#define ACCESSES(kind, text)                                                                       \
    ACCESS(kind, text, 1)                                                                          \
    ACCESS(kind, text, 2)                                                                          \
    ACCESS(kind, text, 4)                                                                          \
    ACCESS(kind, text, 8)                                                                          \
    ACCESS(kind, text, 16)                                                                         \
    void __asan_##kind##N_noabort(void *address, long size);                                       \
    void __asan_##kind##N_noabort(void *address, long size)                                        \
    {                                                                                              \
        kasan_check(address, (size_t)size, text, __builtin_return_address(0));                     \
    }

ACCESSES(load, "read")
ACCESSES(store, "write")

/* The stack is not watched, so there is nothing to forget when a function does not return. */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
}

/* clang's names for what string.c has; that checks for itself. */
void *__asan_memcpy(void *to, const void *from, size_t size);
void *__asan_memmove(void *to, const void *from, size_t size);
void *__asan_memset(void *to, int byte, size_t size);

void *__asan_memcpy(void *to, const void *from, size_t size)
{
    return memcpy(to, from, size);
}

void *__asan_memmove(void *to, const void *from, size_t size)
{
    return memmove(to, from, size);
}

void *__asan_memset(void *to, int byte, size_t size)
{
    return memset(to, byte, size);
}

#endif
