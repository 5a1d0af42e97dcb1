/*
 * panic.h - what PANIC and ASSERT do in a unit test: keep the text and go back to EXPECT_PANIC, or
 * fail. For one .c file of a test, which links kernel/printf.c.
 */
#ifndef SECTOR0_FAKES_PANIC_H
#define SECTOR0_FAKES_PANIC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/panic.h"

static jmp_buf fake_panic_return;
static volatile bool fake_panic_expected;
static char fake_panic_text[512];

_Noreturn void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    format_string_va(fake_panic_text, sizeof(fake_panic_text), text, arguments);
    va_end(arguments);
    if (!fake_panic_expected) {
        fail_msg("panic in %s, %s:%d: %s", function, file, line, fake_panic_text);
    }
    longjmp(fake_panic_return, 1);
}

/* STATEMENT must panic, with PART in its text. Locks that it took stay taken. */
#define EXPECT_PANIC(part, statement)                                                              \
    do {                                                                                           \
        fake_panic_expected = true;                                                                \
        if (setjmp(fake_panic_return) == 0) {                                                      \
            statement;                                                                             \
            fail_msg("no panic: %s", #statement);                                                  \
        }                                                                                          \
        fake_panic_expected = false;                                                               \
        if (strstr(fake_panic_text, (part)) == NULL) {                                             \
            fail_msg("\"%s\" is not in the panic \"%s\"", (part), fake_panic_text);                \
        }                                                                                          \
    } while (0)

#endif
