/*
 * mutex.c - see mutex.h. A release hands the mutex to the first who waits, so nobody who comes
 * later can overtake; and each thread has a list of the mutexes it has.
 */
#include "kernel/sched/mutex.h"

#include "kernel/panic.h"
#include "kernel/sched/scheduler.h"

static __attribute__((cold, noinline)) _Noreturn void refuse_lock(const struct mutex *mutex,
                                                                  const void *caller)
{
    struct code_place place;

    PANIC("mutex %s taken twice by thread %s, now in %s", mutex->name, mutex->owner->name,
          code_place(&place, caller));
}

static __attribute__((cold, noinline)) _Noreturn void refuse_unlock(const struct mutex *mutex,
                                                                    const void *caller)
{
    struct code_place place;

    PANIC("mutex %s released by thread %s in %s, but %s has it", mutex->name,
          scheduler.current->name, code_place(&place, caller),
          mutex->owner != NULL ? mutex->owner->name : "nobody");
}

static void take(struct mutex *mutex, struct thread *thread)
{
    mutex->owner = thread;
    mutex->next_held = thread->mutexes;
    thread->mutexes = mutex;
}

/* Take MUTEX off its owner's list, where it mostly is the first. */
static void drop(struct mutex *mutex)
{
    struct mutex **link = &mutex->owner->mutexes;

    while (*link != mutex) {
        link = &(*link)->next_held;
    }
    *link = mutex->next_held;
    mutex->owner = NULL;
}

void mutex_lock(struct mutex *mutex)
{
    const void *caller = __builtin_return_address(0);
    struct thread *me = scheduler.current;

    thread_assert_may_sleep("mutex_lock");
    spin_lock_inner(&mutex->lock, caller);
    if (mutex->owner == me) {
        refuse_lock(mutex, caller);
    }
    lock_order_note(mutex->name);
    if (mutex->owner == NULL) {
        take(mutex, me);
    }
    while (mutex->owner != me) {
        wait_sleep(&mutex->waiters, &mutex->lock);
    }
    spin_unlock(&mutex->lock);
}

bool mutex_try_lock(struct mutex *mutex)
{
    bool free;

    spin_lock_inner(&mutex->lock, __builtin_return_address(0));
    free = mutex->owner == NULL;
    if (free) {
        take(mutex, scheduler.current);
    }
    spin_unlock(&mutex->lock);
    return free;
}

void mutex_unlock(struct mutex *mutex)
{
    const void *caller = __builtin_return_address(0);
    struct thread *next;

    spin_lock_inner(&mutex->lock, caller);
    if (mutex->owner != scheduler.current) {
        refuse_unlock(mutex, caller);
    }
    drop(mutex);
    next = wait_wake_first(&mutex->waiters);
    if (next != NULL) {
        take(mutex, next);
    }
    spin_unlock(&mutex->lock);
}

bool mutex_is_mine(const struct mutex *mutex)
{
    return mutex->owner == scheduler.current;
}
