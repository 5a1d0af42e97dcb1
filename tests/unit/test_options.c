/* test_options.c - the kernel's command line: every word, quotes, and words that nobody knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/options.h"

static struct options options;

static void test_words(void **state)
{
    (void)state;
    options_parse(&options, "");
    assert_false(options.debug || options.panic_reboot);
    assert_int_equal(options.console, OPTION_CONSOLE_BOTH);
    assert_string_equal(options.run, "");
    assert_string_equal(options.unknown, "");

    options_parse(&options, "  debug\tconsole=vga panic=reboot run=help ");
    assert_true(options.debug && options.panic_reboot);
    assert_int_equal(options.console, OPTION_CONSOLE_VGA);
    assert_string_equal(options.run, "help");
    assert_string_equal(options.unknown, "");
}

static void test_layout(void **state)
{
    (void)state;
    options_parse(&options, "");
    assert_string_equal(options.layout, "");
    options_parse(&options, "layout=de");
    assert_string_equal(options.layout, "de");
    options_parse(&options, "layout=klingon layout=");
    assert_string_equal(options.layout, "");
    assert_string_equal(options.unknown, "");
    options_parse(&options, "layout=de layout=klingons"); /* longer than any name: not understood */
    assert_string_equal(options.layout, "de");
    assert_string_equal(options.unknown, "layout=klingons");
    options_parse(&options, "root=vblk0 root=ata0p1");
    assert_string_equal(options.root, "ata0p1");
    options_parse(&options, "root=sixteen-letters! debug");
    assert_string_equal(options.root, "");
    assert_string_equal(options.unknown, "root=sixteen-letters!");
    assert_true(options.debug);
}

static void test_test(void **state)
{
    (void)state;
    options_parse(&options, "");
    assert_false(options.test);
    options_parse(&options, "test");
    assert_true(options.test);
    assert_string_equal(options.test_glob, "");
    options_parse(&options, "test=heap_*");
    assert_true(options.test);
    assert_string_equal(options.test_glob, "heap_*");
    options_parse(&options, "test=heap_* test"); /* all of them */
    assert_string_equal(options.test_glob, "");
    options_parse(&options, "tests=x");
    assert_false(options.test);
    assert_string_equal(options.unknown, "tests=x");
}

static void test_watchdog(void **state)
{
    (void)state;
    options_parse(&options, "");
    assert_int_equal(options.watchdog, OPTION_WATCHDOG_TICK);
    options_parse(&options, "watchdog=off");
    assert_int_equal(options.watchdog, OPTION_WATCHDOG_OFF);
    options_parse(&options, "watchdog=off watchdog=nmi");
    assert_int_equal(options.watchdog, OPTION_WATCHDOG_NMI);
    options_parse(&options, "watchdog=nmi watchdog=tick");
    assert_int_equal(options.watchdog, OPTION_WATCHDOG_TICK);
    options_parse(&options, "watchdog=dog");
    assert_int_equal(options.watchdog, OPTION_WATCHDOG_TICK);
    assert_string_equal(options.unknown, "watchdog=dog");
}

static void test_last_one_wins(void **state)
{
    (void)state;
    options_parse(&options, "console=serial console=both panic=reboot panic=halt run=a run=b");
    assert_int_equal(options.console, OPTION_CONSOLE_BOTH);
    assert_false(options.panic_reboot);
    assert_string_equal(options.run, "b");
}

static void test_quotes(void **state)
{
    (void)state;
    options_parse(&options, "run=\"echo a; poweroff\" debug");
    assert_string_equal(options.run, "echo a; poweroff");
    assert_true(options.debug);
    options_parse(&options, "run=\"never closed debug");
    assert_string_equal(options.run, "never closed debug");
    assert_false(options.debug);
    options_parse(&options, "run=");
    assert_string_equal(options.run, "");
}

static void test_unknown_words(void **state)
{
    (void)state;
    options_parse(&options, "quiet debug console=green Debug run");
    assert_string_equal(options.unknown, "quiet console=green Debug run");
    assert_true(options.debug);
}

/* Whatever stands there, nothing overflows: the sanitizer watches. */
static void test_random_lines(void **state)
{
    static const char characters[] = "abdegnru=\" \t;x";
    char text[CMDLINE_SIZE];

    (void)state;
    for (unsigned seed = 1; seed < 5000; seed++) {
        srand(seed);
        size_t length = (size_t)rand() % CMDLINE_SIZE;

        for (size_t i = 0; i < length; i++) {
            text[i] = characters[(size_t)rand() % (sizeof(characters) - 1)];
        }
        text[length] = '\0';
        options_parse(&options, text);
        assert_true(strlen(options.unknown) <= length && strlen(options.run) <= length);
    }
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    options_parse(&options, text);
    assert_string_equal(options.unknown, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),         cmocka_unit_test(test_last_one_wins),
        cmocka_unit_test(test_layout),        cmocka_unit_test(test_test),
        cmocka_unit_test(test_watchdog),      cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_unknown_words), cmocka_unit_test(test_random_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
