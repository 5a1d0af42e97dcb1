/*
 * pit.h - the 8254 timer: the kernel's clock until the TSC's rate is known, and its tick.
 */
#ifndef SECTOR0_DRIVERS_PIT_H
#define SECTOR0_DRIVERS_PIT_H

#define PIT_TICK_HZ 100

/*
 * Let counter 0 run in rounds of 1 / PIT_TICK_HZ s and start the clock. Context: start-up,
 * interrupts off.
 */
void pit_start(void);

/* Take the tick: IRQ 0, at the end of each round. Context: start-up, interrupts off. */
void pit_start_tick(void);

#endif
