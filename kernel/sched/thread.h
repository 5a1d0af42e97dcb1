/*
 * thread.h - kernel threads: preemptive, highest priority first, round robin among equals.
 *
 * A thread runs until it sleeps, yields, has used up its time slice while another of its priority
 * waits, or a thread of higher priority wakes up. Threads share everything but their stack, which
 * has an unmapped page below it. One CPU runs all of them; each field below says what guards it.
 *
 * Kernel code does not use floating point. A thread created with THREAD_FPU may: its x87 and SSE
 * state is saved at each switch; in any other thread such an instruction panics.
 */
#ifndef SECTOR0_KERNEL_SCHED_THREAD_H
#define SECTOR0_KERNEL_SCHED_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_NAME_MAX   16
#define THREAD_STACK_SIZE 16384 /* bytes; up to 1 KiB of it goes to what the kernel keeps */

enum thread_priority {
    THREAD_IDLE_PRIORITY, /* the idle thread alone */
    THREAD_LOW,
    THREAD_NORMAL,
    THREAD_HIGH,
    THREAD_PRIORITIES,
};

/* Flags of thread_create. */
#define THREAD_FPU         1u /* may use floating point and SSE */
#define THREAD_UNSTOPPABLE 2u /* thread_ask_to_stop refuses */

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_SLEEPING, THREAD_WAITING, THREAD_ENDED };

struct thread;

/*
 * Turn what runs now into a thread, the idle thread, and be ready for others. Context: start-up,
 * interrupts off; heap and vmap work.
 */
void thread_start(void);

/*
 * Run ENTRY(ARGUMENT) in a new thread; returning from it ends the thread. NAME is copied and cut.
 * Returns NULL if memory is short. The thread must be joined or detached, once. Context: a thread
 * without spin locks, or start-up.
 */
struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument,
                             enum thread_priority priority, unsigned flags);

/* Wait until THREAD has ended, and release it. Context: another thread, no spin locks. */
void thread_join(struct thread *thread);

/* Let THREAD be released by itself when it ends: nobody may join it or use the pointer again. */
void thread_detach(struct thread *thread);

/* End the running thread. Context: a thread without locks. */
_Noreturn void thread_exit(void);

/* Let others of the same priority run first. Context: a thread without spin locks. */
void thread_yield(void);

/* Sleep for at least NANOS nanoseconds, or until asked to stop. Context: as above. */
void thread_sleep(uint64_t nanos);

/*
 * Ask the thread with this ID to stop: thread_should_stop is true in it from now on, and its sleep
 * ends. It ends when it looks. Returns false if there is no such thread, or it cannot be stopped
 * (THREAD_UNSTOPPABLE: idle, work, shell). Context: any.
 */
bool thread_ask_to_stop(unsigned id);
bool thread_should_stop(void);

/*
 * What is left for the boot context: to halt while nobody else wants to run. Turns interrupts on.
 * Context: the idle thread.
 */
_Noreturn void thread_idle(void);

/* The running thread; NULL before thread_start. Context: any. */
struct thread *thread_current(void);
const char *thread_name(const struct thread *thread); /* "boot" for NULL */
unsigned thread_id(const struct thread *thread);      /* from 1; never used twice */

/*
 * Between these two no other thread runs; interrupts do. They nest. Sleeping in between panics.
 * Context: any.
 */
void preempt_disable(void);
void preempt_enable(void);

/*
 * Called by cpu/trap.c when an interrupt's handler is done, with interrupts off: switches to
 * another thread if that has become due.
 */
void thread_after_interrupt(void);

/* Whether any other thread wants the CPU now: who waits in a loop had better sleep. Context: any. */
bool thread_others_ready(void);

/* Whether the caller may sleep: it is a thread, has no spin lock, and both interrupts and
 * preemption are on. Context: any. */
bool thread_may_sleep(void);

/* Panics, naming CALLER, if sleeping is not allowed here: in an interrupt, with a spin lock, or
 * with preemption off. Context: any. */
void thread_assert_may_sleep(const char *caller);

/* What ps shows. */
struct thread_info {
    unsigned id;
    char name[THREAD_NAME_MAX];
    enum thread_state state;
    enum thread_priority priority;
    const char *waits_for; /* name of the lock or function it waits in; NULL: nothing */
    uint64_t nanos;        /* CPU time */
    uint64_t switches;     /* how often it got the CPU */
    size_t stack_size;     /* bytes */
    size_t stack_peak;     /* bytes of it that were ever used */
    bool fpu, should_stop;
};

/* Fill at most MAX entries of INFO, in order of id. Returns how many threads there are. */
size_t thread_list(struct thread_info *info, size_t max);

/*
 * For a panic: the name of the thread whose stack has ADDRESS in the guard page below it, or NULL.
 * Takes no lock, believes no pointer that it cannot check. Context: any.
 */
const char *thread_of_guard(uint64_t address);

/* The bounds of the stack that holds ADDRESS. Returns false if no thread's does. Context: any. */
bool thread_stack_around(uint64_t address, uint64_t *bottom, uint64_t *top);

/*
 * For the watchdog: a number that is another one after each switch to a thread, and whether the
 * running thread keeps the CPU from others, because preemption is off. Context: interrupts off.
 */
uint64_t thread_turn(void);
bool thread_keeps_cpu(void);

#endif
