/*
 * log.c - see log.h.
 *
 * The memory is a ring: `written` counts all bytes ever logged, and byte n lies at n % LOG_SIZE.
 * Both are changed with interrupts off, so a line stays whole. Reading copies a piece at a time: a
 * panic, too, must be able to read, whatever it has interrupted, so there is no lock to be held.
 */
#include "kernel/log.h"

#include <stdint.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/string.h"

static char ring[LOG_SIZE];
static uint64_t written;
static bool details_shown;

static void remember(const char *text, size_t length)
{
    bool were_on = cpu_save_interrupts();

    for (size_t i = 0; i < length; i++) {
        ring[written++ % LOG_SIZE] = text[i];
    }
    cpu_restore_interrupts(were_on);
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

static uint64_t oldest(void)
{
    return written > LOG_SIZE ? written - LOG_SIZE : 0;
}

/* Copy up to SIZE bytes from byte *AT on, which moves behind them. Returns how many there were. */
static size_t copy_out(uint64_t *at, char *piece, size_t size)
{
    bool were_on = cpu_save_interrupts();
    size_t length = 0;

    if (*at < oldest()) {
        *at = oldest(); /* overwritten while we were printing */
    }
    while (length < size && *at < written) {
        piece[length++] = ring[(*at)++ % LOG_SIZE];
    }
    cpu_restore_interrupts(were_on);
    return length;
}

static void print_from(uint64_t at)
{
    uint64_t end = written; /* what is logged from now on is printed anyway */
    char piece[CONSOLE_PIECE];

    /* The oldest line may have lost its beginning: start after its end. */
    while (at > 0 && at < end && ring[(at - 1) % LOG_SIZE] != '\n') {
        at++;
    }
    while (at < end) {
        size_t wanted = end - at < sizeof(piece) ? (size_t)(end - at) : sizeof(piece);

        console_write(piece, copy_out(&at, piece, wanted));
    }
}

void log_print_all(void)
{
    print_from(oldest());
}

void log_print_last(unsigned lines)
{
    uint64_t at = written;
    unsigned ends = 0;

    /* Each line ends in \n, the last one, too. */
    while (at > oldest() && (ring[(at - 1) % LOG_SIZE] != '\n' || ends++ < lines)) {
        at--;
    }
    print_from(at);
}
