/* test_input.c - the key queue: order, dropping the oldest, and waiting without sleeping over a
 * key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/cpu/cpu.h"
#include "kernel/input.h"

bool fake_interrupts_on = true;
static unsigned sleeps;

uint64_t fake_tsc(void)
{
    return 0;
}

void fake_halt(void)
{
    abort();
}

/* The third interrupt brings a key. */
void fake_sleep(void)
{
    assert_false(fake_interrupts_on); /* else a key could come between the look and the sleep */
    if (++sleeps == 3) {
        input_add('k');
    }
}

static void test_order(void **state)
{
    (void)state;
    assert_int_equal(input_take(), KEY_NONE);
    for (int i = 0; i < 5000; i++) {
        input_add(KEY_UP);
        input_add('a' + i % 26);
        assert_int_equal(input_take(), KEY_UP);
        assert_int_equal(input_take(), 'a' + i % 26);
    }
    assert_int_equal(input_take(), KEY_NONE);
    assert_int_equal(input_dropped(), 0);
    assert_true(fake_interrupts_on);
}

static void test_oldest_are_dropped(void **state)
{
    (void)state;
    for (int i = 0; i < INPUT_QUEUE_SIZE + 10; i++) {
        input_add(1 + i);
    }
    assert_int_equal(input_dropped(), 10);
    for (int i = 10; i < INPUT_QUEUE_SIZE + 10; i++) {
        assert_int_equal(input_take(), 1 + i);
    }
    assert_int_equal(input_take(), KEY_NONE);
}

static void test_waiting(void **state)
{
    (void)state;
    assert_int_equal(input_wait(), 'k');
    assert_int_equal(sleeps, 3);
    input_add('x');
    assert_int_equal(input_wait(), 'x');
    assert_int_equal(sleeps, 3);
    assert_true(fake_interrupts_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_oldest_are_dropped),
        cmocka_unit_test(test_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
