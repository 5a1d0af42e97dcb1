/* keyboard_leds.c - see keyboard_leds.h. [8042] */
#include "drivers/keyboard_leds.h"

#define COMMAND_SET_LEDS 0xED
#define ANSWER_ACK       0xFA
#define ANSWER_RESEND    0xFE

#define RESENDS_MAX      3
#define FAILURES_MAX     3
#define PATIENCE_MICROS  500000 /* a keyboard answers within 20 ms */

static void fail(struct keyboard_leds *leds)
{
    leds->step = LEDS_IDLE;
    leds->waiting = false;
    leds->failures++;
}

static void acknowledged(struct keyboard_leds *leds)
{
    leds->resends = 0;
    if (leds->step == LEDS_COMMAND) {
        leds->step = LEDS_VALUE;
        return;
    }
    leds->step = LEDS_IDLE;
    leds->shown = leds->value;
    leds->shown_known = true;
    leds->failures = 0;
}

bool keyboard_leds_take(struct keyboard_leds *leds, uint8_t byte)
{
    if (!leds->waiting || (byte != ANSWER_ACK && byte != ANSWER_RESEND)) {
        return false;
    }
    leds->waiting = false;
    if (byte == ANSWER_ACK) {
        acknowledged(leds);
    } else if (++leds->resends > RESENDS_MAX) {
        fail(leds);
    }
    return true;
}

int keyboard_leds_next(struct keyboard_leds *leds, uint8_t wanted, uint64_t now)
{
    if (leds->waiting) {
        if (now - leds->sent_at < PATIENCE_MICROS) {
            return LEDS_NO_BYTE;
        }
        fail(leds);
    }
    if (leds->step == LEDS_VALUE) {
        return leds->value;
    }
    if (leds->step == LEDS_IDLE) {
        if ((leds->shown_known && leds->shown == wanted) || leds->failures >= FAILURES_MAX) {
            return LEDS_NO_BYTE;
        }
        leds->step = LEDS_COMMAND;
        leds->value = wanted;
        leds->resends = 0;
    }
    return COMMAND_SET_LEDS;
}

void keyboard_leds_sent(struct keyboard_leds *leds, uint64_t now)
{
    leds->waiting = true;
    leds->sent_at = now;
}
