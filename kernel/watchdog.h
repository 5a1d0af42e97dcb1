/*
 * watchdog.h - notices that the kernel hangs, and panics with the place. Hangs are
 *
 *   - preemption off for WATCHDOG_SECONDS without a break and without a switch to another thread:
 *     seen at the timer's tick, by default (watchdog=tick on the command line);
 *   - no tick for WATCHDOG_SECONDS, because interrupts are off: seen by NMIs, if asked for
 *     (watchdog=nmi) and if the machine has a source of them.
 *
 * A thread that runs on with preemption on is no hang, however long: others of its priority get
 * their turns, and those below it have to wait.
 */
#ifndef SECTOR0_KERNEL_WATCHDOG_H
#define SECTOR0_KERNEL_WATCHDOG_H

#include <stdbool.h>

#define WATCHDOG_SECONDS 2

struct trap_frame;

/* Watch at each tick from now on. Context: start-up. */
void watchdog_start(void);

/*
 * From now on NMIs come, HZ a second, and take part in watching. NMIs that the chipset has no other
 * reason for are then taken for these. Context: start-up, interrupts off.
 */
void watchdog_expect_nmi(unsigned hz);

/* For trap.c: was this NMI the watchdog's? Panics if it shows a hang. Context: an NMI. */
bool watchdog_nmi(const struct trap_frame *frame);

#endif
