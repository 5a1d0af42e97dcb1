/*
 * interrupts.c - what an interrupt takes.
 *
 * tick: a loop reads the time stamp counter; where it is suddenly later than the loop alone
 * explains, an interrupt has been. What is missing there is all of it: entry, handler, the look for
 * another thread, return.
 *
 * irq: the CPU is told to take vector 2Dh by an INT instruction. It does what a device's request on
 * line 13 makes it do, but for fetching the number from the controller, which is no instruction:
 * the same gate, the same entry, irq_handle, an empty handler, end of interrupt, return. Line 13
 * was the coprocessor's and is nobody's since CR0.NE [SDM3 8.7].
 */
#include "bench/kernel/bench.h"
#include "bench/workloads.h"
#include "kernel/clock.h"
#include "kernel/irq.h"

#define GAPS       100
#define TURNS      10000
#define GAP_FACTOR 5    /* a gap is this many times longer than a turn of the loop */
#define INTERRUPTS 1000 /* a sample */
#define FREE_IRQ   13

/* The shortest turn of the loop: with no interrupt in it. */
static uint64_t shortest_turn(void)
{
    uint64_t shortest = UINT64_MAX;
    uint64_t last = workload_tsc();

    for (unsigned i = 0; i < TURNS; i++) {
        uint64_t now = workload_tsc();

        shortest = now - last < shortest ? now - last : shortest;
        last = now;
    }
    return shortest;
}

bool bench_tick(void)
{
    uint64_t samples[GAPS];
    uint64_t turn = shortest_turn();
    uint64_t last_ticks = clock_ticks();
    uint64_t last = workload_tsc();

    for (size_t gaps = 0; gaps < GAPS;) {
        uint64_t now = workload_tsc();

        if (now - last > turn * GAP_FACTOR) {
            uint64_t ticks = clock_ticks();

            /* Other interrupts, and pauses of an emulator, make gaps without a tick in it. */
            if (ticks == last_ticks + 1) {
                samples[gaps++] = now - last - turn;
            }
            last_ticks = ticks;
            now = workload_tsc();
        }
        last = now;
    }
    bench_report("tick", samples, GAPS, 1);
    return true;
}

static bool nothing_to_do(void *context)
{
    (void)context;
    return true;
}

bool bench_irq(void)
{
    static struct irq_handler handler = {.owner = "bench", .handle = nothing_to_do};
    uint64_t samples[BENCH_RUNS];

    if (irq_line(FREE_IRQ)->first != NULL) {
        return bench_failed("irq", "line 13 is in use");
    }
    irq_register(FREE_IRQ, &handler);
    for (size_t run = 0; run < BENCH_RUNS; run++) {
        uint64_t start = workload_tsc();

        for (unsigned i = 0; i < INTERRUPTS; i++) {
            __asm__ volatile("int %0" : : "i"(IRQ_FIRST_VECTOR + FREE_IRQ) : "memory");
        }
        samples[run] = workload_tsc() - start;
    }
    irq_unregister(FREE_IRQ, &handler);
    bench_report("irq", samples, BENCH_RUNS, INTERRUPTS);
    return true;
}
