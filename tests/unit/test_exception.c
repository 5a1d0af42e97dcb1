/* test_exception.c - exceptions in words, and which of them have an error code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/cpu/exception.h"

static const char *explain(unsigned vector, uint64_t error, uint64_t cr2)
{
    static char text[160];

    exception_explain(text, sizeof(text), vector, error, cr2);
    return text;
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned vector = 0; vector < EXCEPTION_COUNT; vector++) {
        assert_true(strlen(exception_name(vector)) > 0);
    }
    assert_string_equal(exception_name(0), "division error (#DE)");
    assert_string_equal(exception_name(30), "security exception (#SX)");
    assert_string_equal(exception_name(15), "reserved exception");
    assert_string_equal(exception_name(32), "reserved exception");
}

static void test_error_codes(void **state)
{
    static const unsigned with[] = {8, 10, 11, 12, 13, 14, 17, 21, 29, 30};
    uint32_t bits = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
        bits |= 1u << with[i];
    }
    assert_int_equal(bits, EXCEPTIONS_WITH_ERROR_CODE);
}

static void test_page_faults(void **state)
{
    (void)state;
    assert_string_equal(explain(14, 0, 0x1000),
                        "page fault (#PF): read of 0000000000001000, no page there");
    assert_string_equal(explain(14, 3, 0x1000),
                        "page fault (#PF): write to 0000000000001000, its page forbids that");
    assert_string_equal(explain(14, 0x11, 0x1000),
                        "page fault (#PF): execution of 0000000000001000, its page forbids that");
    assert_string_equal(explain(14, 0x9, 0x1000), "page fault (#PF): read of 0000000000001000, "
                                                  "a reserved bit is set in its page tables");
    assert_string_equal(explain(14, 0x6, 0x1000),
                        "page fault (#PF): write to user address 0000000000001000, no page there");
}

static void test_selectors(void **state)
{
    (void)state;
    assert_string_equal(explain(13, 0, 0), "general protection (#GP)");
    assert_string_equal(explain(13, 0x28, 0), "general protection (#GP): entry 5 of the GDT");
    assert_string_equal(explain(11, 0x102, 0), "segment not present (#NP): entry 32 of the IDT");
    assert_string_equal(explain(12, 0x2C, 0), "stack segment fault (#SS): entry 5 of the LDT");
    assert_string_equal(explain(10, 0x19, 0), "invalid TSS (#TS): entry 3 of the GDT, "
                                              "while delivering an interrupt");
}

static void test_other_vectors(void **state)
{
    (void)state;
    assert_string_equal(explain(8, 0, 0), "double fault (#DF)");
    assert_string_equal(explain(200, 0, 0), "unexpected interrupt, vector 200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_error_codes),
        cmocka_unit_test(test_page_faults),   cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_other_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
