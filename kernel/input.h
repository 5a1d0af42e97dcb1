/*
 * input.h - the queue of keys, from whatever a person types on: the keyboard and the serial line
 * put the same codes into it.
 *
 * A key is a character (ASCII, and from 80h on code page 437, as the screen shows it; Ctrl-A is 1,
 * Enter is \n, Backspace is \b) or one of the codes below. When nobody takes keys, the oldest are
 * dropped: what was typed last is what is meant.
 */
#ifndef SECTOR0_KERNEL_INPUT_H
#define SECTOR0_KERNEL_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#define INPUT_QUEUE_SIZE 1024 /* keys; a script may paste a page */

enum key {
    KEY_NONE = -1,
    KEY_TAB = '\t',
    KEY_ENTER = '\n',
    KEY_ESCAPE = 27,
    KEY_BACKSPACE = '\b',
    KEY_UP = 0x100,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_INSERT,
    KEY_DELETE,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_F1, /* F2 to F12 follow */
    KEY_F12 = KEY_F1 + 11,
    KEY_CTRL_ALT_DELETE,
};

/* The code of Ctrl and a letter. */
#define KEY_CTRL(letter) ((letter)&31)

/* Add KEY. Context: any, mostly interrupts. */
void input_add(int key);

/* Take the oldest key, or KEY_NONE. Context: any. */
int input_take(void);

/*
 * Sleep until there is a key, and take it; KEY_NONE if the thread is asked to stop. Context: a
 * thread without spin locks.
 */
int input_wait(void);

/*
 * Sleep until Ctrl-C is typed, but NANOS nanoseconds at most, and no longer if the thread is asked
 * to stop. Returns whether it was typed; it is then taken, with all keys before it. For commands
 * that take long. Context: a thread without spin locks.
 */
bool input_wait_interrupt(uint64_t nanos);

/* How many keys were dropped since start-up. Context: any. */
uint64_t input_dropped(void);

#endif
