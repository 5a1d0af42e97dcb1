/*
 * guest_test.h - tests that run inside the kernel: `test [glob]` at the prompt, `test[=glob]` on
 * the kernel command line. They print TAP and end with `N passed, N failed`; a run that saw fewer
 * tests end than the kernel has fails.
 *
 *   GUEST_TEST(heap_gives_back)
 *   {
 *       void *object = kmalloc(100);
 *       CHECK(object != NULL, "no memory");
 *       kfree(object);
 *   }
 *
 * A test runs in a thread of its own, with floating point. A failed CHECK ends the thread that
 * makes it, and fails the test; so a CHECK is made without locks. The test is over when the first
 * thread ends: others that it started must be joined before. A test must leave the kernel as it
 * found it. Test numbers, sizes and seeds are fixed, so that a failure comes again.
 */
#ifndef SECTOR0_TESTS_KERNEL_GUEST_TEST_H
#define SECTOR0_TESTS_KERNEL_GUEST_TEST_H

#include <stdbool.h>

#include "kernel/printf.h"

struct guest_test {
    const char *name;
    const char *file;
    void (*run)(void);
};

/* The alignment is written down because a compiler would give a larger one: they form an array. */
#define GUEST_TEST(test_name)                                                                      \
    static void test_name(void);                                                                   \
    static const struct guest_test guest_test_##test_name                                          \
        __attribute__((used, section(".guest_tests"), aligned(8))) = {#test_name, __FILE__,        \
                                                                      test_name};                  \
    static void test_name(void)

/* End the running test as failed, with file, line, condition and text, unless CONDITION holds. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            guest_test_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                          \
        }                                                                                          \
    } while (0)

/* End the running test as skipped; TEXT is the reason. */
_Noreturn void guest_test_skip(const char *text);

_Noreturn void guest_test_fail(const char *file, int line, const char *condition, const char *text,
                               ...) PRINTF_LIKE(4, 5);

/*
 * Run the tests whose names match GLOB (kernel/glob.h; empty: all) and print what they say. Returns
 * true if there was one and none failed. Context: a thread.
 */
bool guest_test_run(const char *glob);

/* Print the names that match GLOB, one a line. Returns how many. Context: any. */
unsigned guest_test_list(const char *glob);

#endif
