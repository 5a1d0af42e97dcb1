/*
 * test_mkdisk_options.c - sizes on mkdisk's command line. The rest of it is tested on the whole
 * tool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tools/mkdisk/options.h"

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
    } sizes[] = {
        {"0", 0},          {"512", 512},       {"1440K", 1474560}, {"64M", 64 << 20},
        {"64m", 64 << 20}, {"3G", 3ULL << 30}, {"2T", 2ULL << 40},
    };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t size = 1;

        assert_true(parse_size(sizes[i].text, &size));
        assert_int_equal(size, sizes[i].size);
    }
}

static void test_what_is_no_size(void **state)
{
    static const char *const texts[] = {
        "",
        "M",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1MB",
        "1.5M",
        "0x10",
        "1P",
        "10000000T",
        "18446744073709551616",
        "99999999999999999999999999",
    };
    uint64_t size;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (parse_size(texts[i], &size)) {
            fail_msg("'%s' was taken as %llu", texts[i], (unsigned long long)size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_what_is_no_size),
    };

    return cmocka_run_group_tests_name("mkdisk_options", tests, NULL, NULL);
}
