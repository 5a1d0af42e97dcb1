/* give_up.c - how this tool gives up; see codemap.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/symbols/codemap.h"

void give_up(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "symbols: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(1);
}

void *grow(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL) {
        give_up("out of memory");
    }
    return memory;
}
