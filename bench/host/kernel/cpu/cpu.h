/*
 * cpu.h - stands in front of kernel/cpu/cpu.h in the host's benchmark of the heap: nothing
 * interrupts a program with one thread.
 */
#ifndef SECTOR0_BENCH_HOST_CPU_H
#define SECTOR0_BENCH_HOST_CPU_H

#include <stdbool.h>

static inline bool cpu_save_interrupts(void)
{
    return false;
}

static inline void cpu_restore_interrupts(bool were_on)
{
    (void)were_on;
}

#endif
