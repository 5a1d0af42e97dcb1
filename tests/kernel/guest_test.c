/*
 * guest_test.c - see guest_test.h: finds the tests, runs them one after the other, and counts.
 *
 * Before each test its name is printed, so that a test that never ends is known to whoever reads
 * the text. A failure is kept until the test has ended, because the line `not ok` comes first.
 */
#include "tests/kernel/guest_test.h"

#include <stddef.h>
#include <stdint.h>

#include "kernel/console.h"
#include "kernel/glob.h"
#include "kernel/sched/thread.h"

/* Around all objects that GUEST_TEST has made; from kernel.ld.in. */
extern const struct guest_test guest_tests_start[], guest_tests_end[];

enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES };

static enum outcome outcome; /* of the test that runs */
static char reason[256];     /* why it failed or was skipped */

static bool selected(const struct guest_test *test, const char *glob)
{
    return *glob == '\0' || glob_match(glob, test->name);
}

static unsigned count_selected(const char *glob)
{
    unsigned count = 0;

    for (const struct guest_test *test = guest_tests_start; test < guest_tests_end; test++) {
        count += selected(test, glob);
    }
    return count;
}

/* Only the first failure of a test is told. */
void guest_test_fail(const char *file, int line, const char *condition, const char *text, ...)
{
    va_list arguments;

    if (outcome == PASSED) {
        size_t used = format_string(reason, sizeof(reason), "%s:%d %s: ", file, line, condition);

        outcome = FAILED;
        if (used < sizeof(reason)) {
            va_start(arguments, text);
            format_string_va(reason + used, sizeof(reason) - used, text, arguments);
            va_end(arguments);
        }
    }
    thread_exit();
}

void guest_test_skip(const char *text)
{
    if (outcome == PASSED) {
        outcome = SKIPPED;
        format_string(reason, sizeof(reason), "%s", text);
    }
    thread_exit();
}

static void run(void *argument)
{
    const struct guest_test *test = argument;

    test->run();
}

static void run_test(const struct guest_test *test)
{
    outcome = PASSED;
    struct thread *thread =
        thread_create("test", run, (void *)(uintptr_t)test, THREAD_NORMAL, THREAD_FPU);

    if (thread == NULL) {
        outcome = FAILED;
        format_string(reason, sizeof(reason), "no memory for a thread");
        return;
    }
    thread_join(thread);
}

static void report(unsigned number, const char *name)
{
    switch (outcome) {
    case PASSED:
        kprintf("ok %u - %s\n", number, name);
        break;
    case SKIPPED:
        kprintf("ok %u - %s # SKIP %s\n", number, name, reason);
        break;
    default:
        kprintf("not ok %u - %s\n# %s\n", number, name, reason);
    }
}

bool guest_test_run(const char *glob)
{
    unsigned expected = count_selected(glob);
    unsigned counts[OUTCOMES] = {0};
    unsigned number = 0;

    kprintf("TAP version 13\n1..%u\n", expected);
    for (const struct guest_test *test = guest_tests_start; test < guest_tests_end; test++) {
        if (selected(test, glob)) {
            kprintf("# %s\n", test->name);
            run_test(test);
            counts[outcome]++;
            report(++number, test->name);
        }
    }
    kprintf("%u passed, %u failed", counts[PASSED], counts[FAILED]);
    if (counts[SKIPPED] != 0) {
        kprintf(", %u skipped", counts[SKIPPED]);
    }
    kprintf("\n");
    return counts[FAILED] == 0 && number == expected && expected != 0;
}

unsigned guest_test_list(const char *glob)
{
    for (const struct guest_test *test = guest_tests_start; test < guest_tests_end; test++) {
        if (selected(test, glob)) {
            kprintf("%s\n", test->name);
        }
    }
    return count_selected(glob);
}
