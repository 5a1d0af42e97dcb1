/* test_parse.c - the shell's grammar: words, quotes, ; and $?. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shell/parse.h"

static struct command_words words;

/* Parse LINE and show its commands as [word|word][word]..., or the error. */
static const char *show(const char *line, int status)
{
    static char out[4096];
    enum parse_result result;

    out[0] = '\0';
    while ((result = parse_command(&line, &words, status)) == PARSE_COMMAND) {
        assert_null(words.argv[words.argc]);
        strcat(out, "[");
        for (int i = 0; i < words.argc; i++) {
            strcat(out, i > 0 ? "|" : "");
            strcat(out, words.argv[i]);
        }
        strcat(out, words.background ? "]&" : "]");
    }
    if (result != PARSE_END) {
        strcat(out, parse_error_text(result));
    }
    return out;
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(show("", 0), "");
    assert_string_equal(show(" \t ", 0), "");
    assert_string_equal(show("echo", 0), "[echo]");
    assert_string_equal(show("  echo   a\tb  ", 0), "[echo|a|b]");
}

static void test_several_commands(void **state)
{
    (void)state;
    assert_string_equal(show("a;b", 0), "[a][b]");
    assert_string_equal(show(" ; ;a b ;; c; ", 0), "[a|b][c]");
}

static void test_background(void **state)
{
    (void)state;
    assert_string_equal(show("a b&", 0), "[a|b]&");
    assert_string_equal(show("a & b; c&d", 0), "[a]&[b][c]&[d]");
    assert_string_equal(show(" & a ;& b", 0), "[a][b]");
    assert_string_equal(show("a '&' \\& \"&\" x\\&y", 0), "[a|&|&|&|x&y]");
}

static void test_quotes(void **state)
{
    (void)state;
    assert_string_equal(show("echo 'a; b' \"c  d\"", 0), "[echo|a; b|c  d]");
    assert_string_equal(show("echo a'b'\"c\"d", 0), "[echo|abcd]");
    assert_string_equal(show("echo '' \"\"", 0), "[echo||]");
    assert_string_equal(show("echo \"a\\\"b\\\\c\\d\" 'e\\f'", 0), "[echo|a\"b\\c\\d|e\\f]");
    assert_string_equal(show("echo a\\ b\\;c \\\\", 0), "[echo|a b;c|\\]");
    assert_string_equal(show("echo end\\", 0), "[echo|end\\]");
}

static void test_status(void **state)
{
    (void)state;
    assert_string_equal(show("echo $? \"<$?>\" '$?' \\$?", 127), "[echo|127|<127>|$?|$?]");
    assert_string_equal(show("echo $x $", -1), "[echo|$x|$]");
    assert_string_equal(show("echo a$?b", -1), "[echo|a-1b]");
}

static void test_errors(void **state)
{
    (void)state;
    assert_string_equal(show("ok; echo 'a", 0), "[ok]a quote is not closed");
    assert_string_equal(show("echo \"a", 0), "a quote is not closed");
    assert_string_equal(show("echo \"a\\", 0), "a quote is not closed");
}

static void test_limits(void **state)
{
    char line[4 * PARSE_TEXT_MAX];

    (void)state;
    line[0] = '\0';
    for (int i = 0; i < PARSE_ARGS_MAX; i++) {
        strcat(line, "a ");
    }
    assert_int_equal(strlen(show(line, 0)), PARSE_ARGS_MAX * 2 + 1);
    strcat(line, "a");
    assert_string_equal(show(line, 0), "too many words");

    memset(line, 'x', sizeof(line));
    line[PARSE_TEXT_MAX - 1] = '\0';
    assert_int_equal(strlen(show(line, 0)), PARSE_TEXT_MAX - 1 + 2);
    line[PARSE_TEXT_MAX - 1] = 'x';
    line[PARSE_TEXT_MAX] = '\0';
    assert_string_equal(show(line, 0), "too long");
}

/* Whatever is typed, nothing overflows and it ends: the sanitizer and the time limit watch. */
static void test_random_lines(void **state)
{
    static const char characters[] = "ab ;&'\"\\$? \t";
    char line[600];

    (void)state;
    for (unsigned seed = 1; seed < 20000; seed++) {
        srand(seed);
        size_t length = (size_t)rand() % sizeof(line);

        for (size_t i = 0; i < length; i++) {
            line[i] = characters[(size_t)rand() % (sizeof(characters) - 1)];
        }
        line[length < sizeof(line) ? length : sizeof(line) - 1] = '\0';
        show(line, rand());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),      cmocka_unit_test(test_several_commands),
        cmocka_unit_test(test_background), cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_status),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_random_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
