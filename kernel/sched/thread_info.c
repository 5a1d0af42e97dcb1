/*
 * thread_info.c - what others may know of threads: ps, and a panic that wants to name a stack.
 */
#include "kernel/clock.h"
#include "kernel/cpu/probe.h"
#include "kernel/image.h"
#include "kernel/sched/scheduler.h"
#include "kernel/string.h"

#define NANOS_PER_SECOND 1000000000ull
#define THREADS_MAX      100000 /* a list that is longer goes round in a circle */

/*
 * The idle thread has the stack that the kernel booted on. It is known by its id, so that these are
 * right for a copy of it, too.
 */
static const char *stack_bottom(const struct thread *thread)
{
    return thread->id == idle_thread.id ? boot_stack_guard + PAGE_SIZE : thread->stack;
}

static size_t stack_size(const struct thread *thread)
{
    const char *top = thread->id == idle_thread.id ? boot_stack_top : thread->stack_top;

    return (size_t)(top - stack_bottom(thread));
}

/* How deep the stack ever was: up to the lowest word that is not what it was at first. */
static size_t stack_peak(const struct thread *thread)
{
    const uint64_t *word = (const uint64_t *)(const void *)stack_bottom(thread);
    size_t words = stack_size(thread) / sizeof(*word);
    size_t unused = 0;

    while (unused < words && word[unused] == thread->stack_fill) {
        unused++;
    }
    return (words - unused) * sizeof(*word);
}

static uint64_t cycles_to_nanos(uint64_t cycles)
{
    uint64_t hz = clock_tsc_hz();

    return hz == 0 ? 0 : cycles / hz * NANOS_PER_SECOND + cycles % hz * NANOS_PER_SECOND / hz;
}

static void fill(struct thread_info *info, const struct thread *thread)
{
    bool waits = thread->state == THREAD_WAITING || thread->state == THREAD_SLEEPING;

    *info = (struct thread_info){
        .id = thread->id,
        .state = thread->state,
        .priority = thread->priority,
        .waits_for = waits ? thread->waits_for : NULL,
        .nanos = cycles_to_nanos(scheduler_cycles(thread)),
        .switches = thread->switches,
        .stack_size = stack_size(thread),
        .stack_peak = stack_peak(thread),
        .fpu = thread->fpu != NULL,
        .should_stop = thread->stop,
    };
    memcpy(info->name, thread->name, sizeof(info->name));
}

/*
 * Threads may come and go meanwhile: interrupts are off only while one is looked at, and the next
 * one is that with the next higher id.
 */
static bool fill_next(struct thread_info *info, unsigned above)
{
    bool were_on = cpu_save_interrupts();
    const struct thread *thread = &idle_thread;

    while (thread != NULL && thread->id <= above) {
        thread = thread->younger;
    }
    if (thread != NULL) {
        fill(info, thread);
    }
    cpu_restore_interrupts(were_on);
    return thread != NULL;
}

size_t thread_list(struct thread_info *info, size_t max)
{
    struct thread_info one;
    size_t count = 0;

    for (unsigned id = 0; fill_next(&one, id); id = one.id) {
        if (count < max) {
            info[count] = one;
        }
        count++;
    }
    return count;
}

/*
 * For a panic. The list of threads may be broken, so each of them is copied before it is believed:
 * the copy fails where the list leads to nothing. CHECK is asked of each; the first that it is true
 * of is left in COPY.
 */
static bool find(struct thread *copy, bool (*check)(const struct thread *thread, uint64_t address),
                 uint64_t address)
{
    const struct thread *thread = &idle_thread;

    for (unsigned i = 0; i < THREADS_MAX && thread != NULL; i++) {
        if (!cpu_probe_read(copy, (uintptr_t)thread, sizeof(*copy))) {
            return false;
        }
        if (check(copy, address)) {
            return true;
        }
        thread = copy->younger;
    }
    return false;
}

static bool has_stack_around(const struct thread *thread, uint64_t address)
{
    return address - (uintptr_t)stack_bottom(thread) < stack_size(thread);
}

static bool has_guard_around(const struct thread *thread, uint64_t address)
{
    return (uintptr_t)stack_bottom(thread) - 1 - address < PAGE_SIZE;
}

const char *thread_of_guard(uint64_t address)
{
    static struct thread copy; /* not on a stack that may be at its end */

    if (!find(&copy, has_guard_around, address)) {
        return NULL;
    }
    copy.name[THREAD_NAME_MAX - 1] = '\0';
    return copy.name;
}

bool thread_stack_around(uint64_t address, uint64_t *bottom, uint64_t *top)
{
    static struct thread copy;

    if (!find(&copy, has_stack_around, address)) {
        return false;
    }
    *bottom = (uintptr_t)stack_bottom(&copy);
    *top = *bottom + stack_size(&copy);
    return true;
}

uint64_t thread_turn(void)
{
    return ((uint64_t)scheduler.current->id << 40) + scheduler.current->switches;
}

bool thread_keeps_cpu(void)
{
    return scheduler.preempt_off != 0;
}
