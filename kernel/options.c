/* options.c - see options.h. */
#include "kernel/options.h"

#include <stddef.h>

#include "kernel/string.h"

/*
 * Copy the next word of *TEXT to WORD and move *TEXT behind it. Double quotes hold spaces together
 * and are dropped. Returns false at the end. A word is never longer than the command line.
 */
static bool next_word(const char **text, char word[CMDLINE_SIZE])
{
    size_t length = 0;
    bool quoted = false;

    while (**text == ' ' || **text == '\t') {
        (*text)++;
    }
    if (**text == '\0') {
        return false;
    }
    for (; **text != '\0' && (quoted || (**text != ' ' && **text != '\t')); (*text)++) {
        if (**text == '"') {
            quoted = !quoted;
        } else if (length < CMDLINE_SIZE - 1) {
            word[length++] = **text;
        }
    }
    word[length] = '\0';
    return true;
}

static void add_unknown(struct options *options, const char *word)
{
    size_t used = strlen(options->unknown);
    size_t length = strlen(word);

    /* All unknown words together are not longer than the line they came from, so they fit. */
    if (used > 0) {
        options->unknown[used++] = ' ';
    }
    memcpy(options->unknown + used, word, length + 1);
}

/* A word that stands for one value of one field. */
static bool take_fixed_word(struct options *options, const char *word)
{
    if (strcmp(word, "debug") == 0) {
        options->debug = true;
    } else if (strcmp(word, "console=both") == 0) {
        options->console = OPTION_CONSOLE_BOTH;
    } else if (strcmp(word, "console=vga") == 0) {
        options->console = OPTION_CONSOLE_VGA;
    } else if (strcmp(word, "console=serial") == 0) {
        options->console = OPTION_CONSOLE_SERIAL;
    } else if (strcmp(word, "panic=halt") == 0) {
        options->panic_reboot = false;
    } else if (strcmp(word, "panic=reboot") == 0) {
        options->panic_reboot = true;
    } else if (strcmp(word, "watchdog=off") == 0) {
        options->watchdog = OPTION_WATCHDOG_OFF;
    } else if (strcmp(word, "watchdog=tick") == 0) {
        options->watchdog = OPTION_WATCHDOG_TICK;
    } else if (strcmp(word, "watchdog=nmi") == 0) {
        options->watchdog = OPTION_WATCHDOG_NMI;
    } else if (strcmp(word, "test") == 0) {
        options->test = true;
        options->test_glob[0] = '\0';
    } else {
        return false;
    }
    return true;
}

/* If WORD is NAME and a text that fits into VALUE, SIZE bytes, copy the text. */
static bool take_text(const char *word, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);

    if (strncmp(word, name, length) != 0 || strlen(word) - length >= size) {
        return false;
    }
    memcpy(value, word + length, strlen(word) + 1 - length);
    return true;
}

static bool take_word(struct options *options, const char *word)
{
    if (take_text(word, "test=", options->test_glob, sizeof(options->test_glob))) {
        options->test = true;
        return true;
    }
    return take_fixed_word(options, word) ||
           take_text(word, "run=", options->run, sizeof(options->run)) ||
           take_text(word, "layout=", options->layout, sizeof(options->layout));
}

void options_parse(struct options *options, const char *cmdline)
{
    char word[CMDLINE_SIZE];

    memset(options, 0, sizeof(*options));
    while (next_word(&cmdline, word)) {
        if (!take_word(options, word)) {
            add_unknown(options, word);
        }
    }
}
