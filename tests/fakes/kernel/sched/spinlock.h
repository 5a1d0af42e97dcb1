/*
 * spinlock.h - stands in front of kernel/sched/spinlock.h in unit tests: nothing runs at the same
 * time there, so a lock only keeps book, and abort() answers what would panic in the kernel. The
 * tests of kernel/sched itself are compiled with REAL_SPINLOCK.
 */
#ifdef REAL_SPINLOCK
#include_next "kernel/sched/spinlock.h"
#endif
#if !defined(SECTOR0_FAKES_SPINLOCK_H) && !defined(REAL_SPINLOCK)
#define SECTOR0_FAKES_SPINLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct spinlock {
    const char *name;
    const void *holder;
};

#define SPINLOCK(lock_name)                                                                        \
    {                                                                                              \
        .name = (lock_name)                                                                        \
    }

/* One count for the whole test program, whichever of its files takes a lock. */
__attribute__((weak)) unsigned fake_spin_locks_held;

static inline void spin_lock(struct spinlock *lock)
{
    if (lock->holder != NULL) {
        fprintf(stderr, "spin lock %s taken twice\n", lock->name);
        abort();
    }
    lock->holder = lock;
    fake_spin_locks_held++;
}

static inline void spin_unlock(struct spinlock *lock)
{
    if (lock->holder == NULL) {
        fprintf(stderr, "spin lock %s released, but nobody holds it\n", lock->name);
        abort();
    }
    lock->holder = NULL;
    fake_spin_locks_held--;
}

static inline bool spin_is_locked(const struct spinlock *lock)
{
    return lock->holder != NULL;
}

static inline unsigned spin_locks_held(void)
{
    return fake_spin_locks_held;
}

#endif
