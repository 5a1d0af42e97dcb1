/* options.c - see options.h. */
#include "kernel/options.h"

#include <stddef.h>
#include <stdint.h>

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

/* A word that stands for one value of one field: its first byte, the others being zero. */
#define WORD(word, field, value)                                                                   \
    {                                                                                              \
        word, offsetof(struct options, field), sizeof(((struct options *)0)->field), value         \
    }
static const struct {
    const char *word;
    size_t offset, size;
    uint8_t value;
} fixed_words[] = {
    WORD("debug", debug, true),
    WORD("console=both", console, OPTION_CONSOLE_BOTH),
    WORD("console=vga", console, OPTION_CONSOLE_VGA),
    WORD("console=serial", console, OPTION_CONSOLE_SERIAL),
    WORD("panic=halt", panic_reboot, false),
    WORD("panic=reboot", panic_reboot, true),
    WORD("watchdog=off", watchdog, OPTION_WATCHDOG_OFF),
    WORD("watchdog=tick", watchdog, OPTION_WATCHDOG_TICK),
    WORD("watchdog=nmi", watchdog, OPTION_WATCHDOG_NMI),
    WORD("test", test, true),
    WORD("test", test_glob, '\0'), /* all of them */
};

static bool take_fixed_word(struct options *options, const char *word)
{
    bool known = false;

    for (size_t i = 0; i < sizeof(fixed_words) / sizeof(fixed_words[0]); i++) {
        if (strcmp(fixed_words[i].word, word) == 0) {
            char *field = (char *)options + fixed_words[i].offset;

            memset(field, 0, fixed_words[i].size);
            memcpy(field, &fixed_words[i].value, 1);
            known = true;
        }
    }
    return known;
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
           take_text(word, "layout=", options->layout, sizeof(options->layout)) ||
           take_text(word, "root=", options->root, sizeof(options->root));
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
