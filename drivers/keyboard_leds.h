/*
 * keyboard_leds.h - the conversation that sets a keyboard's three lights. Portable; drivers/i8042.c
 * carries the bytes.
 *
 * We send EDh, the keyboard answers FAh, we send the lights, it answers FAh again. It may ask for a
 * byte once more with FEh. Nothing ever waits: each answer, and each key that comes in between,
 * makes one step. Silence is noticed when the next key comes; a keyboard that fails three times in
 * a row has no lights for us, and is not asked again.
 */
#ifndef SECTOR0_DRIVERS_KEYBOARD_LEDS_H
#define SECTOR0_DRIVERS_KEYBOARD_LEDS_H

#include <stdbool.h>
#include <stdint.h>

#define LED_SCROLL_LOCK 0x01
#define LED_NUM_LOCK    0x02
#define LED_CAPS_LOCK   0x04

#define LEDS_NO_BYTE    (-1)

enum leds_step { LEDS_IDLE, LEDS_COMMAND, LEDS_VALUE };

/* All zero at first. Owned by keyboard_leds.c. */
struct keyboard_leds {
    enum leds_step step;
    bool waiting; /* the byte of this step is sent, its answer has not come */
    bool shown_known;
    uint8_t shown; /* what the keyboard shows, if known */
    uint8_t value; /* being sent */
    uint8_t resends;
    uint8_t failures; /* in a row */
    uint64_t sent_at; /* microseconds */
};

/*
 * Take a BYTE from the keyboard. Returns true if it was an answer to us, false if it is a scan
 * code. Context: any, but one at a time.
 */
bool keyboard_leds_take(struct keyboard_leds *leds, uint8_t byte);

/*
 * The byte that must be sent now so that the keyboard will show WANTED (LED_* bits), or
 * LEDS_NO_BYTE. NOW is in microseconds. Whoever has sent it says so with keyboard_leds_sent.
 */
int keyboard_leds_next(struct keyboard_leds *leds, uint8_t wanted, uint64_t now);
void keyboard_leds_sent(struct keyboard_leds *leds, uint64_t now);

#endif
