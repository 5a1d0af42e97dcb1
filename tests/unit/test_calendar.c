/* test_calendar.c - dates and seconds, compared with the C library for every day of 400 years. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/calendar.h"

static void check(time_t seconds)
{
    struct tm wanted;
    struct calendar date = calendar_from_seconds((uint64_t)seconds);

    assert_non_null(gmtime_r(&seconds, &wanted));
    assert_int_equal(date.year, wanted.tm_year + 1900);
    assert_int_equal(date.month, wanted.tm_mon + 1);
    assert_int_equal(date.day, wanted.tm_mday);
    assert_int_equal(date.hour, wanted.tm_hour);
    assert_int_equal(date.minute, wanted.tm_min);
    assert_int_equal(date.second, wanted.tm_sec);
    assert_true(calendar_is_valid(&date));
    assert_int_equal(calendar_to_seconds(&date), seconds);
}

static void test_every_day(void **state)
{
    (void)state;
    for (time_t day = 0; day < 147000; day++) {
        check(day * 86400);
        check(day * 86400 + 86399);
    }
    check(253402300799); /* the last second of 9999 */
}

static void test_any_second(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 100000; i++) {
        check(((time_t)rand() << 8 ^ rand()) % 253402300800);
    }
}

static void test_dates_that_do_not_exist(void **state)
{
    static const struct calendar bad[] = {
        {1969, 12, 31, 23, 59, 59}, {10000, 1, 1, 0, 0, 0}, {2026, 0, 1, 0, 0, 0},
        {2026, 13, 1, 0, 0, 0},     {2026, 1, 0, 0, 0, 0},  {2026, 1, 32, 0, 0, 0},
        {2026, 4, 31, 0, 0, 0},     {2026, 2, 29, 0, 0, 0}, {2100, 2, 29, 0, 0, 0},
        {2024, 2, 30, 0, 0, 0},     {2026, 1, 1, 24, 0, 0}, {2026, 1, 1, 0, 60, 0},
        {2026, 1, 1, 0, 0, 60},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(calendar_is_valid(&bad[i]));
    }
    assert_true(calendar_is_valid(&(struct calendar){2024, 2, 29, 0, 0, 0}));
    assert_true(calendar_is_valid(&(struct calendar){2000, 2, 29, 0, 0, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_any_second),
        cmocka_unit_test(test_dates_that_do_not_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
