/* complain.c - how mkdisk says no. See mkdisk.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mkdisk.h"
#include "progress.h"

#define LINE_SIZE 1024

static int refusal = EXIT_IMAGE;
static const char *hint; /* a verb, NULL: none yet */

void usage_hint(const char *verb)
{
    hint = verb;
}

void refuse_with(int code)
{
    refusal = code;
}

/*
 * One line stays one line: a control character in a path or in a text from a disk is shown as '?'.
 */
static void print_line(const char *subject, const char *format, va_list arguments)
{
    char line[LINE_SIZE];
    int used = snprintf(line, sizeof line, "mkdisk: %s: ", subject);

    if (used >= 0 && (size_t)used < sizeof line) {
        vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    }
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7F) {
            *c = '?';
        }
    }
    fflush(stdout);
    progress_hide();
    fprintf(stderr, "%s\n", line);
}

void complain(const char *subject, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(subject, format, arguments);
    va_end(arguments);
}

void refuse(const char *subject, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(subject, format, arguments);
    va_end(arguments);
    exit(refusal);
}

void usage_error(const char *format, ...)
{
    char message[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    complain("wrong usage", "%s; see `mkdisk help%s%s`", message, hint != NULL ? " " : "",
             hint != NULL ? hint : "");
    exit(EXIT_USAGE);
}

void *allocate(uint64_t size)
{
    void *memory = calloc(1, size > 0 ? (size_t)size : 1);

    if (memory == NULL) {
        refuse("memory", "cannot allocate %llu bytes", (unsigned long long)size);
    }
    return memory;
}
