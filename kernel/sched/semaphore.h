/*
 * semaphore.h - a count that cannot fall below 0: down waits, up lets one through.
 */
#ifndef SECTOR0_KERNEL_SCHED_SEMAPHORE_H
#define SECTOR0_KERNEL_SCHED_SEMAPHORE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/sched/spinlock.h"
#include "kernel/sched/wait.h"

struct semaphore {
    struct spinlock lock; /* guards the rest */
    uint64_t count;
    struct wait_queue waiters;
};

#define SEMAPHORE(semaphore_name, start)                                                           \
    {                                                                                              \
        .lock = SPINLOCK(semaphore_name), .count = (start)                                         \
    }

/* Wait until the count is above 0, and take one off. Context: a thread without spin locks. */
void semaphore_down(struct semaphore *semaphore);

/* The same for NANOS nanoseconds at most. Returns false if the time passed. */
bool semaphore_down_for(struct semaphore *semaphore, uint64_t nanos);

/* Take one off if the count is above 0; returns whether it was. Context: any. */
bool semaphore_try_down(struct semaphore *semaphore);

/* Add one, and wake one who waits. Context: any, also interrupts. */
void semaphore_up(struct semaphore *semaphore);

#endif
