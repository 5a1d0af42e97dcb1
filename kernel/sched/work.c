/* work.c - see work.h. */
#include "kernel/sched/work.h"

#include <stddef.h>
#include <stdint.h>

#include "kernel/panic.h"
#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"

static struct spinlock lock = SPINLOCK("work"); /* guards the rest */
static struct work *first, *last;               /* the queue */
static uint64_t queued, done;                   /* numbers of work so far */
static struct wait_queue idle;                  /* the thread, while there is nothing to do */
static struct wait_queue flushers;
static struct thread *thread; /* set once */

/* Take the oldest work, waiting for it. */
static struct work *take(void)
{
    struct work *work;

    spin_lock(&lock);
    while (first == NULL) {
        wait_sleep(&idle, &lock);
    }
    work = first;
    first = work->next;
    work->queued = false;
    spin_unlock(&lock);
    return work;
}

static void run_all(void *argument)
{
    (void)argument;
    for (;;) {
        struct work *work = take();

        work->run(work);
        spin_lock(&lock);
        done++;
        wait_wake_all(&flushers);
        spin_unlock(&lock);
    }
}

void work_start(void)
{
    thread = thread_create("work", run_all, NULL, THREAD_HIGH, THREAD_UNSTOPPABLE);
    ASSERT(thread != NULL, "no memory for the work thread");
    thread_detach(thread); /* it never ends, so the pointer stays good */
}

bool work_queue(struct work *work)
{
    bool is_new;

    spin_lock(&lock);
    is_new = !work->queued;
    if (is_new) {
        work->queued = true;
        work->next = NULL;
        *(first == NULL ? &first : &last->next) = work;
        last = work;
        queued++;
        wait_wake_one(&idle);
    }
    spin_unlock(&lock);
    return is_new;
}

void work_flush(void)
{
    thread_assert_may_sleep("work_flush");
    ASSERT(thread == NULL || thread_current() != thread, "work waits for itself");
    spin_lock(&lock);
    for (uint64_t target = queued; done < target;) {
        wait_sleep(&flushers, &lock);
    }
    spin_unlock(&lock);
}
