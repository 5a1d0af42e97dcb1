/* bench.c - see bench.h: what can be measured, and how a figure is printed. */
#include "bench/kernel/bench.h"

#include "bench/workloads.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/mm/address.h"
#include "kernel/mm/vmap.h"
#include "kernel/string.h"

#define TLB_DOUBLINGS 6 /* from 256 entries to more than any piece of work needs */

static const struct {
    const char *name;
    const char *what;
    bool (*run)(void);
} primitives[] = {
    {"heap", "release and allocate, with each of the three heaps", bench_heap},
    {"switch", "from one thread to another: by wait queue, by yield", bench_switch},
    {"irq", "an interrupt: entry, empty handler, return", bench_irq},
    {"tick", "a timer interrupt", bench_tick},
};
#define PRIMITIVES (sizeof(primitives) / sizeof(primitives[0]))

bool bench_failed(const char *name, const char *reason)
{
    kprintf("bench: %s: %s\n", name, reason);
    return false;
}

/* One sample in operations, with a decimal if there are several in a sample. */
static void print_value(const char *before, uint64_t sample, uint64_t operations)
{
    kprintf("%s%llu", before, (unsigned long long)(sample / operations));
    if (operations > 1) {
        kprintf(".%llu", (unsigned long long)(sample % operations * 10 / operations));
    }
}

void bench_report(const char *name, uint64_t *samples, size_t count, uint64_t operations)
{
    workload_sort(samples, count);
    kprintf("BENCH %s", name);
    print_value(" ", samples[count / 2], operations);
    print_value(" cycles min=", samples[0], operations);
    print_value(" max=", samples[count - 1], operations);
    kprintf(" runs=%zu\n", count);
}

/*
 * Use the memory, forget it, and use it again. QEMU fits the size of its TLB to what was in use,
 * but only when the guest empties it; other systems do so all the time, we hardly ever do.
 */
static void settle_tlb(const volatile char *memory, size_t size)
{
    for (unsigned i = 0; i < TLB_DOUBLINGS; i++) {
        cpu_write_cr3(cpu_read_cr3());
        for (size_t offset = 0; offset < size; offset += PAGE_SIZE) {
            (void)memory[offset];
        }
    }
}

static bool measure(const struct workload *workload, void *const area[WORKLOAD_AREAS])
{
    uint64_t samples[BENCH_RUNS];

    if (workload->prepare != NULL) {
        workload->prepare(area);
    }
    settle_tlb(area[0], workload_memory(workload));
    for (size_t i = 0; i < BENCH_RUNS; i++) {
        uint64_t start = workload_tsc();
        uint64_t result = workload->run(area);

        samples[i] = workload_tsc() - start;
        if (result != workload->result) {
            return bench_failed(workload->name, "wrong result");
        }
    }
    bench_report(workload->name, samples, BENCH_RUNS, 1);
    return true;
}

static bool run_workload(const struct workload *workload)
{
    void *area[WORKLOAD_AREAS];
    void *memory = vmalloc(workload_memory(workload) + 1);
    bool good = memory != NULL;

    if (good) {
        workload_place(workload, memory, area);
    }
    good = good ? measure(workload, area) : bench_failed(workload->name, "not enough memory");
    vfree(memory);
    return good;
}

static bool is_called(const char *wanted, const char *name)
{
    return strcmp(wanted, "all") == 0 || strcmp(wanted, name) == 0;
}

bool bench_run(const char *name)
{
    unsigned found = 0, good = 0;

    for (size_t i = 0; i < PRIMITIVES; i++) {
        if (is_called(name, primitives[i].name)) {
            found++;
            good += primitives[i].run();
        }
    }
    for (size_t i = 0; i < workload_count; i++) {
        if (is_called(name, workloads[i].name) || is_called(name, workloads[i].group)) {
            found++;
            good += run_workload(&workloads[i]);
        }
    }
    return found != 0 ? good == found : bench_failed(name, "there is nothing of that name");
}

void bench_list(void)
{
    for (size_t i = 0; i < PRIMITIVES; i++) {
        kprintf("  %-9s %s\n", primitives[i].name, primitives[i].what);
    }
    for (size_t i = 0; i < workload_count; i++) {
        kprintf("  %-9s %s\n", workloads[i].group, workloads[i].name);
    }
    kprintf("  %-9s all of these\n", "all");
    kprintf("  %-9s a scratch disk, which is overwritten: not part of all\n", "disk");
}
