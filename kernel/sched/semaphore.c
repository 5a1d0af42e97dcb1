/*
 * semaphore.c - see semaphore.h. While somebody waits, up gives to the first of them and the count
 * stays 0: nobody who comes later can overtake.
 */
#include "kernel/sched/semaphore.h"

#include "kernel/clock.h"
#include "kernel/sched/scheduler.h"

void semaphore_down(struct semaphore *semaphore)
{
    struct thread *me = scheduler.current;

    thread_assert_may_sleep("semaphore_down");
    spin_lock(&semaphore->lock);
    if (semaphore->count > 0) {
        semaphore->count--;
    } else {
        me->given = false;
        while (!me->given) {
            wait_sleep(&semaphore->waiters, &semaphore->lock);
        }
    }
    spin_unlock(&semaphore->lock);
}

/* Wait until a count is given, or until END. */
static bool wait_until(struct semaphore *semaphore, uint64_t end)
{
    struct thread *me = scheduler.current;

    me->given = false;
    for (uint64_t now = clock_nanos(); !me->given && now < end; now = clock_nanos()) {
        wait_sleep_for(&semaphore->waiters, &semaphore->lock, end - now);
    }
    return me->given;
}

bool semaphore_down_for(struct semaphore *semaphore, uint64_t nanos)
{
    uint64_t end = scheduler_deadline(nanos);
    bool taken = true;

    thread_assert_may_sleep("semaphore_down_for");
    spin_lock(&semaphore->lock);
    if (semaphore->count > 0) {
        semaphore->count--;
    } else {
        taken = wait_until(semaphore, end);
    }
    spin_unlock(&semaphore->lock);
    return taken;
}

bool semaphore_try_down(struct semaphore *semaphore)
{
    bool taken;

    spin_lock(&semaphore->lock);
    taken = semaphore->count > 0;
    if (taken) {
        semaphore->count--;
    }
    spin_unlock(&semaphore->lock);
    return taken;
}

void semaphore_up(struct semaphore *semaphore)
{
    spin_lock(&semaphore->lock);
    struct thread *thread = wait_wake_first(&semaphore->waiters);

    if (thread != NULL) {
        thread->given = true;
    } else {
        semaphore->count++;
    }
    spin_unlock(&semaphore->lock);
}
