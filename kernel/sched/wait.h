/*
 * wait.h - waiting for something to become true: a queue of sleeping threads.
 *
 *   spin_lock(&lock);                         spin_lock(&lock);
 *   while (!ready) {                          ready = true;
 *       wait_sleep(&queue, &lock);            wait_wake_one(&queue);
 *   }                                         spin_unlock(&lock);
 *   ... spin_unlock(&lock);
 *
 * The lock closes the gap between the look and the sleep: no wake-up can be lost in between. The
 * condition is tested again after each sleep.
 */
#ifndef SECTOR0_KERNEL_SCHED_WAIT_H
#define SECTOR0_KERNEL_SCHED_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/sched/spinlock.h"

struct thread;

struct wait_queue {
    struct thread *first, *last; /* guarded by interrupts off; woken in the order of their coming,
                                    higher priority first */
};

/*
 * Release LOCK, sleep until woken, take LOCK again. Context: a thread that holds LOCK and no other
 * spin lock.
 */
void wait_sleep(struct wait_queue *queue, struct spinlock *lock);

/*
 * The same, but for NANOS nanoseconds at most. Returns false if that time passed without a wake-up.
 */
bool wait_sleep_for(struct wait_queue *queue, struct spinlock *lock, uint64_t nanos);

/* Wake the first thread, or all. Returns how many were woken. Context: any, also interrupts. */
unsigned wait_wake_one(struct wait_queue *queue);
unsigned wait_wake_all(struct wait_queue *queue);

#endif
