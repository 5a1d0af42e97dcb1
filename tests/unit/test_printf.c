/*
 * test_printf.c - the kernel's formatting against the C library's: a hundred thousand random
 * conversions must give the same text and length, and a few cases that C leaves open are pinned
 * down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/printf.h"

/* The compiler cannot check formats that are made at run time, and must not complain about them. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#endif

#define ROUNDS 100000

static unsigned pick(unsigned count)
{
    return (unsigned)rand() % count;
}

static unsigned long long random_value(void)
{
    static const unsigned long long edges[] = {
        0,     1,          9,          10,         127,        128,   255,       32767,
        32768, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1ull << 63, ~0ull, ~0ull >> 1};

    if (pick(3) == 0) {
        return edges[pick(sizeof(edges) / sizeof(edges[0]))];
    }
    return ((unsigned long long)rand() << 42 ^ (unsigned long long)rand() << 21 ^
            (unsigned long long)rand()) >>
           pick(64);
}

/* Flags, width and precision; '#' only where C defines it. */
static void random_spec(char *format, char letter)
{
    *format++ = '%';
    for (unsigned i = pick(4); i > 0; i--) {
        char flag = letter == 's' || letter == 'c' ? '-' : "-+ 0#"[pick(5)];

        if (flag != '#' || strchr("xXo", letter) != NULL) {
            *format++ = flag;
        }
    }
    if (pick(2)) {
        format += sprintf(format, "%u", pick(30));
    }
    if (pick(3) == 0 && letter != 'c') {
        format += sprintf(format, ".%u", pick(25));
    }
    *format = '\0';
}

#define COMPARE(format, ...)                                                                       \
    do {                                                                                           \
        char want_[256], got_[256];                                                                \
        int length_ = snprintf(want_, sizeof(want_), format, __VA_ARGS__);                         \
        size_t got_length_ = format_string(got_, sizeof(got_), format, __VA_ARGS__);               \
        if (strcmp(want_, got_) != 0 || got_length_ != (size_t)length_) {                          \
            fail_msg("format \"%s\": want \"%s\" (%d), got \"%s\" (%zu)", format, want_, length_,  \
                     got_, got_length_);                                                           \
        }                                                                                          \
    } while (0)

static void compare_number(void)
{
    static const char *const sizes[] = {"hh", "h", "", "l", "ll", "z", "j", "t"};
    char letter = "diuxXo"[pick(6)];
    unsigned size = pick(8);
    unsigned long long value = random_value();
    char format[64];

    random_spec(format, letter);
    sprintf(format + strlen(format), "%s%c", sizes[size], letter);
    if (size < 3) {
        COMPARE(format, (unsigned)value);
    } else {
        COMPARE(format, value);
    }
}

static void compare_text(void)
{
    static const char *const texts[] = {"", "a", "sector", "a rather long piece of text"};
    const char *text = texts[pick(4)];
    int c = 'a' + (int)pick(26);
    char format[64];

    if (pick(4) == 0) {
        random_spec(format, 'c');
        strcat(format, "c");
        COMPARE(format, c);
    } else {
        random_spec(format, 's');
        strcat(format, "s");
        COMPARE(format, text);
    }
}

static void test_like_the_c_library(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        compare_number();
        compare_text();
    }
}

static void test_stars(void **state)
{
    (void)state;
    COMPARE("[%*d] [%-*d]", 8, 42, 8, 42);
    COMPARE("[%*d]", -8, 42);
    COMPARE("[%.*s] [%.*s]", 2, "abcd", -1, "abcd");
    COMPARE("%d%% of %s", 50, "it");
}

#define EXPECT(want, ...)                                                                          \
    do {                                                                                           \
        char got_[128];                                                                            \
        format_string(got_, sizeof(got_), __VA_ARGS__);                                            \
        assert_string_equal(got_, want);                                                           \
    } while (0)

static void test_our_own_choices(void **state)
{
    const char *none = NULL;

    (void)state;
    EXPECT("0x00000000deadbeef", "%p", (void *)0xDEADBEEF);
    EXPECT("(null)", "%s", none);
    EXPECT("%q and %", "%q and %");
    EXPECT("%5.2k", "%5.2k");
}

static void test_unterminated_text_with_precision(void **state)
{
    char *text = malloc(3); /* the sanitizer sees a read of a fourth byte */

    (void)state;
    memcpy(text, "abc", 3);
    EXPECT("abc", "%.3s", text);
    free(text);
}

static void test_small_buffers(void **state)
{
    char buffer[8];

    (void)state;
    for (size_t size = 0; size < sizeof(buffer); size++) {
        memset(buffer, 'x', sizeof(buffer));
        assert_int_equal(format_string(buffer, size, "%s", "abcdef"), 6);
        for (size_t i = size; i < sizeof(buffer); i++) {
            assert_int_equal(buffer[i], 'x');
        }
        if (size > 0) {
            assert_int_equal(strlen(buffer), size - 1 < 6 ? size - 1 : 6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_the_c_library),
        cmocka_unit_test(test_stars),
        cmocka_unit_test(test_our_own_choices),
        cmocka_unit_test(test_unterminated_text_with_precision),
        cmocka_unit_test(test_small_buffers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
