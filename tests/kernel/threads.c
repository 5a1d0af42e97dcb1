/* threads.c - see threads.h. */
#include "tests/kernel/threads.h"

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/mm/frame.h"
#include "tests/kernel/guest_test.h"

#define THREADS_MAX 64
#define PATIENCE    5000 /* milliseconds */

struct thread *start_helper(void (*entry)(void *argument), void *argument,
                            enum thread_priority priority)
{
    struct thread *thread = thread_create("helper", entry, argument, priority, 0);

    CHECK(thread != NULL, "no memory for a thread");
    return thread;
}

struct thread_info info_of(const struct thread *thread)
{
    static struct thread_info all[THREADS_MAX]; /* one test at a time */
    size_t count = thread_list(all, THREADS_MAX);

    for (size_t i = 0; i < count && i < THREADS_MAX; i++) {
        if (all[i].id == thread_id(thread)) {
            return all[i];
        }
    }
    guest_test_fail(__FILE__, __LINE__, "thread in list", "not among %zu", count);
}

void wait_for_state(const struct thread *thread, enum thread_state state)
{
    for (unsigned tries = 0; info_of(thread).state != state; tries++) {
        CHECK(tries < PATIENCE, "state is %d, not %d", (int)info_of(thread).state, (int)state);
        thread_sleep(MILLISECOND);
    }
}

uint64_t free_frames(void)
{
    struct frame_stats stats;

    frame_get_stats(&stats);
    return stats.free;
}

void spin_for(uint64_t nanos)
{
    uint64_t end = clock_nanos() + nanos;

    while (clock_nanos() < end) {
        cpu_pause();
    }
}
