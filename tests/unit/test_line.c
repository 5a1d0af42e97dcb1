/*
 * test_line.c - the line editor: each key by hand, and hundreds of thousands of random keys against
 * a plain reference editor, while a model of a terminal checks what is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/input.h"
#include "shell/line.h"

#define PROMPT_COLUMNS 11
#define COLUMNS        80

/* ---- A terminal of one line -------------------------------------------------------------------
 */

static char screen[COLUMNS + 1]; /* from column 0 */
static size_t terminal_column;
static size_t written; /* bytes, to see that editing is cheap */

static void clear_screen(void)
{
    memset(screen, ' ', COLUMNS);
    terminal_column = PROMPT_COLUMNS;
    written = 0;
}

static void terminal_write(const char *text, size_t length)
{
    written += length;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\b') {
            assert_true(terminal_column > PROMPT_COLUMNS); /* never into the prompt */
            terminal_column--;
        } else if (text[i] == '\n') {
            terminal_column = 0;
        } else {
            assert_true((uint8_t)text[i] >= ' ' && text[i] != 127);
            assert_true(terminal_column < COLUMNS - 1); /* never wraps */
            screen[terminal_column++] = text[i];
        }
    }
}

static const char *choice(size_t index)
{
    static const char *const words[] = {"boot", "clear", "cpu", "crash", "echo", "e820"};

    return index < sizeof(words) / sizeof(words[0]) ? words[index] : NULL;
}

static const struct line_client client = {.write = terminal_write, .choice = choice};
static struct line line;

static int start(void **state)
{
    (void)state;
    line_init(&line, &client);
    clear_screen();
    line_start(&line, PROMPT_COLUMNS);
    return 0;
}

static void type(const char *text)
{
    while (*text != '\0') {
        assert_int_equal(line_key(&line, *text++), LINE_EDITING);
    }
}

static void key(int code)
{
    assert_int_equal(line_key(&line, code), LINE_EDITING);
}

static void enter(const char *text)
{
    type(text);
    assert_int_equal(line_key(&line, KEY_ENTER), LINE_DONE);
    assert_string_equal(line.text, text);
    clear_screen();
    line_start(&line, PROMPT_COLUMNS);
}

/* The text must be TEXT with the cursor at CURSOR, and the terminal must show just that. */
static void expect(const char *text, size_t cursor)
{
    assert_string_equal(line.text, text);
    assert_int_equal(line.cursor, cursor);
    assert_memory_equal(screen + PROMPT_COLUMNS, text, strlen(text));
    for (size_t i = PROMPT_COLUMNS + strlen(text); i < COLUMNS; i++) {
        assert_int_equal(screen[i], ' ');
    }
    assert_int_equal(terminal_column, PROMPT_COLUMNS + cursor);
}

static void test_typing_writes_each_character_once(void **state)
{
    (void)state;
    type("echo hello");
    expect("echo hello", 10);
    assert_int_equal(written, 10);
    key(KEY_LEFT);
    assert_int_equal(written, 11);
}

static void test_moving_and_deleting(void **state)
{
    (void)state;
    type("abcd");
    key(KEY_LEFT), key(KEY_LEFT);
    type("X");
    expect("abXcd", 3);
    key(KEY_BACKSPACE);
    expect("abcd", 2);
    key(KEY_DELETE);
    expect("abd", 2);
    key(KEY_HOME);
    expect("abd", 0);
    key(KEY_BACKSPACE), key(KEY_LEFT);
    expect("abd", 0);
    key(KEY_END);
    expect("abd", 3);
    key(KEY_DELETE), key(KEY_RIGHT);
    expect("abd", 3);
    key(KEY_CTRL('a'));
    expect("abd", 0);
    key(KEY_RIGHT);
    expect("abd", 1);
    key(KEY_CTRL('e'));
    expect("abd", 3);
}

static void test_killing(void **state)
{
    (void)state;
    type("one two  three");
    key(KEY_CTRL('w'));
    expect("one two  ", 9);
    key(KEY_CTRL('w'));
    expect("one ", 4);
    type("four");
    key(KEY_HOME), key(KEY_RIGHT), key(KEY_RIGHT);
    key(KEY_CTRL('u'));
    expect("e four", 0);
    key(KEY_RIGHT);
    key(KEY_CTRL('k'));
    expect("e", 1);
}

static void test_enter_in_the_middle(void **state)
{
    (void)state;
    type("abc");
    key(KEY_HOME);
    assert_int_equal(line_key(&line, KEY_ENTER), LINE_DONE);
    assert_string_equal(line.text, "abc");
    assert_int_equal(terminal_column, 0);
}

static void test_giving_up(void **state)
{
    (void)state;
    type("abc");
    clear_screen(); /* the ^C that is shown is not the editor's own text */
    assert_int_equal(line_key(&line, KEY_CTRL('c')), LINE_GIVEN_UP);
    assert_string_equal(line.text, "");
    assert_int_equal(terminal_column, 0);
}

static void test_redraw(void **state)
{
    (void)state;
    type("abcd");
    key(KEY_LEFT);
    assert_int_equal(line_key(&line, KEY_CTRL('l')), LINE_REDRAW);
    clear_screen();
    line_redraw(&line);
    expect("abcd", 3);
}

static void test_history(void **state)
{
    (void)state;
    enter("first");
    enter("second");
    enter("second"); /* not kept twice */
    enter("");
    type("new");
    key(KEY_UP);
    expect("second", 6);
    key(KEY_UP);
    expect("first", 5);
    key(KEY_UP);
    expect("first", 5);
    key(KEY_DOWN), key(KEY_DOWN);
    expect("new", 3);
    key(KEY_DOWN);
    expect("new", 3);
}

