/* parse.c - see parse.h. */
#include "shell/parse.h"

#include <stdbool.h>

#include "kernel/printf.h"

/* The state of one parse_command. */
struct parser {
    const char *at;
    struct command_words *words;
    size_t used; /* bytes of words->text */
    int status;  /* for $? */
    bool too_long;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_end(char c)
{
    return c == '\0' || c == ';' || c == '&';
}

static void add_char(struct parser *parser, char c)
{
    if (parser->used == PARSE_TEXT_MAX) {
        parser->too_long = true;
    } else {
        parser->words->text[parser->used++] = c;
    }
}

/* At a $: only $? means something. */
static void add_dollar(struct parser *parser)
{
    char number[12];

    parser->at++;
    if (*parser->at != '?') {
        add_char(parser, '$');
        return;
    }
    parser->at++;
    format_string(number, sizeof(number), "%d", parser->status);
    for (const char *c = number; *c != '\0'; c++) {
        add_char(parser, *c);
    }
}

/* At the opening quote. Returns false if there is no closing one. */
static bool add_quoted(struct parser *parser)
{
    char quote = *parser->at++;

    while (*parser->at != quote) {
        if (*parser->at == '\0') {
            return false;
        }
        if (quote == '"' && *parser->at == '$') {
            add_dollar(parser);
            continue;
        }
        if (quote == '"' && *parser->at == '\\' &&
            (parser->at[1] == '"' || parser->at[1] == '\\' || parser->at[1] == '$')) {
            parser->at++;
        }
        add_char(parser, *parser->at++);
    }
    parser->at++;
    return true;
}

/* At the first character of a word. Returns false at an open quote. */
static bool add_word(struct parser *parser)
{
    while (!is_end(*parser->at) && !is_space(*parser->at)) {
        if (*parser->at == '\'' || *parser->at == '"') {
            if (!add_quoted(parser)) {
                return false;
            }
        } else if (*parser->at == '$') {
            add_dollar(parser);
        } else {
            if (*parser->at == '\\' && parser->at[1] != '\0') {
                parser->at++;
            }
            add_char(parser, *parser->at++);
        }
    }
    add_char(parser, '\0');
    return true;
}

enum parse_result parse_command(const char **line, struct command_words *words, int status)
{
    struct parser parser = {.at = *line, .words = words, .status = status};

    words->argc = 0;
    for (;;) {
        while (is_space(*parser.at) ||
               (words->argc == 0 && is_end(*parser.at) && *parser.at != '\0')) {
            parser.at++;
        }
        if (is_end(*parser.at)) {
            break;
        }
        if (words->argc == PARSE_ARGS_MAX) {
            return PARSE_TOO_MANY;
        }
        words->argv[words->argc++] = words->text + parser.used;
        if (!add_word(&parser)) {
            return PARSE_OPEN_QUOTE;
        }
        if (parser.too_long) {
            return PARSE_TOO_LONG;
        }
    }
    words->argv[words->argc] = NULL;
    words->background = *parser.at == '&';
    *line = parser.at;
    return words->argc > 0 ? PARSE_COMMAND : PARSE_END;
}

const char *parse_error_text(enum parse_result error)
{
    switch (error) {
    case PARSE_OPEN_QUOTE:
        return "a quote is not closed";
    case PARSE_TOO_MANY:
        return "too many words";
    case PARSE_TOO_LONG:
        return "too long";
    default:
        return "no error";
    }
}

bool parse_take_number(const char **text, uint64_t max, uint64_t *value)
{
    const char *start = *text;

    *value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        unsigned digit = (unsigned)(**text - '0');

        if (digit > max || *value > (max - digit) / 10) {
            return false;
        }
        *value = *value * 10 + digit;
    }
    return *text != start;
}
