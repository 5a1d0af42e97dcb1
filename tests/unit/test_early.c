/*
 * test_early.c - the frames that start-up takes before there is an allocator: each once, usable,
 * from the bottom up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/mm/early.h"

static const struct mem_map map = {.count = 6,
                                   .range = {{0, 0x30000, MEM_LOADER},
                                             {0x30000, 0x2000, E820_USABLE},
                                             {0x32000, 0x1000, E820_RESERVED},
                                             {0x40000, 0x1000, E820_USABLE},
                                             {0x50000, 0x10000, E820_USABLE},
                                             {0x100000, 0x50000, E820_USABLE}}};

static void test_order(void **state)
{
    static const uint64_t wanted[] = {0x30000, 0x31000, 0x40000, 0x50000, 0x51000};

    (void)state;
    early_start(&map, 0x102000);
    assert_int_equal(early_end(), 0);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(early_frame(), wanted[i]);
        assert_int_equal(early_end(), wanted[i] + MEM_PAGE);
    }
}

/* The limit counts, and of what is below it a quarter is left. */
static void test_limits(void **state)
{
    (void)state;
    early_start(&map, 0x31000);
    assert_int_equal(early_frame(), 0x30000);
    assert_int_equal(early_frame(), EARLY_NONE);
    early_start(&map, 0x51000); /* 2 + 1 + 1 frames */
    assert_int_equal(early_frame(), 0x30000);
    assert_int_equal(early_frame(), 0x31000);
    assert_int_equal(early_frame(), 0x40000);
    assert_int_equal(early_frame(), EARLY_NONE);
    early_start(&map, 0);
    assert_int_equal(early_frame(), EARLY_NONE);
}

static void test_close(void **state)
{
    (void)state;
    early_start(&map, 1 << 30);
    early_frame();
    assert_int_equal(early_close(), 0x31000);
    assert_int_equal(early_frame(), EARLY_NONE);
}

static void test_all(void **state)
{
    unsigned count = 0;

    (void)state;
    early_start(&map, 1 << 30);
    while (early_frame() != EARLY_NONE) {
        count++;
    }
    assert_int_equal(count, 75); /* of 2 + 1 + 16 + 80, rounded up */
    assert_int_equal(early_end(), 0x100000 + (75 - 19) * MEM_PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