static void test_history_is_a_ring(void **state)
{
    char text[16];

    (void)state;
    for (int i = 0; i < 3 * LINE_HISTORY; i++) {
        sprintf(text, "line %d", i);
        enter(text);
    }
    for (int i = 0; i < 2 * LINE_HISTORY; i++) {
        key(KEY_UP);
    }
    sprintf(text, "line %d", 2 * LINE_HISTORY);
    expect(text, strlen(text));
}

static void test_completion(void **state)
{
    (void)state;
    type("bo"), key(KEY_TAB);
    expect("boot ", 5);
    key(KEY_CTRL('u'));
    type("c");
    assert_int_equal(line_key(&line, KEY_TAB), LINE_CHOICES);
    type("r"), key(KEY_TAB);
    expect("crash ", 6);
    type("b"), key(KEY_TAB);
    expect("crash b", 7); /* only commands are completed */
    type(";ec"), key(KEY_TAB);
    expect("crash b;echo ", 13);
    type("; zz"), key(KEY_TAB);
    expect("crash b;echo ; zz", 17);
}

static void test_long_lines_scroll(void **state)
{
    char text[201];

    (void)state;
    for (int i = 0; i < 200; i++) {
        text[i] = (char)('a' + i % 26);
        line_key(&line, text[i]);
    }
    text[200] = '\0';
    assert_string_equal(line.text, text);
    assert_memory_equal(screen + PROMPT_COLUMNS, text + 200 - 68, 68);
    key(KEY_HOME);
    assert_memory_equal(screen + PROMPT_COLUMNS, text, 68);
    assert_int_equal(terminal_column, PROMPT_COLUMNS);
}

static void test_full_line(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * LINE_MAX_TEXT; i++) {
        key('x');
    }
    assert_int_equal(strlen(line.text), LINE_MAX_TEXT - 1);
    key(KEY_HOME), key('y');
    assert_int_equal(line.text[0], 'x');
}

/* ---- Random keys against a reference -----------------------------------------------------------
 */

static char reference[LINE_MAX_TEXT];
static size_t reference_cursor;

static void reference_delete(size_t from, size_t to)
{
    memmove(reference + from, reference + to, strlen(reference + to) + 1);
    reference_cursor = from;
}

static void reference_key(int code)
{
    size_t length = strlen(reference);

    bool character = (code >= ' ' && code < 127) || (code >= 0x80 && code <= 0xFF);

    if (character && length < LINE_MAX_TEXT - 1) {
        memmove(reference + reference_cursor + 1, reference + reference_cursor,
                length - reference_cursor + 1);
        reference[reference_cursor++] = (char)code;
    } else if (code == KEY_LEFT && reference_cursor > 0) {
        reference_cursor--;
    } else if (code == KEY_RIGHT && reference_cursor < length) {
        reference_cursor++;
    } else if (code == KEY_HOME) {
        reference_cursor = 0;
    } else if (code == KEY_END) {
        reference_cursor = length;
    } else if (code == KEY_BACKSPACE && reference_cursor > 0) {
        reference_delete(reference_cursor - 1, reference_cursor);
    } else if (code == KEY_DELETE && reference_cursor < length) {
        reference_delete(reference_cursor, reference_cursor + 1);
    } else if (code == KEY_CTRL('u')) {
        reference_delete(0, reference_cursor);
    } else if (code == KEY_CTRL('k')) {
        reference_delete(reference_cursor, length);
    }
}

static int random_key(void)
{
    static const int keys[] = {KEY_LEFT,   KEY_LEFT, KEY_LEFT,      KEY_RIGHT,
                               KEY_HOME,   KEY_END,  KEY_BACKSPACE, KEY_BACKSPACE,
                               KEY_DELETE, KEY_F12,  0x7F,          KEY_ESCAPE};

    switch (rand() % 40) {
    case 0:
        return rand() % 4 ? KEY_CTRL('k') : KEY_CTRL('u');
    default:
        if (rand() % 8 == 0) {
            return 0x80 + rand() % 128; /* code page 437 */
        }
        return rand() % 2 ? ' ' + rand() % 95 : keys[rand() % 12];
    }
}

static void test_random_keys(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        srand(seed);
        start(NULL);
        reference[0] = '\0';
        reference_cursor = 0;
        for (int i = 0; i < 1000; i++) {
            int code = random_key();

            key(code);
            reference_key(code);
            assert_string_equal(line.text, reference);
            assert_int_equal(line.cursor, reference_cursor);
            /* The cursor stands on its character, whatever part of the line is seen. */
            assert_int_equal(terminal_column - PROMPT_COLUMNS, line.cursor - line.window);
            for (size_t column = 0; column < line.visible; column++) {
                char want =
                    line.window + column < line.length ? line.text[line.window + column] : ' ';

                assert_int_equal(screen[PROMPT_COLUMNS + column], want);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_typing_writes_each_character_once, start),
        cmocka_unit_test_setup(test_moving_and_deleting, start),
        cmocka_unit_test_setup(test_killing, start),
        cmocka_unit_test_setup(test_enter_in_the_middle, start),
        cmocka_unit_test_setup(test_giving_up, start),
        cmocka_unit_test_setup(test_redraw, start),
        cmocka_unit_test_setup(test_history, start),
        cmocka_unit_test_setup(test_history_is_a_ring, start),
        cmocka_unit_test_setup(test_completion, start),
        cmocka_unit_test_setup(test_long_lines_scroll, start),
        cmocka_unit_test_setup(test_full_line, start),
        cmocka_unit_test_setup(test_random_keys, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
