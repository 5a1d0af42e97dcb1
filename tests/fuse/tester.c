/* tester.c - see tester.h. */
#include "tests/fuse/tester.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINES 40
#define LOG_WIDTH 500

struct tester tester;
static char log_line[LOG_LINES][LOG_WIDTH];
static uint64_t logged;
static int word_count;
static char **word_list;

const char *tester_word(const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < word_count; i++) {
        if (strcmp(word_list[i], name) == 0) {
            return word_list[i + 1];
        }
    }
    return fallback;
}

uint64_t tester_number(const char *name, uint64_t fallback)
{
    const char *word = tester_word(name, NULL);

    return word != NULL ? strtoull(word, NULL, 0) : fallback;
}

static const char *all_words(void)
{
    static char text[1024];

    for (int i = 0; i < word_count; i++) {
        size_t used = strlen(text);

        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "", word_list[i]);
    }
    return text;
}

/* A mapped page that cannot be read is a dead server, or a failure like any other. */
static void on_sigbus(int signal_number)
{
    (void)signal_number;
    errno = tester.crashed != NULL ? ENOTCONN : EFAULT;
    fail_call("access to mapped memory");
}

int tester_start(int argc, char **argv)
{
    int first = 1;

    word_count = argc;
    word_list = argv;
    tester.words = all_words();
    tester.seed = tester_number("--seed", 1);
    tester.ops = tester_number("--ops", 1000);
    tester.full = tester_number("--full", 0) != 0;
    tester_seed(tester.seed);
    signal(SIGBUS, on_sigbus);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (first + 1 < argc && strncmp(argv[first], "--", 2) == 0) {
        first += 2;
    }
    return first;
}

void tester_seed(uint64_t seed)
{
    tester.random = (seed + 1) * 0xD1342543DE82EF95u; /* not next()'s step: seeds would overlap */
}

static uint64_t next(void)
{
    uint64_t z = tester.random += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint32_t pick(uint32_t limit)
{
    return (uint32_t)(next() >> 32) % limit;
}

bool chance(uint32_t of)
{
    return pick(of) == 0;
}

void random_bytes(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t value = next();

        memcpy(bytes + i, &value, size - i < 8 ? size - i : 8);
    }
}

void note(const char *text, ...)
{
    char *line = log_line[logged++ % LOG_LINES];
    int used = snprintf(line, LOG_WIDTH, "%8" PRIu64 "  ", tester.op);
    va_list arguments;

    va_start(arguments, text);
    vsnprintf(line + used, LOG_WIDTH - (size_t)used, text, arguments);
    va_end(arguments);
}

void fail(const char *text, ...)
{
    const char *reason = errno != 0 ? strerror(errno) : "";
    uint64_t first = logged > LOG_LINES ? logged - LOG_LINES : 0;
    va_list arguments;

    flockfile(stdout); /* of several processes that fail one speaks at a time */
    for (uint64_t i = first; i < logged; i++) {
        printf("%s\n", log_line[i % LOG_LINES]);
    }
    printf("FAILED at operation %" PRIu64 " of seed %" PRIu64 ": ", tester.op, tester.seed);
    va_start(arguments, text);
    vprintf(text, arguments);
    va_end(arguments);
    printf("%s%s\nagain: %s\n", *reason != '\0' ? ": " : "", reason, tester.words);
    fflush(stdout);
    _Exit(EXIT_FAILED);
}

void fail_call(const char *call)
{
    bool dead =
        errno == ENOTCONN || errno == ECONNABORTED || errno == EIO; /* the last from close */

    if (dead && tester.crashed != NULL) {
        tester.crashed();
        fflush(stdout);
        _Exit(EXIT_CRASHED);
    }
    fail("%s", call);
}
