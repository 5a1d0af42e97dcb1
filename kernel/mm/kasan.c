/*
 * kasan.c - see kasan.h. Not instrumented itself, like the heap and the frame allocator.
 *
 * Each byte of the shadow stands for eight bytes of the direct map:
 *
 *   0         all may be touched
 *   1 to 7    so many from the first on may be touched
 *   FORBIDDEN none
 *
 * The compiler's calls come from everywhere, at any time: until kasan_start has mapped the shadow,
 * and once a report has begun, they find nothing wrong.
 */
#include "kernel/mm/kasan.h"

#ifdef KERNEL_KASAN

#include <stdbool.h>
#include <stdint.h>

#include "kernel/log.h"
#include "kernel/mm/address.h"
#include "kernel/mm/heap_debug.h"
#include "kernel/mm/heap_internal.h"
#include "kernel/mm/memory.h"
#include "kernel/mm/paging.h"
#include "kernel/panic.h"
#include "kernel/string.h"

#define GRAIN     8
#define FORBIDDEN 0xFF

static uint64_t watched; /* physical addresses below it have a shadow; 0: nothing is checked */

static uint8_t *shadow_of(uint64_t phys)
{
    return (uint8_t *)(uintptr_t)SHADOW_BASE + phys / GRAIN;
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
    log_line("kasan", "accesses to the heap are checked");
}

/* Set the shadow of [ADDRESS, ADDRESS + SIZE) to VALUE; SIZE is a multiple of GRAIN. */
static void set_shadow(const void *address, size_t size, uint8_t value)
{
    uint64_t phys = (uint64_t)(uintptr_t)address - DIRECT_BASE;

    if (phys >= watched) {
        return;
    }
    uint8_t *shadow = shadow_of(phys);

    for (size_t i = 0; i < size / GRAIN; i++) {
        shadow[i] = value;
        __asm__ volatile("" : : : "memory"); /* keeps this from becoming a call of memset */
    }
}

void kasan_forbid(const void *address, size_t size)
{
    set_shadow(address, (size + GRAIN - 1) & -(size_t)GRAIN, FORBIDDEN);
}

void kasan_allow(const void *address, size_t size)
{
    const char *rest = (const char *)address + size / GRAIN * GRAIN;

    set_shadow(address, size / GRAIN * GRAIN, 0);
    if (size % GRAIN != 0) {
        set_shadow(rest, GRAIN, size % GRAIN);
    }
}

static bool may_touch(uint64_t phys)
{
    uint8_t shadow = *shadow_of(phys);

    return shadow == 0 || (shadow < GRAIN && phys % GRAIN < shadow);
}

static _Noreturn void report(const char *address, size_t size, const char *access,
                             const void *caller)
{
    char caller_text[HEAP_CALLER_TEXT];
    char object_text[2 * HEAP_CALLER_TEXT + 100];

    watched = 0; /* what follows may look at anything */
    heap_caller_text(caller, caller_text, sizeof(caller_text));
    heap_debug_describe(address, object_text, sizeof(object_text));
    PANIC("kasan: %s of %zu bytes at %p, by %s%s", access, size, (const void *)address, caller_text,
          object_text);
}

void kasan_check(const void *address, size_t size, const char *access, const void *caller)
{
    uint64_t phys = (uint64_t)(uintptr_t)address - DIRECT_BASE;

    if (phys >= watched || size == 0) {
        return;
    }
    /* In each grain the last byte that is touched decides. */
    for (uint64_t at = phys; at < phys + size; at = (at | (GRAIN - 1)) + 1) {
        uint64_t last = at | (GRAIN - 1);

        if (last >= phys + size) {
            last = phys + size - 1;
        }
        if (!may_touch(last)) {
            report((const char *)address + (at - phys), size, access, caller);
        }
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
