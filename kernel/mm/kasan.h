/*
 * kasan.h - which bytes of RAM may be touched: KERNEL=kasan alone.
 *
 * The compiler puts a call before each access to memory; kasan.c looks at a shadow, one byte for
 * each eight bytes of the direct map, and panics if the access is forbidden. The heap forbids all
 * of its memory but the objects in use. What lies outside the direct map is not watched.
 */
#ifndef SECTOR0_KERNEL_MM_KASAN_H
#define SECTOR0_KERNEL_MM_KASAN_H

#include <stddef.h>

#ifdef KERNEL_KASAN

/* Map the shadow of all RAM; from now on accesses are checked. Context: start-up, after paging. */
void kasan_start(void);

/*
 * Forbid or allow SIZE bytes from ADDRESS on; ADDRESS is a multiple of 8. Forbidding rounds SIZE up
 * to a multiple of 8. Addresses outside the direct map are ignored. Context: any.
 */
void kasan_forbid(const void *address, size_t size);
void kasan_allow(const void *address, size_t size);

/* Panic if one of the SIZE bytes from ADDRESS on is forbidden; CALLER is told. Context: any. */
void kasan_check(const void *address, size_t size, const char *access, const void *caller);

#else

static inline void kasan_start(void)
{
}

static inline void kasan_forbid(const void *address, size_t size)
{
    (void)address;
    (void)size;
}

static inline void kasan_allow(const void *address, size_t size)
{
    (void)address;
    (void)size;
}

#endif

#endif
