/*
 * mutex.h - the lock that may be held for long: who must wait sleeps. Belongs to one thread; the
 * others get it in the order of their coming. Taking it twice, releasing another thread's, ending a
 * thread that holds one, and taking it where sleeping is not allowed panic with names.
 */
#ifndef SECTOR0_KERNEL_SCHED_MUTEX_H
#define SECTOR0_KERNEL_SCHED_MUTEX_H

#include <stdbool.h>

#include "kernel/sched/spinlock.h"
#include "kernel/sched/wait.h"

struct mutex {
    const char *name;     /* for people */
    struct spinlock lock; /* guards the rest */
    struct thread *owner; /* NULL: free */
    struct wait_queue waiters;
    struct mutex *next_held; /* of those that the owner has; owned by the owner */
};

#define MUTEX(mutex_name)                                                                          \
    {                                                                                              \
        .name = (mutex_name), .lock = SPINLOCK(mutex_name)                                         \
    }

/* Take MUTEX, sleeping while another thread has it. Context: a thread without spin locks. */
void mutex_lock(struct mutex *mutex);

/* Take MUTEX if it is free; returns whether it was. Context: a thread. */
bool mutex_try_lock(struct mutex *mutex);

/* Release MUTEX. Context: the thread that has it. */
void mutex_unlock(struct mutex *mutex);

/* Whether the running thread has MUTEX: for assertions. Context: any. */
bool mutex_is_mine(const struct mutex *mutex);

#endif
