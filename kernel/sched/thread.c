/*
 * thread.c - see thread.h: the life of threads, from creation to release.
 *
 * A thread is one piece of memory, from vmalloc: so running over the stack's end faults, and so
 * does using a thread that was released. It starts like this, which makes the first switch to it
 * "return" to thread_first:
 *
 *   high addresses                                                              low addresses
 *   struct thread | FPU state, if any | thread_first | RBX RBP R12-R15: 0 | fill pattern | guard
 *                                     ^ stack_top                                   stack ^
 *
 * A thread cannot release the stack it stands on. Who joins it does that; a detached one hands
 * itself to the work thread.
 */
#include "kernel/sched/thread.h"

#include "kernel/cpu/fpu.h"
#include "kernel/irq.h"
#include "kernel/mm/vmap.h"
#include "kernel/panic.h"
#include "kernel/sched/scheduler.h"
#include "kernel/sched/work.h"
#include "kernel/string.h"

#define STACK_FILL   0x5EC7050F5EC7050Full
#define STACK_ALIGN  16
#define SWITCH_WORDS 6 /* what thread_switch pushes */

static struct spinlock lock = SPINLOCK("threads"); /* guards the list, and who may release whom */
static struct thread *oldest = &idle_thread, *youngest = &idle_thread;
static unsigned last_id;

static struct thread *dead; /* detached and ended, linked by next; guarded by the lock */

static void add(struct thread *thread)
{
    spin_lock(&lock);
    thread->id = ++last_id;
    thread->older = youngest;
    youngest->younger = thread;
    youngest = thread;
    spin_unlock(&lock);
}

/* Context: the lock is held. The idle thread is always the oldest. */
static void unlink_thread(struct thread *thread)
{
    thread->older->younger = thread->younger;
    *(thread->younger != NULL ? &thread->younger->older : &youngest) = thread->older;
}

/* Context: the lock is held. */
static bool exists(const struct thread *thread)
{
    const struct thread *other = oldest;

    while (other != NULL && other != thread) {
        other = other->younger;
    }
    return other != NULL;
}

static void release_dead(struct work *work)
{
    (void)work;
    for (;;) {
        spin_lock(&lock);
        struct thread *thread = dead;

        if (thread != NULL) {
            dead = thread->next;
        }
        spin_unlock(&lock);
        if (thread == NULL) {
            return;
        }
        vfree(thread->stack);
    }
}

static struct work reaper = {.run = release_dead};

/* Take SIZE bytes, aligned, off the end of what is to become a stack. */
static char *carve(char **top, size_t size, size_t align)
{
    *top -= size;
    *top -= (uintptr_t)*top % align;
    return *top;
}

/* Get memory for a thread and divide it. Returns NULL if it is short. */
static struct thread *get_memory(unsigned flags)
{
    char *stack = vmalloc(THREAD_STACK_SIZE);

    if (stack == NULL) {
        return NULL;
    }
    char *top = stack + THREAD_STACK_SIZE;
    struct thread *thread = (struct thread *)(void *)carve(&top, sizeof(*thread), STACK_ALIGN);

    memset(thread, 0, sizeof(*thread));
    if (flags & THREAD_FPU) {
        thread->fpu = carve(&top, FPU_STATE_SIZE, FPU_STATE_ALIGN);
        fpu_init_state(thread->fpu);
    }
    thread->stack = stack;
    thread->stack_top = top;
    thread->flags = flags;
    return thread;
}

static void make_stack(struct thread *thread)
{
    uint64_t *word = (uint64_t *)(void *)thread->stack;
    uint64_t *top = (uint64_t *)(void *)thread->stack_top;

    thread->stack_fill = STACK_FILL;
    while (word < top - SWITCH_WORDS - 1) {
        *word++ = STACK_FILL;
    }
    thread->stack_pointer = (uintptr_t)word;
    while (word < top - 1) {
        *word++ = 0;
    }
    *word = (uintptr_t)thread_first;
}

static void set_name(struct thread *thread, const char *name)
{
    format_string(thread->name, sizeof(thread->name), "%s", name);
}

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument,
                             enum thread_priority priority, unsigned flags)
{
    ASSERT(priority > THREAD_IDLE_PRIORITY && priority < THREAD_PRIORITIES, "priority %d of %s",
           (int)priority, name);
    thread_assert_may_sleep("thread_create");
    struct thread *thread = get_memory(flags);

    if (thread == NULL) {
        return NULL;
    }
    thread->priority = priority;
    thread->entry = entry;
    thread->argument = argument;
    set_name(thread, name);
    make_stack(thread);
    add(thread);
    bool were_on = cpu_save_interrupts();
    scheduler_make_ready(thread);
    scheduler_restore_interrupts(were_on);
    return thread;
}

void thread_begin(void)
{
    cpu_enable_interrupts();
    scheduler.current->entry(scheduler.current->argument);
    thread_exit();
}

