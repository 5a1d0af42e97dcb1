/* test_input.c - the key queue: order, dropping the oldest, waiting for a key and for Ctrl-C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/input.h"
#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"

/* What comes while the caller sleeps: one key a sleep. NULL: the test does not expect a sleep. */
static const char *script;
static unsigned sleeps, readers_woken, all_woken;
static bool stopped;

static void sleep_with(struct spinlock *lock)
{
    assert_non_null(script);
    spin_unlock(lock); /* a key that comes now must be able to take it */
    sleeps++;
    if (*script == '\0') {
        stopped = true;
    } else {
        input_add(*script++);
    }
    spin_lock(lock);
}

void wait_sleep(struct wait_queue *queue, struct spinlock *lock)
{
    (void)queue;
    sleep_with(lock);
}

bool wait_sleep_for(struct wait_queue *queue, struct spinlock *lock, uint64_t nanos)
{
    (void)queue;
    assert_int_equal(nanos, 1234);
    sleep_with(lock);
    return true;
}

unsigned wait_wake_one(struct wait_queue *queue)
{
    (void)queue;
    readers_woken++;
    return 0;
}

unsigned wait_wake_all(struct wait_queue *queue)
{
    (void)queue;
    all_woken++;
    return 0;
}

bool thread_should_stop(void)
{
    return stopped;
}

static int start(void **state)
{
    (void)state;
    while (input_take() != KEY_NONE) {
    }
    script = NULL;
    sleeps = readers_woken = all_woken = 0;
    stopped = false;
    return 0;
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
    assert_int_equal(readers_woken, 10000);
    assert_int_equal(spin_locks_held(), 0);
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
    input_add('x');
    assert_int_equal(input_wait(), 'x');
    assert_int_equal(sleeps, 0);
    script = "k";
    assert_int_equal(input_wait(), 'k');
    assert_int_equal(sleeps, 1);
    assert_int_equal(spin_locks_held(), 0);
}

static void test_waiting_ends_when_asked_to_stop(void **state)
{
    (void)state;
    script = "";
    assert_int_equal(input_wait(), KEY_NONE);
    assert_int_equal(sleeps, 1);
    assert_false(input_wait_interrupt(1234));
    assert_int_equal(sleeps, 1);
}

static void test_ctrl_c_takes_what_was_before_it(void **state)
{
    (void)state;
    for (const char *key = "ab\3c\3d"; *key != '\0'; key++) {
        input_add(*key);
    }
    assert_int_equal(all_woken, 2);
    assert_true(input_wait_interrupt(1234));
    assert_int_equal(sleeps, 0);
    assert_int_equal(input_take(), 'd');
    assert_int_equal(input_take(), KEY_NONE);
}

static void test_ctrl_c_comes_while_waiting(void **state)
{
    (void)state;
    script = "\3";
    assert_true(input_wait_interrupt(1234));
    assert_int_equal(sleeps, 1);
    assert_int_equal(input_take(), KEY_NONE);
}

static void test_other_keys_are_kept(void **state)
{
    (void)state;
    script = "z";
    assert_false(input_wait_interrupt(1234));
    assert_int_equal(input_take(), 'z');
}

/* A Ctrl-C that is taken as a key, or dropped, is none to wait for any more. */
static void test_ctrl_c_that_is_gone(void **state)
{
    (void)state;
    input_add(3);
    assert_int_equal(input_take(), 3);
    input_add(3);
    for (int i = 0; i < INPUT_QUEUE_SIZE; i++) {
        input_add('x');
    }
    script = "z";
    assert_false(input_wait_interrupt(1234));
    assert_int_equal(sleeps, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order, start),
        cmocka_unit_test_setup(test_oldest_are_dropped, start),
        cmocka_unit_test_setup(test_waiting, start),
        cmocka_unit_test_setup(test_waiting_ends_when_asked_to_stop, start),
        cmocka_unit_test_setup(test_ctrl_c_takes_what_was_before_it, start),
        cmocka_unit_test_setup(test_ctrl_c_comes_while_waiting, start),
        cmocka_unit_test_setup(test_other_keys_are_kept, start),
        cmocka_unit_test_setup(test_ctrl_c_that_is_gone, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
