/*
 * keyboard_layouts.h - what is printed on the keys of a country's keyboard. Portable.
 *
 * Characters are those of the text screen: ASCII, and from 80h on code page 437, one byte each.
 */
#ifndef SECTOR0_DRIVERS_KEYBOARD_LAYOUTS_H
#define SECTOR0_DRIVERS_KEYBOARD_LAYOUTS_H

#include <stddef.h>
#include <stdint.h>

#define LAYOUT_KEYS 48
#define LAYOUT_NONE ' ' /* in a table: no character; the space bar is in no table */

/*
 * One character for each key that differs between countries, row by row from the left:
 *
 *   29 02 ... 0D | 10 ... 1B | 1E ... 28 2B | 56 2C ... 35     (scan codes)
 */
struct keyboard_layout {
    char name[3];
    const char *plain, *shifted;
    const char *alt_graph; /* with the right Alt key; NULL: that is an Alt key like the left one */
};

extern const struct keyboard_layout keyboard_layouts[]; /* the first one is the default */
extern const size_t keyboard_layout_count;

/* The layout of that name, or NULL. Context: any. */
const struct keyboard_layout *keyboard_layout_find(const char *name);

/* The place of scan code CODE in the tables, or -1. Context: any. */
int keyboard_layout_index(uint8_t code);

#endif
