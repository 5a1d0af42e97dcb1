/*
 * vt100.c - see vt100.h. [ECMA-48 5.4]
 *
 *   ESC [ number ; number ... letter     ESC [ A is the up arrow, ESC [ 3 ~ is Delete
 *   ESC O letter                         the same keys in a terminal's application mode
 */
#include "drivers/vt100.h"

#include "kernel/input.h"

#define ESC 27
#define DEL 127

enum state { PLAIN, AFTER_ESC, AFTER_BRACKET, AFTER_NUMBER, AFTER_O };

static int key_of_letter(uint8_t letter)
{
    switch (letter) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return KEY_RIGHT;
    case 'D':
        return KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    default:
        return KEY_NONE;
    }
}

static int key_of_number(unsigned number)
{
    switch (number) {
    case 1:
    case 7:
        return KEY_HOME;
    case 2:
        return KEY_INSERT;
    case 3:
        return KEY_DELETE;
    case 4:
    case 8:
        return KEY_END;
    case 5:
        return KEY_PAGE_UP;
    case 6:
        return KEY_PAGE_DOWN;
    default:
        return KEY_NONE;
    }
}

/* Enter is CR on most terminals, LF from a script, CR LF from some; it is one key each time. */
static int key_of_plain(uint8_t byte, uint8_t last)
{
    if (byte == '\r') {
        return KEY_ENTER;
    }
    if (byte == '\n') {
        return last == '\r' ? KEY_NONE : KEY_ENTER;
    }
    if (byte == DEL) {
        return KEY_BACKSPACE;
    }
    return byte == 0 || byte > DEL ? KEY_NONE : byte;
}

/* Inside ESC [ ...: parameters and punctuation are collected up to the final byte, 40-7E. */
static int key_in_sequence(struct vt100 *decoder, uint8_t byte)
{
    if (byte >= '0' && byte <= '9' && decoder->state == AFTER_BRACKET) {
        if (decoder->number < 1000) {
            decoder->number = (uint16_t)(decoder->number * 10 + (byte - '0'));
        }
        return KEY_NONE;
    }
    if (byte >= 0x20 && byte < 0x40) {
        decoder->state = AFTER_NUMBER; /* only the first number says which key it is */
        return KEY_NONE;
    }
    decoder->state = PLAIN;
    return byte == '~' ? key_of_number(decoder->number) : key_of_letter(byte);
}

void vt100_decode(struct vt100 *decoder, uint8_t byte, void (*add)(int key))
{
    int key = KEY_NONE;

    if (byte == ESC && decoder->state != AFTER_ESC) {
        decoder->state = AFTER_ESC; /* also in the middle of a sequence: that one was cut off */
    } else if (decoder->state == AFTER_ESC && byte == '[') {
        decoder->state = AFTER_BRACKET;
        decoder->number = 0;
    } else if (decoder->state == AFTER_ESC && byte == 'O') {
        decoder->state = AFTER_O;
    } else if (decoder->state == AFTER_ESC) {
        add(KEY_ESCAPE);
        decoder->state = byte == ESC ? AFTER_ESC : PLAIN;
        key = byte == ESC ? KEY_NONE : key_of_plain(byte, 0);
    } else if (decoder->state == AFTER_O) {
        decoder->state = PLAIN;
        key = key_of_letter(byte);
    } else if (decoder->state == PLAIN) {
        key = key_of_plain(byte, decoder->last);
    } else {
        key = key_in_sequence(decoder, byte);
    }
    decoder->last = byte;
    if (key != KEY_NONE) {
        add(key);
    }
}
