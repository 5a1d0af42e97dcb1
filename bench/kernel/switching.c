/*
 * switching.c - what it takes from one thread to another.
 *
 * switch_wait: two threads wake each other through a wait queue, in turn, as a driver and who waits
 * for it do: each switch is one wake-up and one sleep. switch_yield: two threads of the same
 * priority let each other go first.
 */
#include "bench/kernel/bench.h"
#include "bench/workloads.h"
#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"

#define SWITCHES 10000 /* a sample; even */

static struct spinlock lock = SPINLOCK("bench");
static struct wait_queue waiting[2]; /* one for each thread */
static unsigned turn;                /* whose it is; guarded by lock */
static volatile bool stop;           /* set by the first thread, ends the second */

static void pass_turns(void)
{
    for (unsigned i = 0; i < SWITCHES / 2; i++) {
        spin_lock(&lock);
        turn = 1;
        wait_wake_one(&waiting[1]);
        while (turn != 0) {
            wait_sleep(&waiting[0], &lock);
        }
        spin_unlock(&lock);
    }
}

static void pass_turns_back(void *argument)
{
    (void)argument;
    while (!stop) {
        spin_lock(&lock);
        while (turn != 1) {
            wait_sleep(&waiting[1], &lock);
        }
        turn = 0;
        wait_wake_one(&waiting[0]);
        spin_unlock(&lock);
    }
}

/* Let the second thread see that it must stop, should it wait for its turn. */
static void end_partner(struct thread *partner)
{
    spin_lock(&lock);
    stop = true;
    turn = 1;
    wait_wake_one(&waiting[1]);
    spin_unlock(&lock);
    thread_join(partner);
}

static void yield_turns(void)
{
    for (unsigned i = 0; i < SWITCHES / 2; i++) {
        thread_yield();
    }
}

static void yield_back(void *argument)
{
    (void)argument;
    while (!stop) {
        thread_yield();
    }
}

static bool measure(const char *name, void (*other)(void *argument), void (*run)(void))
{
    uint64_t samples[BENCH_RUNS];
    struct thread *partner;

    stop = false;
    turn = 0;
    partner = thread_create("bench-2", other, NULL, THREAD_NORMAL, 0);
    if (partner == NULL) {
        return bench_failed(name, "no memory for a thread");
    }
    for (size_t i = 0; i < BENCH_RUNS; i++) {
        uint64_t start = workload_tsc();

        run();
        samples[i] = workload_tsc() - start;
    }
    end_partner(partner);
    bench_report(name, samples, BENCH_RUNS, SWITCHES);
    return true;
}

bool bench_switch(void)
{
    return measure("switch_wait", pass_turns_back, pass_turns) &&
           measure("switch_yield", yield_back, yield_turns);
}
