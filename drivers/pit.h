/*
 * pit.h - the 8254 timer: the kernel's clock until the TSC's rate is known, and its tick.
 */
#ifndef SECTOR0_DRIVERS_PIT_H
#define SECTOR0_DRIVERS_PIT_H

#define PIT_TICK_HZ 1000

/* Let counter 2 run freely and start the clock with it. Context: start-up, interrupts off. */
void pit_start(void);

/* Let counter 0 tick PIT_TICK_HZ times a second: IRQ 0. Context: start-up, interrupts off. */
void pit_start_tick(void);

#endif
