/*
 * line.c - see line.h.
 *
 * Editing changes text and cursor only; show() then makes the terminal agree. It knows what the
 * terminal shows, prints from the first difference on, and moves with \b and by printing what is
 * there already. Long lines are shown through a window: the terminal's line never wraps, since \b
 * does not go back over the left edge.
 */
#include "shell/line.h"

#include "kernel/input.h"
#include "kernel/string.h"

#define COLUMNS 80

static void write_char(struct line *line, char c)
{
    line->client->write(&c, 1);
}

static void back(struct line *line, size_t count)
{
    for (line->shown_cursor -= count; count > 0; count--) {
        write_char(line, '\b');
    }
}

/* Keep the cursor inside the window. */
static void slide_window(struct line *line)
{
    if (line->cursor < line->window) {
        line->window = line->cursor;
    }
    if (line->cursor > line->window + line->visible) {
        line->window = line->cursor - line->visible;
    }
}

static void show(struct line *line)
{
    slide_window(line);
    const char *want = line->text + line->window;
    size_t want_length = line->length - line->window;
    size_t want_cursor = line->cursor - line->window;
    size_t same = 0;

    if (want_length > line->visible) {
        want_length = line->visible;
    }
    while (same < want_length && same < line->shown_length && want[same] == line->shown[same]) {
        same++;
    }
    if (same < want_length || same < line->shown_length) {
        /* Go to the first difference, print the rest, and blank what is left of the old text. */
        if (line->shown_cursor > same) {
            back(line, line->shown_cursor - same);
        }
        line->client->write(want + line->shown_cursor, want_length - line->shown_cursor);
        line->shown_cursor = want_length;
        for (; line->shown_cursor < line->shown_length; line->shown_cursor++) {
            write_char(line, ' ');
        }
        memcpy(line->shown, want, want_length);
        line->shown_length = want_length;
    }
    if (line->shown_cursor > want_cursor) {
        back(line, line->shown_cursor - want_cursor);
    } else if (line->shown_cursor < want_cursor) {
        line->client->write(want + line->shown_cursor, want_cursor - line->shown_cursor);
        line->shown_cursor = want_cursor;
    }
}

static void insert(struct line *line, const char *text, size_t length)
{
    if (line->length + length >= LINE_MAX_TEXT) {
        return;
    }
    memmove(line->text + line->cursor + length, line->text + line->cursor,
            line->length - line->cursor + 1);
    memcpy(line->text + line->cursor, text, length);
    line->length += length;
    line->cursor += length;
}

/* Delete [from, to); the cursor ends at FROM. */
static void delete_span(struct line *line, size_t from, size_t to)
{
    memmove(line->text + from, line->text + to, line->length - to + 1);
    line->length -= to - from;
    line->cursor = from;
}

