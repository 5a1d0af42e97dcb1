/* test_lock_order.c - the order of locks: direct and through others, and when the table is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/sched/lock_order.h"

static void test_an_order_and_its_opposite(void **state)
{
    (void)state;
    assert_true(lock_order_add("a", "b"));
    assert_true(lock_order_add("a", "b"));
    assert_false(lock_order_add("b", "a"));
    assert_true(lock_order_add("a", "b")); /* what was refused is not remembered */
}

static void test_through_others(void **state)
{
    (void)state;
    assert_true(lock_order_add("c", "d"));
    assert_true(lock_order_add("e", "f"));
    assert_true(lock_order_add("d", "e")); /* c, d, e, f */
    assert_false(lock_order_add("f", "c"));
    assert_false(lock_order_add("e", "c"));
    assert_false(lock_order_add("f", "d"));
    assert_true(lock_order_add("c", "f"));
}

static void test_names_are_compared_as_texts(void **state)
{
    char name[] = "a";

    (void)state;
    assert_false(lock_order_add("b", name));
    assert_true(lock_order_add("same", "same"));
}

/* Every other order than that of a fixed list must be refused, however the list is found out. */
static void test_random_orders(void **state)
{
    static char names[20][8];
    unsigned seed = 1;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "lock%u", i);
    }
    for (unsigned i = 0; i < 19; i++) {
        unsigned place = (i * 7) % 19; /* each once, in a mixed order */

        assert_true(lock_order_add(names[place], names[place + 1]));
    }
    for (unsigned i = 0; i < 10000; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned a = seed >> 16 & 0xFF;
        unsigned b = a / 20 % 20;

        a %= 20;
        assert_int_equal(lock_order_add(names[a], names[b]), a <= b);
    }
}

/* The last one of all tests, as the table stays full. */
static void test_full_table(void **state)
{
    static char names[LOCK_ORDER_CLASSES + 2][12];

    (void)state;
    assert_false(lock_order_is_full());
    for (unsigned i = 0; i < LOCK_ORDER_CLASSES + 2; i++) {
        snprintf(names[i], sizeof(names[i]), "many%u", i);
        assert_true(lock_order_add("a", names[i]));
    }
    assert_true(lock_order_is_full());
    assert_true(lock_order_add("b", names[LOCK_ORDER_CLASSES]));
    assert_true(lock_order_add(names[LOCK_ORDER_CLASSES], "b"));
    assert_false(lock_order_add("b", "a")); /* what was there is still known */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_order_and_its_opposite),
        cmocka_unit_test(test_through_others),
        cmocka_unit_test(test_names_are_compared_as_texts),
        cmocka_unit_test(test_random_orders),
        cmocka_unit_test(test_full_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
