/*
 * console.h - where text goes: to every sink that a driver has registered.
 *
 * Any thread and any interrupt may write. What one kprintf writes stays together, and so does a
 * console_write of at most CONSOLE_PIECE bytes; longer ones may be interleaved with others' pieces.
 *
 * A sink takes plain text with \n line ends, \b (one cell to the left) and \r. It is not told about
 * colours unless it has a colour function: what goes over a serial line is never coloured, so that
 * scripts can match it.
 */
#ifndef SECTOR0_KERNEL_CONSOLE_H
#define SECTOR0_KERNEL_CONSOLE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/printf.h"

/* Kinds of sinks, one bit each: console_select chooses among them. */
#define CONSOLE_SCREEN   1
#define CONSOLE_SERIAL   2
#define CONSOLE_EMULATOR 4 /* port E9: not selectable, always on */

#define CONSOLE_PIECE    256

/* The sixteen colours of a VGA in text mode. */
enum colour {
    COLOUR_BLACK,
    COLOUR_BLUE,
    COLOUR_GREEN,
    COLOUR_CYAN,
    COLOUR_RED,
    COLOUR_MAGENTA,
    COLOUR_BROWN,
    COLOUR_LIGHT_GREY,
    COLOUR_DARK_GREY,
    COLOUR_LIGHT_BLUE,
    COLOUR_LIGHT_GREEN,
    COLOUR_LIGHT_CYAN,
    COLOUR_LIGHT_RED,
    COLOUR_LIGHT_MAGENTA,
    COLOUR_YELLOW,
    COLOUR_WHITE,
};

/* The functions are called with the console's lock held, interrupts off, except make_room. */
struct console_sink {
    const char *name;
    unsigned kind; /* one CONSOLE_* bit */
    void (*write)(const char *text, size_t length);
    void (*make_room)(size_t bytes); /* sleep, bounded, until so much fits; NULL: never sleeps.
                                        Called without the lock, by a thread that may sleep */
    void (*colour)(enum colour text, enum colour back); /* NULL: has no colours */
    void (*clear)(void);                                /* NULL: cannot be cleared */
    void (*flush)(void);       /* wait, bounded, until all is out; or NULL */
    void (*panic)(void);       /* from now on write by polling; or NULL if it does so anyway */
    struct console_sink *next; /* owned by console.c */
};

/* Add SINK, which must stay in memory. Context: start-up, interrupts off. */
void console_register(struct console_sink *sink);

/* The kinds of all registered sinks. Context: any. */
unsigned console_kinds(void);

/* Write to sinks of these KINDS only (and to port E9). Context: any. */
void console_select(unsigned kinds);

/* Write LENGTH bytes at TEXT to the selected sinks. Context: any. */
void console_write(const char *text, size_t length);

/* Format and write, see printf.h. Context: any. */
void kprintf(const char *text, ...) PRINTF_LIKE(1, 2);
void kprintf_va(const char *text, va_list arguments) PRINTF_LIKE(1, 0);

/* The same in TEXT colour on black, if the screen has colours. Context: any. */
void kprintf_coloured(enum colour colour, const char *text, ...) PRINTF_LIKE(2, 3);

/* Colours for what anybody writes from now on: for a panic. Context: any. */
void console_colour(enum colour text, enum colour back);
void console_default_colour(void);

/* Empty the screen and the terminal at the other end of the serial line. Context: any. */
void console_clear(void);

/* Wait, bounded, until everything has left the machine. Context: any. */
void console_flush(void);

/*
 * From now on every sink is written to, without locks and without waiting for interrupts: for a
 * panic, whatever it has interrupted. There is no way back. Context: any.
 */
void console_panic(void);

#endif
