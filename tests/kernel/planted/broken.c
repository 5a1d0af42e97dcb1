/*
 * broken.c - broken in-guest tests that test the in-guest tester: only in the kernel that
 * tests/scenario/test_guest_tester.py boots (PLANTED=1).
 */
#include "kernel/cpu/cpu.h"
#include "kernel/panic.h"
#include "tests/kernel/guest_test.h"

GUEST_TEST(broken_passes)
{
    CHECK(true, "never said");
}

GUEST_TEST(broken_fails)
{
    int two = 2;

    CHECK(two == 3, "it is %d", two);
    CHECK(two == 4, "the test went on after its failure");
}

GUEST_TEST(broken_skips)
{
    guest_test_skip("no moon");
}

GUEST_TEST(broken_hangs)
{
    for (;;) {
        cpu_pause();
    }
}

GUEST_TEST(broken_panics)
{
    PANIC("on purpose");
}
