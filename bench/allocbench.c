/*
 * allocbench.c - four traces of allocations and releases, for any allocator; bench/alloc.py runs it
 * with the kernel's heap, the C library's and others in turn.
 *
 *   small  16 to 256 bytes, 4,096 objects live, 10 million operations
 *   mixed  90 in 100 of 16 to 512 bytes, the rest to 4,096; 16,384 live, 10 million
 *   fifo   64 bytes, a queue of 1,024, 10 million
 *   page   4,096 bytes, 1,024 live, 2 million
 *
 * An operation releases one object and allocates another in its place, a random one but in fifo.
 * The first and the last eight bytes of each object are written, and checked before the release.
 * Every round does exactly the same work, from the same seed.
 *
 * A machine that others use, too, is slow now and then for a moment. So each trace is timed in
 * SLICES, in CPU time, and of each slice the best round counts.
 *
 *   allocbench ROUNDS
 *   ALLOC <trace> best <ns per operation> median <the same, of whole rounds>
 *   ALLOC memory live <peak bytes> held <peak bytes; 0: unknown> resident <bytes> at start <bytes>
 */
#include "bench/allocbench.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEED       42
#define SLOTS_MAX  16384
#define SLICES     50
#define ROUNDS_MAX 99
#define FIFO_SLOTS 1024
#define FIFO_SIZE  64
#define EDGE       8 /* bytes written at either end of an object */

static uint64_t random_state;
static unsigned char *slot[SLOTS_MAX];
static uint32_t length[SLOTS_MAX];
static size_t live, peak_live, peak_held;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t size_small(void)
{
    return 16 + next_random() % 241;
}

static size_t size_mixed(void)
{
    return next_random() % 10 ? 16 + next_random() % 497 : 512 + next_random() % 3585;
}

static size_t size_fifo(void)
{
    return FIFO_SIZE;
}

static size_t size_page(void)
{
    return 4096;
}

static struct trace {
    const char *name;
    unsigned slots;
    long operations;
    size_t (*size)(void);
    int in_order;
    double best[SLICES]; /* ns */
    double round[ROUNDS_MAX];
} traces[] = {
    {.name = "small", .slots = 4096, .operations = 10000000, .size = size_small},
    {.name = "mixed", .slots = 16384, .operations = 10000000, .size = size_mixed},
    {.name = "fifo", .slots = FIFO_SLOTS, .operations = 10000000, .size = size_fifo, .in_order = 1},
    {.name = "page", .slots = 1024, .operations = 2000000, .size = size_page},
};
#define TRACES (sizeof(traces) / sizeof(traces[0]))

static void put(unsigned i, size_t size)
{
    unsigned char *object = BENCH_ALLOC(size);

    if (object == NULL) {
        fprintf(stderr, "allocbench: no memory for %zu bytes\n", size);
        exit(1);
    }
    memset(object, (int)i, EDGE);
    memset(object + size - EDGE, (int)size, EDGE);
    slot[i] = object;
    length[i] = (uint32_t)size;
    live += size;
    if (live > peak_live) {
        peak_live = live;
    }
}

static void drop(unsigned i)
{
    unsigned char *object = slot[i];

    if (object[0] != (unsigned char)i || object[length[i] - 1] != (unsigned char)length[i]) {
        fprintf(stderr, "allocbench: an object of %u bytes is damaged\n", length[i]);
        exit(1);
    }
    live -= length[i];
    BENCH_FREE(object);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* A function of its own, or the loop would lie elsewhere for each allocator. */
static __attribute__((noinline)) double run_random(const struct trace *trace, long from, long to)
{
    unsigned slots = trace->slots;
    size_t (*size)(void) = trace->size;
    double start = now();

    for (long k = from; k < to; k++) {
        unsigned i = (unsigned)(next_random() % slots);

        drop(i);
        put(i, size());
    }
    return now() - start;
}

/* Without a division or a call that would take as long as the allocator. */
static __attribute__((noinline)) double run_in_order(long from, long to)
{
    double start = now();

    for (long k = from; k < to; k++) {
        unsigned i = (unsigned)k % FIFO_SLOTS;

        drop(i);
        put(i, FIFO_SIZE);
    }
    return now() - start;
}

static void run(struct trace *trace, int round)
{
    for (unsigned i = 0; i < trace->slots; i++) {
        put(i, trace->size());
    }
    for (int slice = 0; slice < SLICES; slice++) {
        long from = trace->operations / SLICES * slice;
        long to = trace->operations / SLICES * (slice + 1);
        double time = trace->in_order ? run_in_order(from, to) : run_random(trace, from, to);

        trace->round[round] += time;
        if (round == 0 || time < trace->best[slice]) {
            trace->best[slice] = time;
        }
#ifdef BENCH_KERNEL_HEAP
        peak_held = bench_held() > peak_held ? bench_held() : peak_held;
#endif
    }
    for (unsigned i = 0; i < trace->slots; i++) {
        drop(i);
    }
}

/* The most memory that the process has had; getrusage would count what there was before exec. */
static size_t resident(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t kib = 0;

    while (file != NULL && kib == 0 && fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "VmHWM: %zu kB", &kib);
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib * 1024;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    int rounds = argc == 2 ? atoi(argv[1]) : 0;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: allocbench ROUNDS\n");
        return 2;
    }
#ifdef BENCH_KERNEL_HEAP
    bench_start();
#endif
    memset(slot, 1, sizeof(slot)); /* or they would be counted as the allocator's memory */
    memset(length, 1, sizeof(length));
    size_t at_start = resident();

    for (int round = 0; round < rounds; round++) {
        random_state = SEED;
        for (size_t i = 0; i < TRACES; i++) {
            run(&traces[i], round);
        }
    }
    for (size_t i = 0; i < TRACES; i++) {
        double best = 0;

        for (int slice = 0; slice < SLICES; slice++) {
            best += traces[i].best[slice];
        }
        qsort(traces[i].round, (size_t)rounds, sizeof(double), compare);
        printf("ALLOC %s best %.3f median %.3f\n", traces[i].name,
               best / (double)traces[i].operations,
               traces[i].round[rounds / 2] / (double)traces[i].operations);
    }
    printf("ALLOC memory live %zu held %zu resident %zu at start %zu\n", peak_live, peak_held,
           resident(), at_start);
    return 0;
}
