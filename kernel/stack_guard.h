/*
 * stack_guard.h - the compiler's stack protector: functions with arrays put a guard value between
 * them and their return address, and look at it before they return. An array that is written beyond
 * its end changes it, and the kernel panics instead of returning to anywhere.
 */
#ifndef SECTOR0_KERNEL_STACK_GUARD_H
#define SECTOR0_KERNEL_STACK_GUARD_H

#include <stdint.h>

/*
 * Choose the value, with ENTRY_TSC as a seed. Inlined, because a function that looks at its guard
 * must not return past this. Context: start-up, a function that never returns.
 */
#define stack_guard_start(entry_tsc) (__stack_chk_guard = stack_guard_choose(entry_tsc))

uint64_t stack_guard_choose(uint64_t entry_tsc);

extern uint64_t __stack_chk_guard; /* the compiler's names */
_Noreturn void __stack_chk_fail(void);

#endif
