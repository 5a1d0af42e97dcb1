/*
 * panic.h - the end: something that must not happen has happened.
 *
 * PANIC and ASSERT are for our own mistakes and for a machine that is not as it must be, never for
 * what came from a disk, a device or a user. They say what, where and with which values, on every
 * console there is, then halt or restart (panic=reboot on the command line): the essential on the
 * screen, everything on the serial line. A panic inside a panic prints one line; the first one goes
 * on with what it still has to say.
 */
#ifndef SECTOR0_KERNEL_PANIC_H
#define SECTOR0_KERNEL_PANIC_H

#include <stdbool.h>

#include "kernel/printf.h"

struct bootinfo;
struct trap_frame;

/* What a panic needs from those who know the drivers. Any may be NULL. */
struct panic_hooks {
    void (*start_consoles)(void); /* called if no console is registered yet */
    void (*reboot)(void);
};

void panic_set_hooks(const struct panic_hooks *hooks);

/* What to do at the end. Context: any. */
void panic_set_reboot(bool reboot);

/* Which boot this is, for the report; INFO stays in memory. Context: any. */
void panic_set_boot(const struct bootinfo *info);

/* Whether a panic is being reported. Context: any. */
bool panic_is_on(void);

/* PANIC("text", values ...): the first line is `PANIC: ` and the text. Context: any. */
#define PANIC(...) panic_at(__FILE__, __LINE__, __func__, __VA_ARGS__)

/* ASSERT(condition, "text", values ...): panics with the condition and the text. Context: any. */
#define ASSERT(condition, text, ...)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            PANIC("assertion failed: %s: " text, #condition __VA_OPT__(, ) __VA_ARGS__);           \
        }                                                                                          \
    } while (0)

_Noreturn void panic_at(const char *file, int line, const char *function, const char *text, ...)
    PRINTF_LIKE(4, 5);

/* Panic because of a CPU exception: FRAME holds all registers. Context: interrupts off. */
_Noreturn void panic_exception(const struct trap_frame *frame);

/* Panic because of what the code at FRAME, which was interrupted, does. Context: interrupts off. */
_Noreturn void panic_interrupted(const struct trap_frame *frame, const char *text, ...)
    PRINTF_LIKE(2, 3);

#endif
