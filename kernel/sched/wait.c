/* wait.c - see wait.h. */
#include "kernel/sched/wait.h"

#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/sched/scheduler.h"

/* Say why the current thread, which should have LOCK and nothing else, must not sleep. */
static __attribute__((cold, noinline)) _Noreturn void refuse(const struct spinlock *lock,
                                                             const void *caller)
{
    const char *reason = "but must always be ready";
    struct code_place place;

    if (!spin_is_locked(lock)) {
        reason = "without its spin lock";
    } else if (spin_locks_held() != 1) {
        reason = "with another spin lock";
    } else if (scheduler.preempt_off != 0) {
        reason = "with preemption off";
    } else if (!lock->interrupts_on) {
        reason = irq_active() ? "in an interrupt" : "with interrupts off";
    }
    PANIC("thread %s waits for %s in %s %s", thread_name(thread_current()), lock->name,
          code_place(&place, caller), reason);
}

/* Put the current thread into QUEUE and leave LOCK. Inside of another lock, interrupts are off. */
static inline void enter(struct wait_queue *queue, struct spinlock *lock, const void *caller)
{
    struct thread *me = scheduler.current;

    if (scheduler.locks != lock || !lock->interrupts_on || scheduler.preempt_off != 0 ||
        me == &idle_thread) {
        refuse(lock, caller);
    }
    if (queue->first == NULL) {
        queue_add_last(queue, me);
    } else {
        queue_add_by_priority(queue, me);
    }
    spin_let_go(lock);
}

void wait_sleep(struct wait_queue *queue, struct spinlock *lock)
{
    const void *caller = __builtin_return_address(0);

    enter(queue, lock, caller);
    scheduler_block(THREAD_WAITING, lock->name);
    spin_take_back(lock, caller);
}

bool wait_sleep_for(struct wait_queue *queue, struct spinlock *lock, uint64_t nanos)
{
    const void *caller = __builtin_return_address(0);
    bool woken;

    enter(queue, lock, caller);
    woken = scheduler_block_until(THREAD_WAITING, lock->name, scheduler_deadline(nanos));
    spin_take_back(lock, caller);
    return woken;
}

struct thread *wait_wake_first(struct wait_queue *queue)
{
    if (queue->first == NULL) {
        return NULL;
    }
    struct thread *thread = queue_take_first(queue);

    scheduler_stop_sleep(thread);
    scheduler_make_ready(thread);
    return thread;
}

unsigned wait_wake_one(struct wait_queue *queue)
{
    bool were_on = cpu_save_interrupts();
    unsigned count = wait_wake_first(queue) != NULL;

    scheduler_restore_interrupts(were_on);
    return count;
}

unsigned wait_wake_all(struct wait_queue *queue)
{
    bool were_on = cpu_save_interrupts();
    unsigned count = 0;

    while (wait_wake_first(queue) != NULL) {
        count++;
    }
    scheduler_restore_interrupts(were_on);
    return count;
}
