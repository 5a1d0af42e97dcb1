/* test_block_patience.c - which way of waiting is chosen, on made-up machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/block_patience.h"

static struct block_patience patience;
static unsigned asleep_waits;

/* COUNT waits, of 3/4 to 5/4 of AWAKE or ASLEEP nanoseconds. Returns the mean of all. */
static uint64_t run(unsigned count, uint64_t awake, uint64_t asleep)
{
    uint64_t sum = 0;

    asleep_waits = 0;
    for (unsigned i = 0; i < count; i++) {
        bool sleeps = block_patience_sleeps(&patience);
        uint64_t nanos = sleeps ? asleep : awake;

        nanos = nanos * 3 / 4 + (uint64_t)rand() % (nanos / 2 + 1);
        asleep_waits += sleeps;
        sum += nanos;
        block_patience_learn(&patience, nanos);
    }
    return sum / count;
}

static int start(void **state)
{
    (void)state;
    srand(1);
    memset(&patience, 0, sizeof(patience));
    return 0;
}

static void test_begins_with_looking(void **state)
{
    (void)state;
    assert_false(block_patience_sleeps(&patience));
}

/* A machine of our own: nearly all waits look, and what the trials cost does not matter. */
static void test_looking_is_faster(void **state)
{
    (void)state;
    assert_in_range(run(4000, 60000, 200000), 60000, 66000);
    assert_in_range(asleep_waits, 16, 100);
}

static void test_sleeping_is_faster(void **state)
{
    (void)state;
    assert_in_range(run(4000, 150000, 60000), 59000, 65000);
    assert_in_range(asleep_waits, 3850, 3990);
}

/* No gain: then the CPU had better sleep. */
static void test_no_difference(void **state)
{
    (void)state;
    run(2000, 100000, 100000);
    run(2000, 100000, 100000);
    assert_in_range(asleep_waits, 1500, 2000);
}

/* The host has something else to do, or has it no longer. */
static void test_the_machine_changes(void **state)
{
    (void)state;
    run(4000, 60000, 200000);
    run(600, 150000, 60000);
    run(100, 150000, 60000);
    assert_in_range(asleep_waits, 90, 100);
    run(4000, 150000, 60000);
    run(600, 30000, 60000);
    run(100, 30000, 60000);
    assert_in_range(asleep_waits, 0, 10);
}

/* Requests of another size: the old mean says nothing about them, and soon nobody believes it. */
static void test_the_requests_change(void **state)
{
    (void)state;
    run(4000, 60000, 200000);
    run(100, 2000000, 1000000);
    run(100, 2000000, 1000000);
    assert_in_range(asleep_waits, 90, 100);
    run(100, 20000, 100000);
    run(100, 20000, 100000);
    assert_in_range(asleep_waits, 0, 10);
}

/* A request that took a second, or a century, is not how requests are. */
static void test_outliers(void **state)
{
    (void)state;
    run(1000, 60000, 200000);
    for (int i = 0; i < 100; i++) {
        block_patience_learn(&patience, i % 2 == 0 ? 1000000000 : UINT64_MAX);
        run(30, 60000, 200000);
        assert_in_range(asleep_waits, 0, 4);
    }
}

/* The smallest and the largest numbers: nothing overflows. */
static void test_extremes(void **state)
{
    (void)state;
    run(2000, 0, 0);
    run(2000, UINT64_MAX / 2, UINT64_MAX / 2);
    run(2000, 0, UINT64_MAX / 2);
    assert_in_range(asleep_waits, 0, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_begins_with_looking, start),
        cmocka_unit_test_setup(test_looking_is_faster, start),
        cmocka_unit_test_setup(test_sleeping_is_faster, start),
        cmocka_unit_test_setup(test_no_difference, start),
        cmocka_unit_test_setup(test_the_machine_changes, start),
        cmocka_unit_test_setup(test_the_requests_change, start),
        cmocka_unit_test_setup(test_outliers, start),
        cmocka_unit_test_setup(test_extremes, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
