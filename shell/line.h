/*
 * line.h - the line editor: takes keys, keeps the text, the history and what the terminal shows.
 * Portable, and the same for the screen and for a terminal on the serial line: it prints nothing
 * but characters and \b.
 *
 *   arrows, Home End      move              Ctrl-A Ctrl-E   move to the start, the end
 *   Backspace Delete      delete            Ctrl-U Ctrl-K   delete to the start, to the end
 *   Up Down               history           Ctrl-W          delete the word to the left
 *   Tab                   complete          Ctrl-C          give the line up
 *                                           Ctrl-L          clear the screen
 */
#ifndef SECTOR0_SHELL_LINE_H
#define SECTOR0_SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_TEXT    512 /* bytes with the NUL; what is typed beyond is not taken */
#define LINE_HISTORY     16
#define LINE_VISIBLE_MAX 80

/* What became of a key. */
enum line_result {
    LINE_EDITING,  /* the line goes on */
    LINE_DONE,     /* Enter: line->text is the line */
    LINE_GIVEN_UP, /* Ctrl-C: line->text is empty */
    LINE_REDRAW,   /* the caller clears the screen, prints its prompt and calls line_redraw */
    LINE_CHOICES,  /* the same, but it prints the words that begin with line_word first */
};

/* What a line needs from outside. */
struct line_client {
    void (*write)(const char *text, size_t length);
    /* The word number INDEX that Tab can complete, or NULL behind the last one. */
    const char *(*choice)(size_t index);
};

struct line {
    char text[LINE_MAX_TEXT];
    size_t length, cursor;

    const struct line_client *client;
    size_t visible;               /* characters that fit behind the prompt */
    size_t window;                /* index of the first character that is shown */
    char shown[LINE_VISIBLE_MAX]; /* what the terminal shows behind the prompt */
    size_t shown_length, shown_cursor;

    char history[LINE_HISTORY][LINE_MAX_TEXT]; /* a ring */
    size_t history_count;                      /* lines ever added */
    size_t history_back;                       /* 0: the line being typed, n: the n-th newest */
    char kept[LINE_MAX_TEXT]; /* the line being typed, while an older one is shown */
};

/* Prepare LINE once. Context: any, as for all of these: one line, one caller. */
void line_init(struct line *line, const struct line_client *client);

/* Start an empty line behind a prompt that ends at column COLUMN of 80. */
void line_start(struct line *line, size_t column);

/* Take KEY (kernel/input.h). When the line ends, the terminal's cursor is on a new line. */
enum line_result line_key(struct line *line, int key);

/* The prompt was printed again: show the text behind it. */
void line_redraw(struct line *line);

/* The start of the command word that the cursor is in; *LENGTH is set to its length. */
const char *line_word(const struct line *line, size_t *length);

#endif
