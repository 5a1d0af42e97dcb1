/*
 * spinlock.h - the lock for a few instructions, also against interrupts.
 *
 * On this one CPU, nobody can run while interrupts are off, so taking the lock is turning them off;
 * the rest is bookkeeping that finds our own mistakes: taking it twice, releasing what is not held,
 * sleeping with it. With more CPUs only this file has to change.
 *
 * Locks nest; they are released in the opposite order.
 */
#ifndef SECTOR0_KERNEL_SCHED_SPINLOCK_H
#define SECTOR0_KERNEL_SCHED_SPINLOCK_H

#include <stdbool.h>
#include <stddef.h>

struct spinlock {
    const char *name;       /* for people */
    const void *holder;     /* where it was taken; NULL: free */
    struct spinlock *outer; /* the one taken before it, or NULL; owned by the holder */
    bool interrupts_on;     /* what to go back to; owned by the holder */
};

#define SPINLOCK(lock_name)                                                                        \
    {                                                                                              \
        .name = (lock_name)                                                                        \
    }

/* Take LOCK; interrupts are off until it is released. Panics if it is held. Context: any. */
void spin_lock(struct spinlock *lock);

/* Release LOCK. Context: who holds it. */
void spin_unlock(struct spinlock *lock);

static inline bool spin_is_locked(const struct spinlock *lock)
{
    return lock->holder != NULL;
}

/* How many spin locks are held now. Context: any. */
unsigned spin_locks_held(void);

/*
 * The name of the lock that was taken INDEX locks before the newest, or NULL: for a panic. Context:
 * any.
 */
const char *spin_lock_held_name(unsigned index);

#endif
