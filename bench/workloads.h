/*
 * workloads.h - pieces of work for a CPU, the same in the kernel and in a Linux program: one
 * source, one compiler, the same flags. So what differs in the time they take is what the system
 * around them costs: interrupts, memory, translation.
 *
 * Portable, without a C library. Uses SSE: in the kernel, only in a thread with THREAD_FPU.
 */
#ifndef SECTOR0_BENCH_WORKLOADS_H
#define SECTOR0_BENCH_WORKLOADS_H

#include <stddef.h>
#include <stdint.h>

#define WORKLOAD_AREAS 2

struct workload {
    const char *name;
    const char *group;             /* what `bench` calls it together with its like */
    uint32_t size[WORKLOAD_AREAS]; /* bytes of memory that it works in; 0: none */
    void (*prepare)(void *const area[WORKLOAD_AREAS]); /* not measured; NULL: nothing to do */
    uint64_t (*run)(void *const area[WORKLOAD_AREAS]); /* what is measured */
    uint64_t result;                                   /* what run must return */
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* Bytes of memory that WORKLOAD wants in all; may be 0. */
size_t workload_memory(const struct workload *workload);

/* Find the areas in MEMORY, page aligned: workload_memory bytes. */
void workload_place(const struct workload *workload, void *memory, void *area[WORKLOAD_AREAS]);

/* The time stamp counter, read when all instructions before have ended. */
static inline uint64_t workload_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* How long each of a few repetitions took: sorted, then median, smallest and largest are known. */
static inline void workload_sort(uint64_t *samples, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t sample = samples[i];
        size_t place = i;

        for (; place > 0 && samples[place - 1] > sample; place--) {
            samples[place] = samples[place - 1];
        }
        samples[place] = sample;
    }
}

#endif
