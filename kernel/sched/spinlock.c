/*
 * spinlock.c - see spinlock.h.
 *
 * The locks that are held lie on a stack, newest last, so that a release out of order is noticed.
 * Nobody else runs while one is held, so the stack needs no lock itself; with more CPUs each has
 * its own.
 */
#include "kernel/sched/spinlock.h"

#include "kernel/cpu/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched/thread.h"

#define HELD_MAX 8

static struct spinlock *held[HELD_MAX]; /* all of this guarded by interrupts off */
static unsigned held_count;

static const char *me(void)
{
    return thread_name(thread_current());
}

void spin_lock(struct spinlock *lock)
{
    const void *caller = __builtin_return_address(0);
    bool were_on = cpu_save_interrupts();

    if (lock->holder != NULL) {
        PANIC("spin lock %s taken twice, at %p and now by thread %s at %p", lock->name,
              lock->holder, me(), caller);
    }
    if (held_count == HELD_MAX) {
        PANIC("spin lock %s, taken at %p, is one too many: %u are held", lock->name, caller,
              held_count);
    }
    lock->holder = caller;
    lock->interrupts_on = were_on;
    held[held_count++] = lock;
}

void spin_unlock(struct spinlock *lock)
{
    if (lock->holder == NULL) {
        PANIC("spin lock %s released at %p by thread %s, but nobody holds it", lock->name,
              __builtin_return_address(0), me());
    }
    if (held[held_count - 1] != lock) {
        PANIC("spin lock %s released at %p by thread %s before %s, which was taken later",
              lock->name, __builtin_return_address(0), me(), held[held_count - 1]->name);
    }
    held_count--;
    lock->holder = NULL;
    cpu_restore_interrupts(lock->interrupts_on);
}

unsigned spin_locks_held(void)
{
    return held_count;
}

const char *spin_lock_held_name(unsigned index)
{
    return index < held_count && held_count <= HELD_MAX ? held[held_count - 1 - index]->name : "?";
}
