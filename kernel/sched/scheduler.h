/*
 * scheduler.h - what the files of kernel/sched share: the thread itself, the queues, the switch.
 * Nobody else includes this; thread.h and its neighbours are for the rest of the kernel.
 *
 *              make_ready                 chosen
 *   created ----------------> READY <------------------> RUNNING --> ENDED
 *                               ^      preempted, yield     |
 *                               |                           | scheduler_block
 *                               +-- WAITING, SLEEPING <-----+
 *                       wait_wake_*, time-out, stop
 *
 * What is here is guarded by interrupts off. With more CPUs, struct scheduler exists once for each,
 * and gets a lock that is handed from the thread that leaves to the one that comes.
 */
#ifndef SECTOR0_KERNEL_SCHED_SCHEDULER_H
#define SECTOR0_KERNEL_SCHED_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cpu/cpu.h"
#include "kernel/sched/mutex.h"
#include "kernel/sched/queue.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"

struct thread {
    uint64_t stack_pointer; /* while it does not run: where switch.asm left its registers */

    /* Read by ps; state, queue links and times guarded by interrupts off. */
    enum thread_state state;
    enum thread_priority priority; /* never changes, like the rest of these */
    unsigned id, flags;
    char name[THREAD_NAME_MAX];

    struct wait_queue *queue; /* the run queue or wait queue it is in, or NULL */
    struct thread *next, *previous;

    uint64_t wake_at; /* in the sleep queue until then, nanoseconds; 0: not in it */
    struct thread *sooner, *later;

    const char *waits_for; /* while WAITING or SLEEPING */
    bool timed_out;        /* the time passed before the wake-up came */
    bool given;            /* a semaphore's count was handed over; guarded by its lock */

    uint64_t cycles;      /* TSC cycles until the last switch away */
    uint64_t slice_start; /* its cycles when its time slice began */
    uint64_t switches;    /* how often it got the CPU */

    struct mutex *mutexes; /* that it has; owned by the thread */
    bool stop;             /* asked to; only ever set */

    /* Owned by thread.c, guarded by its lock. */
    struct thread *older, *younger; /* all threads, by id */
    struct wait_queue joiners;
    bool detached, joined;

    void (*entry)(void *argument);
    void *argument;
    char *stack; /* lowest address; NULL for the idle thread, which has the boot stack */
    char *stack_top;
    uint64_t stack_fill; /* what each word of it held at first */
    void *fpu;           /* FXSAVE area of a THREAD_FPU thread */
};

/* Add THREAD, which is in no queue, at the end of QUEUE. */
static inline void queue_add_last(struct wait_queue *queue, struct thread *thread)
{
    struct thread *last = queue->last;

    thread->queue = queue;
    thread->previous = last;
    thread->next = NULL;
    queue->last = thread;
    *(last != NULL ? &last->next : &queue->first) = thread;
}

/* Take the first thread out of QUEUE, which is not empty. */
static inline struct thread *queue_take_first(struct wait_queue *queue)
{
    struct thread *thread = queue->first;
    struct thread *next = thread->next;

    thread->queue = NULL;
    queue->first = next;
    *(next != NULL ? &next->previous : &queue->last) = NULL;
    return thread;
}

struct scheduler {
    struct thread *current; /* never NULL: first the boot context, which becomes the idle thread */
    struct spinlock *locks; /* the spin lock that was taken last, and through outer the others */
    unsigned preempt_off;   /* preempt_disable minus preempt_enable */
    bool switch_wanted;     /* somebody else should run; looked at when interrupts come back on */
    bool started;           /* by thread_start */
    uint32_t ready_mask;    /* bit p: ready[p] is not empty */
    struct wait_queue ready[THREAD_PRIORITIES];
    struct sleep_queue sleepers;
    uint64_t since;       /* TSC when current got the CPU */
    unsigned quiet_ticks; /* ticks since anybody but current wanted the CPU */
};

extern struct scheduler scheduler;
extern struct thread idle_thread;

/* Begin: what runs now is the idle thread. Context: start-up. */
void scheduler_start(void);

/* Let THREAD, in no queue, run when its turn comes. Context: interrupts off. */
void scheduler_make_ready(struct thread *thread);

/*
 * The current thread has been put where it belongs: run the next one, until it is its turn again.
 * Context: interrupts off; they are off again afterwards.
 */
void scheduler_switch(void);

/*
 * Let others run until somebody makes the current thread ready again. STATE says why, and WAITS_FOR
 * what for. Context: as above.
 */
static inline void scheduler_block(enum thread_state state, const char *waits_for)
{
    scheduler.current->state = state;
    scheduler.current->waits_for = waits_for;
    scheduler_switch();
}

/* The same, but back after WAKE_AT at the latest. Returns false if the time has passed. */
bool scheduler_block_until(enum thread_state state, const char *waits_for, uint64_t wake_at);

/* Take THREAD out of what it waits in, and make it ready. Context: interrupts off. */
void scheduler_wake(struct thread *thread);

/* Let another thread run if that is wanted and allowed. Context: interrupts off. */
void scheduler_preempt(void);

/* The time NANOS from now; never 0, and the end of time if it lies beyond. Context: any. */
uint64_t scheduler_deadline(uint64_t nanos);

/* TSC cycles that THREAD has used. Context: interrupts off. */
uint64_t scheduler_cycles(const struct thread *thread);

/* THREAD waits for no time any more. Context: interrupts off. */
static inline void scheduler_stop_sleep(struct thread *thread)
{
    if (thread->wake_at != 0) {
        sleep_remove(&scheduler.sleepers, thread);
    }
}

/* Back to interrupts as they were: the moment for a switch that is due. Context: interrupts off. */
static inline void scheduler_restore_interrupts(bool were_on)
{
    if (were_on) {
        if (scheduler.switch_wanted) {
            scheduler_preempt();
        }
        cpu_enable_interrupts();
    }
}

/*
 * switch.asm: save the registers that C functions keep and RSP to *STACK_POINTER, go on with those
 * at NEXT. Context: interrupts off.
 */
void thread_switch(uint64_t *stack_pointer, uint64_t next);
void thread_first(void); /* where a new thread begins; calls thread_begin */
_Noreturn void thread_begin(void);

/* Wake the first thread of QUEUE and return it, or NULL. Context: interrupts off. */
struct thread *wait_wake_first(struct wait_queue *queue);

/* spin_lock and spin_unlock for locks inside of locks: no place in the order of locks. */
void spin_lock_inner(struct spinlock *lock, const void *caller);

/*
 * Leave LOCK, the only one held, to others while the current thread sleeps, and take it again. It
 * can be had then: nobody switches to another thread with a spin lock. Context: interrupts off.
 */
static inline void spin_let_go(struct spinlock *lock)
{
    scheduler.locks = NULL;
    lock->holder = NULL;
}

static inline void spin_take_back(struct spinlock *lock, const void *caller)
{
    scheduler.locks = lock;
    lock->holder = caller;
    lock->outer = NULL;
    lock->interrupts_on = true; /* or its holder could not have slept */
}

/* Write to PLACE in words where the call is that returns to ADDRESS; returns the text. */
struct code_place {
    char text[100];
};
const char *code_place(struct code_place *place, const void *address);

#ifdef KERNEL_DEBUG
/* Check the order of taking the lock NAME after those that are held now. Context: any. */
void lock_order_note(const char *name);
#else
static inline void lock_order_note(const char *name)
{
    (void)name;
}
#endif

#endif
