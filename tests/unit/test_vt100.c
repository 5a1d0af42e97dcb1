/* test_vt100.c - what terminals send: arrows and their like, line ends, ESC alone, broken
 * sequences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/vt100.h"
#include "kernel/input.h"

static int keys[64];
static size_t count;

static void add(int key)
{
    assert_true(key > 0 && key <= KEY_CTRL_ALT_DELETE);
    assert_true(count < 64);
    keys[count++] = key;
}

/* Send TEXT to a fresh decoder, and compare the keys with those given, ended by 0. */
static void expect(const char *text, ...)
{
    struct vt100 decoder = {0};
    va_list wanted;
    size_t i = 0;

    count = 0;
    for (const char *c = text; *c != '\0'; c++) {
        vt100_decode(&decoder, (uint8_t)*c, add);
    }
    va_start(wanted, text);
    for (int key = va_arg(wanted, int); key != 0; key = va_arg(wanted, int)) {
        assert_true(i < count);
        assert_int_equal(keys[i++], key);
    }
    va_end(wanted);
    assert_int_equal(i, count);
}

static void test_plain(void **state)
{
    (void)state;
    expect("aZ~ ", 'a', 'Z', '~', ' ', 0);
    expect("\001\t\b\177", 1, KEY_TAB, KEY_BACKSPACE, KEY_BACKSPACE, 0);
    expect("\200\377", 0);
}

static void test_line_ends(void **state)
{
    (void)state;
    expect("a\rb", 'a', KEY_ENTER, 'b', 0);
    expect("a\nb", 'a', KEY_ENTER, 'b', 0);
    expect("a\r\nb", 'a', KEY_ENTER, 'b', 0);
    expect("\r\r\n\n", KEY_ENTER, KEY_ENTER, KEY_ENTER, 0);
}

static void test_sequences(void **state)
{
    (void)state;
    expect("\033[A\033[B\033[C\033[D", KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT, 0);
    expect("\033OA\033OB\033OH\033OF", KEY_UP, KEY_DOWN, KEY_HOME, KEY_END, 0);
    expect("\033[H\033[F\033[1~\033[4~\033[7~\033[8~", KEY_HOME, KEY_END, KEY_HOME, KEY_END,
           KEY_HOME, KEY_END, 0);
    expect("\033[2~\033[3~\033[5~\033[6~", KEY_INSERT, KEY_DELETE, KEY_PAGE_UP, KEY_PAGE_DOWN, 0);
    expect("\033[1;5Cx", KEY_RIGHT, 'x', 0); /* Ctrl and an arrow */
    expect("\033[3;2~", KEY_DELETE, 0);
}

static void test_unknown_sequences_vanish(void **state)
{
    (void)state;
    expect("\033[Zx", 'x', 0);
    expect("\033[99999999~x", 'x', 0);
    expect("\033[?1;2cx", 'x', 0); /* a terminal that says what it is */
    expect("\033OPx", 'x', 0);
}

static void test_escape_alone(void **state)
{
    (void)state;
    expect("\033x", KEY_ESCAPE, 'x', 0);
    expect("\033\033[A", KEY_ESCAPE, KEY_UP, 0);
    expect("\033\r", KEY_ESCAPE, KEY_ENTER, 0);
}

static void test_cut_sequence(void **state)
{
    (void)state;
    expect("\033[\033[A", KEY_UP, 0);
    expect("\033[1;\033[Bx", KEY_DOWN, 'x', 0);
}

static void test_any_bytes(void **state)
{
    struct vt100 decoder = {0};

    (void)state;
    srand(1);
    for (unsigned i = 0; i < 1000000; i++) {
        count = 0;
        vt100_decode(&decoder, rand() % 4 == 0 ? 27 : (uint8_t)rand(), add);
        assert_true(count <= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_sequences),    cmocka_unit_test(test_unknown_sequences_vanish),
        cmocka_unit_test(test_escape_alone), cmocka_unit_test(test_cut_sequence),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
