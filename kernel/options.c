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

static bool take_word(struct options *options, const char *word)
{
    static const char run[] = "run=";

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
    } else if (strncmp(word, run, sizeof(run) - 1) == 0) {
        memcpy(options->run, word + sizeof(run) - 1, strlen(word) + 1 - (sizeof(run) - 1));
    } else {
        return false;
    }
    return true;
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
