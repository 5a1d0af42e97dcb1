/*
 * i8042.h - the keyboard controller: fetches scan codes, and can reset the machine.
 */
#ifndef SECTOR0_DRIVERS_I8042_H
#define SECTOR0_DRIVERS_I8042_H

#include <stdbool.h>

#include "drivers/keyboard_layouts.h"

/*
 * Take keys: they go to the input queue. Returns false if the machine has no keyboard controller.
 * Context: start-up, interrupts off.
 */
bool i8042_start(void);

/* What the keys mean from now on; and now. Works without a keyboard, too. Context: any. */
void i8042_set_layout(const struct keyboard_layout *layout);
const struct keyboard_layout *i8042_layout(void);

/* Pulse the CPU's reset line, if there is a controller; that takes a moment. Context: any. */
void i8042_reset_cpu(void);

#endif
