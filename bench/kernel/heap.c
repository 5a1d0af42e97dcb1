/*
 * heap.c - the three heaps of heap_kinds.h on the same traces: what one release and one allocation
 * take.
 *
 *   small  sizes of 16 to 256 bytes, a random one of 1,024 objects is replaced
 *   mixed  the same with sizes of 16 to 4,096 bytes, nine of ten below 512
 *   fifo   64 bytes, the oldest of 1,024 objects is replaced
 *   page   4,096 bytes, a random one of 256 objects is replaced
 *
 * The first and the last word of each object are written, and compared before it is released. Where
 * a heap has no room left, everything is released, which is what brings a bump heap's memory back:
 * it is part of what that heap costs. Seeds are fixed, so the traces are the same for all.
 */
#include "bench/kernel/bench.h"
#include "bench/workloads.h"
#include "kernel/mm/heap_kinds.h"
#include "kernel/mm/vmap.h"
#include "kernel/printf.h"
#include "kernel/string.h"

#define REGION_SIZE (4u << 20) /* bytes, for the heaps that need one */
#define SLOTS       1024
#define PAIRS       20000 /* of one release and one allocation, a sample */
#define SEED        42
#define NAME_MAX    32

struct slot {
    uint64_t *object; /* NULL: empty */
    size_t words;
};

/* Everything that a trace works with; in memory of its own, before the region. */
struct trial {
    const struct heap_kind *heap;
    void *region;
    uint64_t random;
    struct slot slot[SLOTS];
};

static uint64_t next_random(struct trial *trial)
{
    uint64_t x = trial->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return trial->random = x;
}

static size_t small_size(struct trial *trial)
{
    return 16 + next_random(trial) % 241;
}

static size_t mixed_size(struct trial *trial)
{
    return next_random(trial) % 10 != 0 ? 16 + next_random(trial) % 497
                                        : 512 + next_random(trial) % 3585;
}

static size_t fifo_size(struct trial *trial)
{
    (void)trial;
    return 64;
}

static size_t page_size(struct trial *trial)
{
    (void)trial;
    return 4096;
}

static const struct trace {
    const char *name;
    size_t slots;
    bool in_order; /* or a random slot each time */
    size_t (*size)(struct trial *trial);
} traces[] = {
    {"small", SLOTS, false, small_size},
    {"mixed", SLOTS, false, mixed_size},
    {"fifo", SLOTS, true, fifo_size},
    {"page", SLOTS / 4, false, page_size},
};

static bool empty(struct trial *trial, struct slot *slot)
{
    uint64_t *object = slot->object;

    if (object == NULL) {
        return true;
    }
    if (object[0] != (uintptr_t)slot || object[slot->words - 1] != (uintptr_t)slot) {
        return false;
    }
    trial->heap->free(trial->region, object);
    slot->object = NULL;
    return true;
}

static bool empty_all(struct trial *trial)
{
    bool good = true;

    for (size_t i = 0; i < SLOTS; i++) {
        good = empty(trial, &trial->slot[i]) && good;
    }
    return good;
}

static bool fill(struct trial *trial, struct slot *slot, size_t size)
{
    slot->object = trial->heap->alloc(trial->region, size);
    if (slot->object == NULL && empty_all(trial)) {
        slot->object = trial->heap->alloc(trial->region, size);
    }
    if (slot->object == NULL) {
        return false;
    }
    slot->words = size / sizeof(uint64_t);
    slot->object[0] = slot->object[slot->words - 1] = (uintptr_t)slot;
    return true;
}

/* Replace COUNT objects. Returns false if the heap failed. */
static bool replace(struct trial *trial, const struct trace *trace, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t index = (trace->in_order ? i : next_random(trial)) % trace->slots;
        struct slot *slot = &trial->slot[index];

        if (!empty(trial, slot) || !fill(trial, slot, trace->size(trial))) {
            return false;
        }
    }
    return true;
}

static bool measure(struct trial *trial, const struct trace *trace)
{
    uint64_t samples[BENCH_RUNS];
    char name[NAME_MAX];
    bool good = true;

    format_string(name, sizeof(name), "heap_%s_%s", trial->heap->name, trace->name);
    trial->random = SEED;
    trial->heap->start(trial->region, REGION_SIZE);
    good = replace(trial, trace, 4 * trace->slots); /* until nearly all slots are full */
    for (size_t i = 0; i < BENCH_RUNS && good; i++) {
        uint64_t start = workload_tsc();

        good = replace(trial, trace, PAIRS);
        samples[i] = workload_tsc() - start;
    }
    if (!empty_all(trial) || !good) {
        return bench_failed(name, "out of memory, or an object was overwritten");
    }
    bench_report(name, samples, BENCH_RUNS, PAIRS);
    return true;
}

bool bench_heap(void)
{
    static const struct heap_kind *const heaps[] = {&heap_slab, &heap_first_fit, &heap_bump};
    struct trial *trial = vmalloc(sizeof(*trial));
    void *region = vmalloc(REGION_SIZE);
    bool good = trial != NULL && region != NULL;

    if (good) {
        memset(trial, 0, sizeof(*trial)); /* all slots are empty; each trace leaves them so */
        trial->region = region;
    } else {
        bench_failed("heap", "not enough memory");
    }
    for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]) && good; i++) {
        for (size_t j = 0; j < sizeof(traces) / sizeof(traces[0]) && good; j++) {
            trial->heap = heaps[i];
            good = measure(trial, &traces[j]);
        }
    }
    vfree(region);
    vfree(trial);
    return good;
}