void thread_exit(void)
{
    struct thread *me = scheduler.current;

    if (me->mutexes != NULL) {
        PANIC("thread %s ends with mutex %s", me->name, me->mutexes->name);
    }
    thread_assert_may_sleep("thread_exit");
    ASSERT(me != &idle_thread, "the idle thread ends");
    cpu_save_interrupts(); /* up to the switch: nobody may release this stack before it */
    spin_lock(&lock);
    if (me->detached) {
        unlink_thread(me);
        me->next = dead;
        dead = me;
        work_queue(&reaper);
    } else {
        wait_wake_all(&me->joiners);
    }
    spin_unlock(&lock);
    scheduler_block(THREAD_ENDED, NULL);
    PANIC("thread %s runs after its end", me->name);
}

/* Claim THREAD, for joining it or letting it go: that can be done once. Context: lock held. */
static void claim(struct thread *thread, const char *what, const void *caller)
{
    const char *me = scheduler.current->name;
    struct code_place place;

    if (!exists(thread)) {
        PANIC("thread %s %s a thread that does not exist, in %s", me, what,
              code_place(&place, caller));
    }
    if (thread->joined || thread->detached) {
        PANIC("thread %s %s thread %s, which was %s before, in %s", me, what, thread->name,
              thread->joined ? "joined" : "detached", code_place(&place, caller));
    }
}

void thread_join(struct thread *thread)
{
    thread_assert_may_sleep("thread_join");
    ASSERT(thread != scheduler.current, "thread %s joins itself", thread->name);
    spin_lock(&lock);
    claim(thread, "joins", __builtin_return_address(0));
    thread->joined = true;
    while (thread->state != THREAD_ENDED) {
        wait_sleep(&thread->joiners, &lock);
    }
    unlink_thread(thread);
    spin_unlock(&lock);
    vfree(thread->stack);
}

void thread_detach(struct thread *thread)
{
    bool ended;

    spin_lock(&lock);
    claim(thread, "detaches", __builtin_return_address(0));
    thread->detached = true;
    ended = thread->state == THREAD_ENDED;
    if (ended) {
        unlink_thread(thread);
    }
    spin_unlock(&lock);
    if (ended) {
        vfree(thread->stack);
    }
}

void thread_sleep(uint64_t nanos)
{
    uint64_t wake_at = scheduler_deadline(nanos);

    if (nanos == 0) {
        thread_yield();
        return;
    }
    thread_assert_may_sleep("thread_sleep");
    ASSERT(scheduler.current != &idle_thread, "the idle thread sleeps");
    bool were_on = cpu_save_interrupts();

    if (!scheduler.current->stop) {
        scheduler_block_until(THREAD_SLEEPING, "time", wake_at);
    }
    cpu_restore_interrupts(were_on);
}

bool thread_ask_to_stop(unsigned id)
{
    struct thread *thread;
    bool asked;

    spin_lock(&lock);
    for (thread = oldest; thread != NULL && thread->id != id; thread = thread->younger) {
    }
    asked = thread != NULL && (thread->flags & THREAD_UNSTOPPABLE) == 0 &&
            thread->state != THREAD_ENDED;
    if (asked) {
        thread->stop = true;
        if (thread->state == THREAD_SLEEPING || thread->state == THREAD_WAITING) {
            scheduler_wake(thread);
        }
    }
    spin_unlock(&lock);
    return asked;
}

bool thread_should_stop(void)
{
    return scheduler.current->stop;
}

struct thread *thread_current(void)
{
    return scheduler.started ? scheduler.current : NULL;
}

const char *thread_name(const struct thread *thread)
{
    return thread == NULL ? "boot" : thread->name;
}

unsigned thread_id(const struct thread *thread)
{
    return thread->id;
}

static __attribute__((cold, noinline)) _Noreturn void refuse_sleep(const char *caller)
{
    const char *me = thread_name(thread_current());

    if (irq_active()) {
        PANIC("%s by thread %s in an interrupt", caller, me);
    }
    if (scheduler.locks != NULL) {
        PANIC("%s by thread %s with spin lock %s", caller, me, scheduler.locks->name);
    }
    PANIC("%s by thread %s with preemption off", caller, me);
}

bool thread_others_ready(void)
{
    return scheduler.ready_mask != 0;
}

bool thread_may_sleep(void)
{
    return scheduler.started && scheduler.current != &idle_thread && scheduler.locks == NULL &&
           scheduler.preempt_off == 0 && !irq_active() && cpu_interrupts_are_on();
}

void thread_assert_may_sleep(const char *caller)
{
    if (scheduler.locks != NULL || scheduler.preempt_off != 0 || irq_active()) {
        refuse_sleep(caller);
    }
}

void thread_start(void)
{
    idle_thread.id = ++last_id;
    idle_thread.flags = THREAD_UNSTOPPABLE;
    scheduler_start();
    fpu_start();
}
