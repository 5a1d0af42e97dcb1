/* console.c - see console.h. */
#include "kernel/console.h"

static struct console_sink *sinks;
static unsigned selected = CONSOLE_SCREEN | CONSOLE_SERIAL | CONSOLE_EMULATOR;

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

void console_write(const char *text, size_t length)
{
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->kind & selected) {
            sink->write(text, length);
        }
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
        console_write(chunk->text, chunk->used);
        chunk->used = 0;
    }
    chunk->text[chunk->used++] = c;
}

void kprintf_va(const char *text, va_list arguments)
{
    struct chunk chunk = {.used = 0};

    format_text(put_in_chunk, &chunk, text, arguments);
    console_write(chunk.text, chunk.used);
}

void kprintf(const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    kprintf_va(text, arguments);
    va_end(arguments);
}

void console_colour(enum colour text, enum colour back)
{
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->colour != NULL) {
            sink->colour(text, back);
        }
    }
}

void console_default_colour(void)
{
    console_colour(COLOUR_LIGHT_GREY, COLOUR_BLACK);
}

void console_clear(void)
{
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->clear != NULL && (sink->kind & selected)) {
            sink->clear();
        }
    }
}

void console_panic(void)
{
    console_select(CONSOLE_SCREEN | CONSOLE_SERIAL);
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->panic != NULL) {
            sink->panic();
        }
    }
}

void console_flush(void)
{
    for (struct console_sink *sink = sinks; sink != NULL; sink = sink->next) {
        if (sink->flush != NULL) {
            sink->flush();
        }
    }
}
