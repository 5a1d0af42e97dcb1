/* thread.c - see thread.h. */
#include "kernel/sched/thread.h"

struct thread *thread_current(void)
{
    return NULL; /* no thread_start yet */
}

const char *thread_name(const struct thread *thread)
{
    return thread == NULL ? "boot" : "thread";
}
