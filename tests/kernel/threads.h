/*
 * threads.h - what the tests of kernel/sched share.
 */
#ifndef SECTOR0_TESTS_KERNEL_THREADS_H
#define SECTOR0_TESTS_KERNEL_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/sched/thread.h"

#define MILLISECOND 1000000ull /* nanoseconds */

/* Start ENTRY(ARGUMENT) in a thread "helper"; the test fails if there is no memory. */
struct thread *start_helper(void (*entry)(void *argument), void *argument,
                            enum thread_priority priority);

/* What ps knows of THREAD. The test fails if there is no such thread. */
struct thread_info info_of(const struct thread *thread);

/* Wait until THREAD is in STATE, some seconds at most. Needs THREAD to get the CPU meanwhile. */
void wait_for_state(const struct thread *thread, enum thread_state state);

/* Frames of memory that are free; what others do at the same time counts, too. */
uint64_t free_frames(void);

/* Keep the CPU busy for NANOS nanoseconds. */
void spin_for(uint64_t nanos);

#endif