static size_t word_start(const struct line *line)
{
    size_t at = line->cursor;

    while (at > 0 && line->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && line->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void set_text(struct line *line, const char *text)
{
    line->length = strlen(text);
    memcpy(line->text, text, line->length + 1);
    line->cursor = line->length;
    line->window = 0;
}

static void remember(struct line *line)
{
    const char *newest = line->history[(line->history_count + LINE_HISTORY - 1) % LINE_HISTORY];

    if (line->length == 0 || (line->history_count > 0 && strcmp(newest, line->text) == 0)) {
        return;
    }
    memcpy(line->history[line->history_count++ % LINE_HISTORY], line->text, line->length + 1);
}

/* Show the line BACK lines ago. */
static void go_back_to(struct line *line, size_t steps)
{
    size_t kept = line->history_count < LINE_HISTORY ? line->history_count : LINE_HISTORY;

    if (steps > kept) {
        return;
    }
    if (line->history_back == 0) {
        memcpy(line->kept, line->text, line->length + 1);
    }
    line->history_back = steps;
    set_text(line,
             steps == 0 ? line->kept : line->history[(line->history_count - steps) % LINE_HISTORY]);
}

const char *line_word(const struct line *line, size_t *length)
{
    size_t start = line->cursor;

    while (start > 0 && line->text[start - 1] != ' ' && line->text[start - 1] != ';') {
        start--;
    }
    *length = line->cursor - start;
    return line->text + start;
}

/* Only the first word of a command can be completed. */
static bool at_command_word(const struct line *line)
{
    size_t length;
    size_t at = (size_t)(line_word(line, &length) - line->text);

    while (at > 0 && line->text[at - 1] == ' ') {
        at--;
    }
    return at == 0 || line->text[at - 1] == ';';
}

/* Insert what all choices that begin with the word have in common. */
static enum line_result complete(struct line *line)
{
    size_t length, matches = 0, common = 0;
    const char *word = line_word(line, &length);
    const char *first = NULL;

    if (!at_command_word(line)) {
        return LINE_EDITING;
    }
    for (size_t i = 0; line->client->choice(i) != NULL; i++) {
        const char *choice = line->client->choice(i);

        if (strncmp(choice, word, length) != 0) {
            continue;
        }
        if (matches++ == 0) {
            first = choice;
            common = strlen(choice);
        }
        while (strncmp(choice, first, common) != 0) {
            common--;
        }
    }
    if (matches > 1 && common == length) {
        return LINE_CHOICES;
    }
    if (matches > 0) {
        insert(line, first + length, common - length);
    }
    if (matches == 1) {
        insert(line, " ", 1);
    }
    return LINE_EDITING;
}

/* Everything that only moves or deletes. */
static void edit(struct line *line, int key)
{
    switch (key) {
    case KEY_LEFT:
        line->cursor -= line->cursor > 0;
        break;
    case KEY_RIGHT:
        line->cursor += line->cursor < line->length;
        break;
    case KEY_HOME:
    case KEY_CTRL('a'):
        line->cursor = 0;
        break;
    case KEY_END:
    case KEY_CTRL('e'):
        line->cursor = line->length;
        break;
    case KEY_BACKSPACE:
        if (line->cursor > 0) {
            delete_span(line, line->cursor - 1, line->cursor);
        }
        break;
    case KEY_DELETE:
        if (line->cursor < line->length) {
            delete_span(line, line->cursor, line->cursor + 1);
        }
        break;
    case KEY_CTRL('u'):
        delete_span(line, 0, line->cursor);
        break;
    case KEY_CTRL('k'):
        delete_span(line, line->cursor, line->length);
        break;
    case KEY_CTRL('w'):
        delete_span(line, word_start(line), line->cursor);
        break;
    case KEY_UP:
        go_back_to(line, line->history_back + 1);
        break;
    case KEY_DOWN:
        if (line->history_back > 0) {
            go_back_to(line, line->history_back - 1);
        }
        break;
    default:
        if ((key >= ' ' && key < 127) || (key >= 0x80 && key <= 0xFF)) {
            char c = (char)key;
            insert(line, &c, 1);
        }
        break;
    }
}

void line_init(struct line *line, const struct line_client *client)
{
    memset(line, 0, sizeof(*line));
    line->client = client;
}

void line_start(struct line *line, size_t column)
{
    line->text[0] = '\0';
    line->length = 0;
    line->cursor = 0;
    line->history_back = 0;
    line->window = 0;
    line->shown_length = 0;
    line->shown_cursor = 0;
    /* The last column stays free: there terminals disagree about where the cursor is. */
    line->visible = column < COLUMNS - 10 ? COLUMNS - 1 - column : 10;
}

void line_redraw(struct line *line)
{
    line->shown_length = 0;
    line->shown_cursor = 0;
    show(line);
}

enum line_result line_key(struct line *line, int key)
{
    enum line_result result = LINE_EDITING;

    switch (key) {
    case KEY_ENTER:
        line->cursor = line->length;
        show(line);
        line->client->write("\n", 1);
        remember(line);
        return LINE_DONE;
    case KEY_CTRL('c'):
        line->client->write("^C\n", 3);
        set_text(line, "");
        return LINE_GIVEN_UP;
    case KEY_CTRL('l'):
        return LINE_REDRAW;
    case KEY_TAB:
        result = complete(line);
        break;
    default:
        edit(line, key);
        break;
    }
    if (result == LINE_EDITING) {
        show(line);
    }
    return result;
}
