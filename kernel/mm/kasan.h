/*
 * kasan.h - which bytes of RAM may be touched: KERNEL=kasan alone.
 *
 * The compiler puts a call before each access to memory; kasan.c looks at a shadow, one byte for
 * each eight bytes of the direct map, and panics if the access is forbidden. The frame allocator
 * forbids free frames, the heap all of its memory but the objects in use. What lies outside the
 * direct map is not watched. All RAM has its shadow from the start: an eighth of it.
 */
#ifndef SECTOR0_KERNEL_MM_KASAN_H
#define SECTOR0_KERNEL_MM_KASAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why memory is forbidden, as the shadow says it. */
enum kasan_kind {
    KASAN_NEVER_TAKEN = 0xFD, /* free since start-up */
    KASAN_FREE_FRAME = 0xFE,  /* given back to the frame allocator */
    KASAN_HEAP = 0xFF,        /* the heap's, in no object in use */
};

struct kasan_report {
    bool write;
    uint64_t address, size; /* of the access, bytes */
    uint64_t bad;           /* the first byte that is forbidden */
    uint8_t shadow;         /* its enum kasan_kind; 1 to 7: it lies behind an object's end */
    const void *caller;     /* the access is just before this address */
};

#ifdef KERNEL_KASAN
#define KASAN_ON 1

/* Map the shadow of all RAM; from now on accesses are checked. Context: start-up, after paging. */
void kasan_start(void);

/*
 * Forbid or allow SIZE bytes from ADDRESS on; ADDRESS is a multiple of 8. Forbidding rounds SIZE up
 * to a multiple of 8. Addresses outside the direct map are ignored. Context: any.
 */
void kasan_forbid_as(const void *address, size_t size, enum kasan_kind kind);
void kasan_forbid(const void *address, size_t size); /* as KASAN_HEAP */
void kasan_allow(const void *address, size_t size);

/* Panic if one of the SIZE bytes from ADDRESS on is forbidden; CALLER is told. Context: any. */
void kasan_check(const void *address, size_t size, const char *access, const void *caller);

/*
 * From now on let forbidden accesses go on instead of panicking, the first one after filling
 * *REPORT, whose size is 0 until then; NULL: panic again. For tests. Context: any.
 */
void kasan_expect(struct kasan_report *report);

#else
#define KASAN_ON 0

static inline void kasan_start(void)
{
}

static inline void kasan_forbid_as(const void *address, size_t size, enum kasan_kind kind)
{
    (void)address;
    (void)size;
    (void)kind;
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

static inline void kasan_check(const void *address, size_t size, const char *access,
                               const void *caller)
{
    (void)address;
    (void)size;
    (void)access;
    (void)caller;
}

static inline void kasan_expect(struct kasan_report *report)
{
    (void)report;
}

#endif

#endif
