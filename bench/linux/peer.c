/*
 * peer.c - what bench/kernel/ measures in our kernel, measured in a Linux guest: the same pieces of
 * work from workloads.c, and the nearest that Linux has to our primitives. Prints the same BENCH
 * lines as the kernel's `bench`. It is the guest's init and only program; it also runs on the host.
 * With the argument "disk" it measures a disk instead: see disk_peer.h.
 *
 *   switch_wait   two threads wake each other through a futex, in turn: one wait and wake each
 *   switch_yield  two processes on one CPU yield to each other
 *   tick          gaps in a loop that reads the TSC: what one timer interrupt takes
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/linux/disk_peer.h"
#include "bench/workloads.h"

#define RUNS         5
#define SWITCHES     10000 /* a run */
#define GAPS         100
#define GAP_FACTOR   6 /* a gap is this many times a turn of the loop, and then some */
#define GAP_OVERHEAD 1500

static void report(const char *name, uint64_t *samples, size_t count, uint64_t operations)
{
    workload_sort(samples, count);
    printf("BENCH %s %.1f cycles min=%.1f max=%.1f runs=%zu\n", name,
           (double)samples[count / 2] / (double)operations, (double)samples[0] / (double)operations,
           (double)samples[count - 1] / (double)operations, count);
    fflush(stdout);
}

static void fail(const char *what)
{
    printf("peer: %s\n", what);
    exit(1);
}

static void run_workload(const struct workload *workload)
{
    void *memory = aligned_alloc(4096, workload_memory(workload) + 4096);
    void *area[WORKLOAD_AREAS];
    uint64_t samples[RUNS];

    if (memory == NULL) {
        fail("no memory");
    }
    workload_place(workload, memory, area);
    if (workload->prepare != NULL) {
        workload->prepare(area);
    }
    for (size_t i = 0; i < RUNS; i++) {
        uint64_t start = workload_tsc();
        uint64_t result = workload->run(area);

        samples[i] = workload_tsc() - start;
        if (result != workload->result) {
            fail(workload->name);
        }
    }
    report(workload->name, samples, RUNS, 1);
    free(memory);
}

/* ---- Futex ping-pong --------------------------------------------------------------------------
 */

static atomic_int ball[2]; /* 1: the thread of that number may go on */

static long futex(atomic_int *word, int operation, int value)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void wait_for_ball(int me)
{
    while (atomic_load(&ball[me]) == 0) {
        futex(&ball[me], FUTEX_WAIT, 0);
    }
    atomic_store(&ball[me], 0);
}

static void pass_ball(int other)
{
    atomic_store(&ball[other], 1);
    futex(&ball[other], FUTEX_WAKE, 1);
}

static void *return_balls(void *argument)
{
    for (long i = 0; i < RUNS * SWITCHES / 2; i++) {
        wait_for_ball(1);
        pass_ball(0);
    }
    return argument;
}

static void bench_switch_wait(void)
{
    uint64_t samples[RUNS];
    pthread_t other;

    if (pthread_create(&other, NULL, return_balls, NULL) != 0) {
        fail("no thread");
    }
    for (size_t run = 0; run < RUNS; run++) {
        uint64_t start = workload_tsc();

        for (long i = 0; i < SWITCHES / 2; i++) {
            pass_ball(1);
            wait_for_ball(0);
        }
        samples[run] = workload_tsc() - start;
    }
    pthread_join(other, NULL);
    report("switch_wait", samples, RUNS, SWITCHES);
}

/* ---- Yield ------------------------------------------------------------------------------------
 */

static void bench_switch_yield(void)
{
    uint64_t samples[RUNS];
    pid_t other = fork();

    while (other == 0) {
        sched_yield();
    }
    for (size_t run = 0; run < RUNS; run++) {
        uint64_t start = workload_tsc();

        for (long i = 0; i < SWITCHES / 2; i++) {
            sched_yield();
        }
        samples[run] = workload_tsc() - start;
    }
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    report("switch_yield", samples, RUNS, SWITCHES);
}

/* ---- Tick -------------------------------------------------------------------------------------
 */

static uint64_t loop_turn(void)
{
    uint64_t shortest = UINT64_MAX;
    uint64_t last = workload_tsc();

    for (int i = 0; i < 100000; i++) {
        uint64_t now = workload_tsc();

        shortest = now - last < shortest ? now - last : shortest;
        last = now;
    }
    return shortest;
}

static void bench_tick(void)
{
    uint64_t samples[GAPS];
    uint64_t turn = loop_turn();
    uint64_t last = workload_tsc();

    for (size_t gaps = 0; gaps < GAPS;) {
        uint64_t now = workload_tsc();

        if (now - last > turn * GAP_FACTOR + GAP_OVERHEAD) {
            samples[gaps++] = now - last - turn;
        }
        last = now;
    }
    report("tick", samples, GAPS, 1);
}

static void bench_cpu(void)
{
    for (size_t i = 0; i < workload_count; i++) {
        run_workload(&workloads[i]);
    }
    bench_switch_wait();
    bench_switch_yield();
    bench_tick();
}

static void bench_disk(const char *device)
{
    const char *problem = disk_peer(device);

    if (problem != NULL) {
        fail(problem);
    }
}

int main(int argc, char **argv)
{
    cpu_set_t first;

    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof(first), &first);
    if (argc > 1 && strcmp(argv[1], "disk") == 0) {
        bench_disk(argc > 2 ? argv[2] : NULL);
    } else {
        bench_cpu();
    }
    puts("peer: done");
    fflush(stdout);
    if (getpid() == 1) {
        reboot(RB_AUTOBOOT); /* QEMU runs with -no-reboot */
    }
    return 0;
}
