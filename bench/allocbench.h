/* allocbench.h - which allocator bench/allocbench.c is compiled with. */
#ifndef SECTOR0_BENCH_ALLOCBENCH_H
#define SECTOR0_BENCH_ALLOCBENCH_H

#include <stddef.h>

#ifdef BENCH_KERNEL_HEAP
#include "kernel/mm/heap.h"
#define BENCH_ALLOC kmalloc
#define BENCH_FREE  kfree
void bench_start(void);
size_t bench_held(void); /* bytes that the heap holds, free or not */
#else
#include <stdlib.h>
#define BENCH_ALLOC malloc
#define BENCH_FREE  free
#endif

#endif
