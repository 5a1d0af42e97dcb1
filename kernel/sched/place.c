/* place.c - where in the code somebody was: for the panics of locks and threads. */
#include "kernel/printf.h"
#include "kernel/sched/scheduler.h"
#include "kernel/symbols.h"

const char *code_place(struct code_place *place, const void *address)
{
    struct symbol symbol;

    /* A return address may already belong to the next line, or the next function. */
    if (!symbols_find((uintptr_t)address - 1, &symbol)) {
        format_string(place->text, sizeof(place->text), "%p", address);
    } else {
        format_string(place->text, sizeof(place->text), "%s (%s:%u)", symbol.function, symbol.file,
                      (unsigned)symbol.line);
    }
    return place->text;
}
