/*
 * console.c - see console.h.
 *
 * One spin lock makes calls wait for each other. It keeps interrupts off while a sink is at work,
 * so a sink that may have to wait does that before, in make_room. In a panic there is no lock.
 */
#include "kernel/console.h"

#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"

static struct spinlock lock = SPINLOCK("console");
static struct console_sink *sinks; /* changed at start-up only */
static unsigned selected = CONSOLE_SCREEN | CONSOLE_SERIAL | CONSOLE_EMULATOR;
static bool panicking;

void console_register(struct console_sink *sink)
{
    sink->next = sinks;
    sinks = sink;
}

unsigned console_kinds(void)
{
    unsigned kinds = 0;

    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        kinds |= sink->kind;
    }
    return kinds;
}

void console_select(unsigned kinds)
{
    selected = kinds | CONSOLE_EMULATOR;
}

static void begin(void)
{
    if (!panicking) {
        spin_lock(&lock);
    }
}

static void end(void)
{
    if (!panicking) {
        spin_unlock(&lock);
    }
}

/* Wait, if this caller may, until each sink has room for some text. */
static void make_room(size_t bytes)
{
    if (panicking || !thread_may_sleep()) {
        return;
    }
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->make_room != NULL && (sink->kind & selected)) {
            sink->make_room(bytes);
        }
    }
}

static void write_locked(const char *text, size_t length)
{
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->kind & selected) {
            sink->write(text, length);
        }
    }
}

void console_write(const char *text, size_t length)
{
    while (length > 0) {
        size_t piece = length < CONSOLE_PIECE ? length : CONSOLE_PIECE;

        make_room(2 * piece); /* a line end becomes two bytes */
        begin();
        write_locked(text, piece);
        end();
        text += piece;
        length -= piece;
    }
}

/*
 * kprintf gathers characters, because a sink has work to do for each call: the screen moves its
 * cursor, which costs four slow port writes.
 */
struct chunk {
    size_t used;
    char text[128];
};

static void put_in_chunk(void *context, char c)
{
    struct chunk *chunk = context;

    if (chunk->used == sizeof(chunk->text)) {
        write_locked(chunk->text, chunk->used);
        chunk->used = 0;
    }
    chunk->text[chunk->used++] = c;
}

static void print_locked(const char *text, va_list arguments)
{
    struct chunk chunk = {.used = 0};

    format_text(put_in_chunk, &chunk, text, arguments);
    write_locked(chunk.text, chunk.used);
}

void kprintf_va(const char *text, va_list arguments)
{
    make_room(2 * CONSOLE_PIECE);
    begin();
    print_locked(text, arguments);
    end();
}

void kprintf(const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    kprintf_va(text, arguments);
    va_end(arguments);
}

static void colour_locked(enum colour text, enum colour back)
{
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->colour != NULL) {
            sink->colour(text, back);
        }
    }
}

void kprintf_coloured(enum colour colour, const char *text, ...)
{
    va_list arguments;

    make_room(2 * CONSOLE_PIECE);
    va_start(arguments, text);
    begin();
    colour_locked(colour, COLOUR_BLACK);
    print_locked(text, arguments);
    colour_locked(COLOUR_LIGHT_GREY, COLOUR_BLACK);
    end();
    va_end(arguments);
}

void console_colour(enum colour text, enum colour back)
{
    begin();
    colour_locked(text, back);
    end();
}

void console_default_colour(void)
{
    console_colour(COLOUR_LIGHT_GREY, COLOUR_BLACK);
}

void console_clear(void)
{
    make_room(CONSOLE_PIECE);
    begin();
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->clear != NULL && (sink->kind & selected)) {
            sink->clear();
        }
    }
    end();
}

void console_flush(void)
{
    begin();
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->flush != NULL) {
            sink->flush();
        }
    }
    end();
}

void console_panic(void)
{
    panicking = true;
    console_select(CONSOLE_SCREEN | CONSOLE_SERIAL);
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->panic != NULL) {
            sink->panic();
        }
    }
}
