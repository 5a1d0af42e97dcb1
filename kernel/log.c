/*
 * log.c - see log.h.
 *
 * The memory is a ring: `written` counts all bytes ever logged, and byte n lies at n % LOG_SIZE.
 */
#include "kernel/log.h"

#include <stdint.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/string.h"

static char ring[LOG_SIZE];
static uint64_t written;
static bool details_shown;

static void remember(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        ring[written++ % LOG_SIZE] = text[i];
    }
}

static void add_line(bool show, const char *area, const char *text, va_list arguments)
{
    char line[LOG_LINE_MAX];
    uint64_t now = clock_micros();
    size_t room = sizeof(line) - 1; /* one byte for the \n */
    size_t length =
        format_string(line, room, "[%5llu.%06llu] %s: ", (unsigned long long)(now / 1000000),
                      (unsigned long long)(now % 1000000), area);

    length += format_string_va(line + length, room - length, text, arguments);
    if (length >= room) {
        length = room - 1;
        memcpy(line + length - 3, "...", 3);
    }
    line[length++] = '\n';
    remember(line, length);
    if (show) {
        console_write(line, length);
    }
}

void log_line(const char *area, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    add_line(true, area, text, arguments);
    va_end(arguments);
}

void log_detail(const char *area, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    add_line(details_shown, area, text, arguments);
    va_end(arguments);
}

void log_show_details(bool show)
{
    details_shown = show;
}

void log_print_all(void)
{
    uint64_t at = written > LOG_SIZE ? written - LOG_SIZE : 0;

    /* The oldest line may have lost its beginning: start after its end. */
    while (at > 0 && at < written && ring[(at - 1) % LOG_SIZE] != '\n') {
        at++;
    }
    while (at < written) {
        size_t start = at % LOG_SIZE;
        size_t length = LOG_SIZE - start;

        if (length > written - at) {
            length = written - at;
        }
        console_write(ring + start, length);
        at += length;
    }
}
