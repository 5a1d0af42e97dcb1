/*
 * allochost.c - what the kernel's heap needs to run in the host's benchmark: made-up memory, and an
 * end for panics.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/allocbench.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/vmap.h"
#include "kernel/panic.h"
#include "kernel/symbols.h"
#include "tests/fakes/memory.h"

#define MEMORY_BASE 0x100000ull
#define MEMORY_SIZE (512ull << 20)

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    va_list arguments;

    fprintf(stderr, "panic in %s, %s:%d: ", function, file, line);
    va_start(arguments, text);
    vfprintf(stderr, text, arguments);
    va_end(arguments);
    abort();
}

/* The traces allocate nothing that large, and nobody knows symbols here. */
void *vmalloc(size_t size)
{
    (void)size;
    return NULL;
}

void vfree(void *address)
{
    (void)address;
}

bool symbols_find(uint64_t address, struct symbol *symbol)
{
    (void)address;
    (void)symbol;
    return false;
}

void bench_start(void)
{
    fake_memory_map(MEMORY_BASE, MEMORY_SIZE);
    frame_add(MEMORY_BASE, MEMORY_SIZE);
}

size_t bench_held(void)
{
    size_t frames = 0;

    for (size_t i = 0; i < heap_class_count(); i++) {
        struct heap_class_stats stats;

        heap_get_stats(i, &stats);
        frames += stats.frames;
    }
    return frames * FRAME_SIZE;
}
