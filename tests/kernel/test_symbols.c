/*
 * test_symbols.c - the kernel finds its own functions, and who called whom, also across an
 * exception and with the code's end and stacks' ends in reach.
 */
#include "kernel/symbols.h"

#include "kernel/backtrace.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/probe.h"
#include "kernel/cpu/trap.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"

enum { FAULT_LINE = __LINE__ + 4 };
static __attribute__((noinline)) void fault(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}

GUEST_TEST(symbols_name_function_and_line)
{
    struct symbol symbol;
    struct trap_frame frame;

    CHECK(symbols_find((uintptr_t)fault, &symbol), "not found");
    CHECK(strcmp(symbol.function, "fault") == 0 && symbol.offset == 0, "%s+%#x", symbol.function,
          symbol.offset);
    CHECK(!cpu_probe(fault, NULL, &frame, NULL), "no fault");
    CHECK(symbols_find(frame.rip, &symbol), "not found");
    CHECK(strcmp(symbol.file, "tests/kernel/test_symbols.c") == 0, "%s", symbol.file);
    CHECK(symbol.line == FAULT_LINE, "line %u, not %u", symbol.line, FAULT_LINE);
}

GUEST_TEST(symbols_end_with_the_code)
{
    struct symbol symbol;

    CHECK(symbols_find((uintptr_t)kernel_text_start, &symbol), "not the first byte");
    CHECK(!symbols_find((uintptr_t)kernel_text_start - 1, &symbol), "a byte before");
    CHECK(!symbols_find((uintptr_t)kernel_text_end, &symbol), "a byte behind");
    CHECK(!symbols_find(0, &symbol) && !symbols_find(UINT64_MAX, &symbol), "nowhere");
}

static bool is_called(const struct backtrace *trace, const char *function)
{
    struct symbol symbol;

    return backtrace_symbol(trace, &symbol) && strcmp(symbol.function, function) == 0;
}

static __attribute__((noinline)) bool inner(void)
{
    struct backtrace trace;
    const uint64_t *frame = __builtin_frame_address(0);

    backtrace_start(&trace, frame[1], frame[0], 0, false);
    return is_called(&trace, "outer") && backtrace_next(&trace) &&
           is_called(&trace, "backtrace_finds_callers");
}

static __attribute__((noinline)) bool outer(void)
{
    return inner() && cpu_interrupts_are_on(); /* no jump in place of the call */
}

GUEST_TEST(backtrace_finds_callers)
{
    CHECK(outer(), "other callers, or interrupts off");
}

GUEST_TEST(backtrace_reaches_its_end)
{
    struct backtrace trace;
    const uint64_t *frame = __builtin_frame_address(0);
    unsigned steps = 0;

    backtrace_start(&trace, frame[1], frame[0], 0, false);
    while (backtrace_next(&trace)) {
        steps++;
    }
    CHECK(steps > 1 && steps < 30, "%u steps", steps);
    CHECK(is_called(&trace, "thread_first"), "ended at %llx", (unsigned long long)trace.address);
}

GUEST_TEST(backtrace_survives_nonsense)
{
    static const uint64_t values[] = {
        0, 1, 8, 0x0000900000000000, 0xFFFF900000000000, UINT64_MAX, UINT64_MAX - 7};

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (unsigned j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            struct backtrace trace;

            backtrace_start(&trace, values[i], values[j], values[(i + j) % 7], true);
            CHECK(!backtrace_next(&trace), "goes on from %llx, %llx", (unsigned long long)values[i],
                  (unsigned long long)values[j]);
        }
    }
}

/* A frame that points at itself, or down the stack, ends the chain. */
GUEST_TEST(backtrace_does_not_go_round)
{
    struct backtrace trace;
    uint64_t frames[4] = {0, (uintptr_t)outer + 1, 0, (uintptr_t)inner + 1};

    frames[0] = (uintptr_t)&frames[2];
    frames[2] = (uintptr_t)&frames[0];
    backtrace_start(&trace, (uintptr_t)inner + 1, (uintptr_t)&frames[0], 0, false);
    CHECK(backtrace_next(&trace) && backtrace_next(&trace), "not even twice");
    CHECK(!backtrace_next(&trace), "goes round");
}
