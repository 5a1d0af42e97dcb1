/*
 * scheduler.c - who runs: the first ready thread of the highest priority, or the idle thread.
 *
 * A thread that is overtaken by a higher priority goes back to the front of its run queue with what
 * is left of its time slice; one that has used its slice up, yields or wakes up goes to the end
 * with a new one. So a thread that is interrupted often cannot keep the others of its priority
 * away, nor be kept away by them. Slices are measured in CPU time, by the TSC, and looked at on
 * each tick; in the first moments, while the TSC's rate is not known, each tick ends the slice.
 *
 * Ticks are for those who wait: while one thread, or the idle thread, has had the CPU to itself for
 * some ticks, they stay away until a sleeper is due. Not at once, since changing their distance
 * takes slow port writes: threads that sleep for microseconds, for a disk, never pay for them.
 *
 * A switch that has become due happens where interrupts come back on: at the end of an interrupt,
 * of a spin lock, of preempt_disable, or of a wake-up.
 */
#include "kernel/sched/scheduler.h"

#include "kernel/clock.h"
#include "kernel/cpu/fpu.h"
#include "kernel/panic.h"

#define SLICES_PER_SECOND 100 /* a slice is 10 ms */
#define QUIET_TICKS       8   /* in a row with nobody to share the CPU: then ticks may stay away */

struct thread idle_thread = {.state = THREAD_RUNNING, .name = "idle"};
struct scheduler scheduler = {.current = &idle_thread};

/* How many TSC cycles of its slice the current thread has used. */
static uint64_t slice_used(uint64_t now)
{
    const struct thread *thread = scheduler.current;

    return thread->cycles + (now - scheduler.since) - thread->slice_start;
}

static bool slice_is_over(uint64_t now)
{
    return slice_used(now) >= clock_tsc_hz() / SLICES_PER_SECOND;
}

/* Somebody wants a share of the CPU, or somebody else has got it. */
static void not_quiet(void)
{
    if (scheduler.quiet_ticks != 0) {
        scheduler.quiet_ticks = 0;
        clock_busy();
    }
}

static void mark_ready(struct thread *thread)
{
    thread->state = THREAD_READY;
    scheduler.ready_mask |= 1u << thread->priority;
}

void scheduler_make_ready(struct thread *thread)
{
    not_quiet();
    mark_ready(thread);
    thread->slice_start = thread->cycles;
    queue_add_last(&scheduler.ready[thread->priority], thread);
    if (thread->priority > scheduler.current->priority) {
        scheduler.switch_wanted = true;
    }
}

/* Take the thread that is to run out of its run queue. */
static struct thread *take_next(void)
{
    if (scheduler.ready_mask == 0) {
        return &idle_thread;
    }
    unsigned priority = 31 - (unsigned)__builtin_clz(scheduler.ready_mask);
    struct thread *thread = queue_take_first(&scheduler.ready[priority]);

    if (scheduler.ready[priority].first == NULL) {
        scheduler.ready_mask &= ~(1u << priority);
    }
    return thread;
}

void scheduler_switch(void)
{
    struct thread *previous = scheduler.current;
    struct thread *next = take_next();
    uint64_t now = cpu_read_tsc();

    previous->cycles += now - scheduler.since;
    scheduler.since = now;
    scheduler.switch_wanted = false;
    next->state = THREAD_RUNNING;
    if (next == previous) {
        return;
    }
    not_quiet();
    next->switches++;
    scheduler.current = next;
    if (previous->fpu != NULL || next->fpu != NULL) {
        fpu_switch(previous->fpu, next->fpu);
    }
    thread_switch(&previous->stack_pointer, next->stack_pointer);
}

bool scheduler_block_until(enum thread_state state, const char *waits_for, uint64_t wake_at)
{
    struct thread *thread = scheduler.current;

    thread->timed_out = false;
    sleep_add(&scheduler.sleepers, thread, wake_at);
    scheduler_block(state, waits_for);
    return !thread->timed_out;
}

void scheduler_wake(struct thread *thread)
{
    if (thread->queue != NULL) {
        queue_remove(thread);
    }
    scheduler_stop_sleep(thread);
    scheduler_make_ready(thread);
}

/* Put the running thread back to the ready ones; the idle thread is never among them. */
static void put_back(struct thread *thread, bool new_slice)
{
    if (thread == &idle_thread) {
        thread->state = THREAD_READY;
        return;
    }
    mark_ready(thread);
    if (new_slice) {
        thread->slice_start = scheduler_cycles(thread);
        queue_add_last(&scheduler.ready[thread->priority], thread);
    } else {
        queue_add_first(&scheduler.ready[thread->priority], thread);
    }
}

void scheduler_preempt(void)
{
    if (scheduler.preempt_off == 0) {
        put_back(scheduler.current, slice_is_over(cpu_read_tsc()));
        scheduler_switch();
    }
}

void thread_yield(void)
{
    thread_assert_may_sleep("thread_yield");
    bool were_on = cpu_save_interrupts();

    put_back(scheduler.current, true);
    scheduler_switch();
    cpu_restore_interrupts(were_on);
}

void thread_after_interrupt(void)
{
    if (scheduler.switch_wanted) {
        scheduler_preempt();
    }
}

void preempt_disable(void)
{
    scheduler.preempt_off++;
}

void preempt_enable(void)
{
    bool were_on = cpu_save_interrupts();

    ASSERT(scheduler.preempt_off > 0, "by thread %s", thread_name(thread_current()));
    scheduler.preempt_off--;
    scheduler_restore_interrupts(were_on);
}

static void wake_sleepers(void)
{
    uint64_t now = clock_nanos();
    struct thread *thread;

    while ((thread = scheduler.sleepers.first) != NULL && thread->wake_at <= now) {
        thread->timed_out = true;
        scheduler_wake(thread);
    }
}

/* One more tick at which nobody waited for the CPU. With preemption off the watchdog counts them. */
static void note_quiet(void)
{
    const struct thread *first = scheduler.sleepers.first;

    if (scheduler.preempt_off > 0) {
        not_quiet();
    } else if (++scheduler.quiet_ticks >= QUIET_TICKS) {
        clock_quiet(first != NULL ? first->wake_at : UINT64_MAX);
    }
}

/* The tick's part: constant, however many threads there are, unless one is due. */
static void tick(void)
{
    if (scheduler.sleepers.first != NULL) {
        wake_sleepers();
    }
    if (scheduler.ready_mask == 0) {
        note_quiet();
    }
    if ((scheduler.ready_mask >> scheduler.current->priority & 1) != 0 &&
        slice_is_over(cpu_read_tsc())) {
        scheduler.switch_wanted = true;
    }
}

uint64_t scheduler_deadline(uint64_t nanos)
{
    uint64_t now = clock_nanos();

    return nanos < UINT64_MAX - now ? now + nanos : UINT64_MAX;
}

uint64_t scheduler_cycles(const struct thread *thread)
{
    return thread->cycles + (thread == scheduler.current ? cpu_read_tsc() - scheduler.since : 0);
}

void scheduler_start(void)
{
    scheduler.since = cpu_read_tsc();
    scheduler.started = true;
    clock_on_tick(tick);
}

void thread_idle(void)
{
    thread_yield();
    cpu_save_interrupts();
    for (;;) {
        cpu_sleep_until_interrupt();
    }
}
