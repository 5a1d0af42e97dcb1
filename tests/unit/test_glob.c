/* test_glob.c - kernel/glob.c: every answer is compared with the C library's fnmatch. */
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/glob.h"

static void test_by_hand(void **state)
{
    (void)state;
    assert_true(glob_match("*", ""));
    assert_true(glob_match("", ""));
    assert_true(glob_match("heap_*", "heap_gives_back"));
    assert_true(glob_match("*_back", "heap_gives_back"));
    assert_true(glob_match("h?ap*gives*", "heap_gives_back"));
    assert_false(glob_match("heap", "heap_gives_back"));
    assert_false(glob_match("heap_gives_back?", "heap_gives_back"));
    assert_false(glob_match("", "heap"));
}

/* All patterns over {a b ? *} against all names over {a b}, up to five characters each. */
static void text_of(unsigned number, unsigned base, const char *letters, char text[8])
{
    size_t length = 0;

    for (; number != 0; number = (number - 1) / base) {
        text[length++] = letters[(number - 1) % base];
    }
    text[length] = '\0';
}

static void test_all_short_ones(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1365; i++) {
        for (unsigned j = 0; j < 63; j++) {
            char pattern[8], name[8];

            text_of(i, 4, "ab?*", pattern);
            text_of(j, 2, "ab", name);
            assert_int_equal(glob_match(pattern, name), fnmatch(pattern, name, 0) == 0);
        }
    }
}

/* A pattern that takes exponential time in a simple matcher. */
static void test_many_stars(void **state)
{
    char pattern[200], name[200];

    (void)state;
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = i % 2 == 0 ? 'a' : '*';
        name[i] = 'a';
    }
    strcpy(pattern + 190, "b");
    name[sizeof(name) - 1] = '\0';
    assert_false(glob_match(pattern, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_all_short_ones),
        cmocka_unit_test(test_many_stars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
