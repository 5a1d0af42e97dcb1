/*
 * i8042.h - the keyboard controller: fetches scan codes, and can reset the machine.
 */
#ifndef SECTOR0_DRIVERS_I8042_H
#define SECTOR0_DRIVERS_I8042_H

#include <stdbool.h>

/*
 * Take keys: they go to the input queue. Returns false if the machine has no keyboard controller.
 * Context: start-up, interrupts off.
 */
bool i8042_start(void);

/* Pulse the CPU's reset line, if there is a controller; that takes a moment. Context: any. */
void i8042_reset_cpu(void);

#endif
