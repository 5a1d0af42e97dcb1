/*
 * spinlock.c - see spinlock.h.
 *
 * The locks that are held form a list, newest first, so that a release out of order is noticed.
 * Nobody else runs while one is held, so the list needs no lock itself; with more CPUs each has its
 * own. What goes wrong is told by functions of their own, to keep the way of all others short.
 */
#include "kernel/sched/spinlock.h"

#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/sched/lock_order.h"
#include "kernel/sched/scheduler.h"

#define REFUSAL static __attribute__((cold, noinline)) _Noreturn void

static const char *me(void)
{
    return thread_name(thread_current());
}

REFUSAL refuse_lock(const struct spinlock *lock, const void *caller)
{
    struct code_place before, now;

    PANIC("spin lock %s taken twice, in %s and now by thread %s in %s", lock->name,
          code_place(&before, lock->holder), me(), code_place(&now, caller));
}

REFUSAL refuse_unlock(const struct spinlock *lock, const void *caller)
{
    struct code_place place;

    code_place(&place, caller);
    if (lock->holder == NULL || scheduler.locks == NULL) {
        PANIC("spin lock %s released by thread %s in %s, but nobody holds it", lock->name, me(),
              place.text);
    }
    PANIC("spin lock %s released by thread %s in %s before %s, which was taken later", lock->name,
          me(), place.text, scheduler.locks->name);
}

void spin_lock_inner(struct spinlock *lock, const void *caller)
{
    bool were_on = cpu_save_interrupts();

    if (lock->holder != NULL) {
        refuse_lock(lock, caller);
    }
    lock->holder = caller;
    lock->interrupts_on = were_on;
    lock->outer = scheduler.locks;
    scheduler.locks = lock;
}

void spin_lock(struct spinlock *lock)
{
    lock_order_note(lock->name);
    spin_lock_inner(lock, __builtin_return_address(0));
}

void spin_unlock(struct spinlock *lock)
{
    if (scheduler.locks != lock) {
        refuse_unlock(lock, __builtin_return_address(0));
    }
    scheduler.locks = lock->outer;
    lock->holder = NULL;
    scheduler_restore_interrupts(lock->interrupts_on);
}

unsigned spin_locks_held(void)
{
    unsigned count = 0;

    for (const struct spinlock *lock = scheduler.locks; lock != NULL; lock = lock->outer) {
        count++;
    }
    return count;
}

const char *spin_lock_held_name(unsigned index)
{
    const struct spinlock *lock = scheduler.locks;

    for (; lock != NULL && index > 0; index--) {
        lock = lock->outer;
    }
    return lock != NULL ? lock->name : NULL;
}

#ifdef KERNEL_DEBUG
/*
 * The locks that are held now are the spin locks and, outside of interrupts, the mutexes of the
 * thread: an interrupt's handler has none of them.
 */
void lock_order_note(const char *name)
{
    static bool full_told;
    bool were_on = cpu_save_interrupts();
    const char *other = NULL;
    struct spinlock *spin = scheduler.locks;

    for (; spin != NULL && other == NULL; spin = spin->outer) {
        other = lock_order_add(spin->name, name) ? NULL : spin->name;
    }
    if (!irq_active()) {
        struct mutex *mutex = scheduler.current->mutexes;

        for (; mutex != NULL && other == NULL; mutex = mutex->next_held) {
            other = lock_order_add(mutex->name, name) ? NULL : mutex->name;
        }
    }
    if (other != NULL) {
        PANIC("thread %s takes lock %s while it has %s; elsewhere it was the other way round", me(),
              name, other);
    }
    if (lock_order_is_full() && !full_told && scheduler.locks == NULL) {
        full_told = true;
        log_line("sched", "more than %d names of locks: not all orders are checked",
                 LOCK_ORDER_CLASSES);
    }
    cpu_restore_interrupts(were_on);
}
#endif
