/*
 * string.c - see string.h.
 *
 * The string instructions stand where a C loop would do: a compiler recognises such a loop as a
 * memcpy, and would make memcpy call itself. Eight bytes at a time: a CPU may not care, an emulator
 * takes as long for a byte.
 */
#include "kernel/string.h"

#include <stdint.h>

#ifdef KERNEL_KASAN
#include "kernel/mm/kasan.h"
#define CHECK_READ(address, size)  kasan_check(address, size, "read", __builtin_return_address(0))
#define CHECK_WRITE(address, size) kasan_check(address, size, "write", __builtin_return_address(0))
#else
#define CHECK_READ(address, size)
#define CHECK_WRITE(address, size)
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *next = to;
    size_t words = size / 8;

    CHECK_READ(from, size);
    CHECK_WRITE(to, size);
    size %= 8;
    __asm__ volatile("rep movsq" : "+D"(next), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(next), "+S"(from), "+c"(size) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *end = (uint8_t *)to + size;
    const uint8_t *from_end = (const uint8_t *)from + size;

    CHECK_READ(from, size);
    CHECK_WRITE(to, size);
    if ((uintptr_t)to <= (uintptr_t)from) {
        return memcpy(to, from, size);
    }
    /* Copied from the end down: a source that overlaps is read before it is overwritten. */
    while (size-- > 0) {
        *--end = *--from_end;
    }
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    void *next = to;
    uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;
    size_t words = size / 8;

    CHECK_WRITE(to, size);
    size %= 8;
    __asm__ volatile("rep stosq" : "+D"(next), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(next), "+c"(size) : "a"(pattern) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *left = a;
    const uint8_t *right = b;

    CHECK_READ(a, size);
    CHECK_READ(b, size);
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    const char *end = text;

    while (*end != '\0') {
        end++;
        __asm__ volatile("" : "+r"(end)); /* keeps this loop from becoming a call of strlen */
    }
    return (size_t)(end - text);
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) {
            return (uint8_t)a[i] < (uint8_t)b[i] ? -1 : 1;
        }
        if (a[i] == '\0') {
            return 0;
        }
    }
    return 0;
}
