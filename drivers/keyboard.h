/*
 * keyboard.h - the scan codes of a PC keyboard (set 1), as keys. Portable; drivers/i8042.c fetches
 * the codes.
 */
#ifndef SECTOR0_DRIVERS_KEYBOARD_H
#define SECTOR0_DRIVERS_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/keyboard_layouts.h"

/* The state of one keyboard; all zero at first: layout us, Num Lock on as BIOSes leave it. */
struct keyboard {
    const struct keyboard_layout *layout; /* NULL: the first one */
    bool left_shift, right_shift;
    bool left_control, right_control;
    bool left_alt, right_alt;
    bool caps_lock, scroll_lock;
    bool num_lock_off;
    uint8_t lock_held; /* the lock key that is down, 0 for none: it repeats, but counts once */
    bool extended;     /* E0 came: the next code is of the extended set */
    uint8_t skip;      /* codes still to be ignored, after E1 */
};

/*
 * Take the next scan code. Returns the key that it completes (kernel/input.h), or KEY_NONE: keys
 * count when they go down, Shift and its like only change what others mean. Scroll Lock has no
 * meaning but its light. Context: any.
 */
int keyboard_decode(struct keyboard *keyboard, uint8_t code);

/* The lights that belong to the locks: LED_* bits of keyboard_leds.h. Context: any. */
uint8_t keyboard_lights(const struct keyboard *keyboard);

#endif
