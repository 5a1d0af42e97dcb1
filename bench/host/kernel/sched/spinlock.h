/* spinlock.h - stands in front of kernel/sched/spinlock.h in the host's benchmark of the heap. */
#ifndef SECTOR0_BENCH_HOST_SPINLOCK_H
#define SECTOR0_BENCH_HOST_SPINLOCK_H

struct spinlock {
    const char *name;
};

#define SPINLOCK(lock_name)                                                                        \
    {                                                                                              \
        .name = (lock_name)                                                                        \
    }

static inline void spin_lock(struct spinlock *lock)
{
    (void)lock;
}

static inline void spin_unlock(struct spinlock *lock)
{
    (void)lock;
}

#endif
