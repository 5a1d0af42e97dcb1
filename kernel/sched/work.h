/*
 * work.h - work that an interrupt hands to a thread, because it takes long or must sleep.
 */
#ifndef SECTOR0_KERNEL_SCHED_WORK_H
#define SECTOR0_KERNEL_SCHED_WORK_H

#include <stdbool.h>

struct work {
    void (*run)(struct work *work); /* in the thread "work", in order of queueing; may sleep */
    struct work *next;              /* owned by work.c */
    bool queued;                    /* owned by work.c; cleared before run is called */
};

/* Start the thread. Context: start-up, after thread_start. */
void work_start(void);

/*
 * Let WORK->run be called soon. Returns false if WORK was queued already: it runs once. WORK must
 * stay in memory until run begins. Context: any, also interrupts.
 */
bool work_queue(struct work *work);

/* Wait until everything queued so far has run. Context: a thread, but not run itself. */
void work_flush(void);

#endif
