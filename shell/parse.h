/*
 * parse.h - takes a line apart into commands and words. Portable.
 *
 *   ;             ends a command
 *   &             ends one that is to run in the background
 *   'text'        as it stands
 *   "text"        as it stands, but for $? and for \" \\ \$
 *   \c            c, whatever it is
 *   $?            the status of the command before
 */
#ifndef SECTOR0_SHELL_PARSE_H
#define SECTOR0_SHELL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARSE_ARGS_MAX 32
#define PARSE_TEXT_MAX 640 /* bytes of all words of one command with their NULs */

/* One command: its words, argv[argc] is NULL. The text is owned by the struct. */
struct command_words {
    int argc;
    bool background; /* it ended in & */
    char *argv[PARSE_ARGS_MAX + 1];
    char text[PARSE_TEXT_MAX];
};

enum parse_result {
    PARSE_COMMAND = 1,     /* WORDS is a command, argc > 0 */
    PARSE_END = 0,         /* the line is at its end */
    PARSE_OPEN_QUOTE = -1, /* a quote without an end */
    PARSE_TOO_MANY = -2,   /* more words than PARSE_ARGS_MAX */
    PARSE_TOO_LONG = -3,   /* more text than PARSE_TEXT_MAX */
};

/*
 * Take the next command from *LINE and move *LINE behind it. STATUS is what $? stands for. Empty
 * commands are skipped. After an error the rest of the line is not to be used. Context: any.
 */
enum parse_result parse_command(const char **line, struct command_words *words, int status);

/*
 * Take the decimal digits at *TEXT off it. Returns false if there are none, or the value is above
 * MAX. Context: any.
 */
bool parse_take_number(const char **text, uint64_t max, uint64_t *value);

/* What an error of parse_command means, for people. */
const char *parse_error_text(enum parse_result error);

#endif
