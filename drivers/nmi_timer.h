/*
 * nmi_timer.h - lets the PIT's tick arrive as an NMI, too: for the watchdog.
 */
#ifndef SECTOR0_DRIVERS_NMI_TIMER_H
#define SECTOR0_DRIVERS_NMI_TIMER_H

/*
 * From now on each tick of the PIT is also an NMI. Returns NULL, or why this machine cannot do
 * that. Context: start-up, interrupts off, memory management works.
 */
const char *nmi_timer_start(void);

#endif
