/*
 * queue.h - lists of threads: those that are ready or wait, and those that wait for a time. No
 * operation but the two that look for a place walks a list. Portable. The two that each switch
 * needs, queue_add_last and queue_take_first, are inline functions in scheduler.h.
 *
 * A thread is in one wait_queue at most, and in the sleep queue at the same time if its wait may
 * time out. Context for all: whoever guards the queue; in the kernel interrupts are off.
 */
#ifndef SECTOR0_KERNEL_SCHED_QUEUE_H
#define SECTOR0_KERNEL_SCHED_QUEUE_H

#include <stdint.h>

#include "kernel/sched/wait.h"

/* Add THREAD, which is in no queue, at the front; queue_add_last in scheduler.h: at the end. */
void queue_add_first(struct wait_queue *queue, struct thread *thread);

/* Add THREAD behind all of its priority and above. */
void queue_add_by_priority(struct wait_queue *queue, struct thread *thread);

/* Take THREAD out of the queue that it is in. */
void queue_remove(struct thread *thread);

/* The threads that wait for a time, the first one to wake up first. */
struct sleep_queue {
    struct thread *first, *last;
};

/* Add THREAD until WAKE_AT, not 0; behind those of the same time. */
void sleep_add(struct sleep_queue *queue, struct thread *thread, uint64_t wake_at);

/* Take THREAD out of QUEUE, in which it is. */
void sleep_remove(struct sleep_queue *queue, struct thread *thread);

#endif
