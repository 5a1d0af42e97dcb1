/*
 * test_watchdog.c - the watchdog panics when the kernel hangs, and at no other time: threads that
 * keep the CPU for a while, machines that were stopped for a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"
#include "kernel/cpu/trap.h"
#include "kernel/panic.h"
#include "kernel/sched/thread.h"
#include "kernel/watchdog.h"

#define SECOND 1000000000ull
#define HZ     1000

static uint64_t nanos, ticks, tsc, tsc_hz;
static uint64_t turn;
static bool keeps;
static uint8_t port_61;
static void (*tick_hook)(void);
static jmp_buf panicked;
static char words[100];
bool fake_interrupts_on;

uint64_t fake_tsc(void)
{
    return tsc;
}

void fake_sleep(void)
{
}

void fake_halt(void)
{
    abort();
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    assert_int_equal(port, 0x61);
    assert_int_equal(size, 1);
    return port_61;
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    fail_msg("port %x: %x, %u bytes", port, value, size);
}

void clock_on_tick(void (*hook)(void))
{
    tick_hook = hook;
}

uint64_t clock_nanos(void)
{
    return nanos;
}

uint64_t clock_ticks(void)
{
    return ticks;
}

uint64_t clock_tsc_hz(void)
{
    return tsc_hz;
}

uint64_t thread_turn(void)
{
    return turn;
}

bool thread_keeps_cpu(void)
{
    return keeps;
}

struct thread *thread_current(void)
{
    return NULL;
}

const char *thread_name(const struct thread *thread)
{
    (void)thread;
    return "boot";
}

const struct trap_frame *trap_interrupted(void)
{
    return NULL;
}

void panic_interrupted(const struct trap_frame *frame, const char *text, ...)
{
    va_list arguments;

    (void)frame;
    va_start(arguments, text);
    vsnprintf(words, sizeof(words), text, arguments);
    va_end(arguments);
    longjmp(panicked, 1);
}

/* COUNT ticks, NANOS_EACH apart. Returns whether one of them panicked. */
static bool tick(unsigned count, uint64_t nanos_each)
{
    if (setjmp(panicked)) {
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        nanos += nanos_each;
        ticks++;
        tick_hook();
    }
    return false;
}

/* The same for NMIs, which come while no tick does. */
static bool nmi(unsigned count, uint64_t tsc_each)
{
    if (setjmp(panicked)) {
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        tsc += tsc_each;
        assert_true(watchdog_nmi(NULL));
    }
    return false;
}

static int start(void **state)
{
    (void)state;
    keeps = false;
    turn++;
    port_61 = 0;
    tsc_hz = 0;
    watchdog_start();
    watchdog_expect_nmi(HZ);
    tick(1, 0);
    nmi(1, 0);
    return 0;
}

static void test_hang(void **state)
{
    (void)state;
    keeps = true;
    assert_false(tick(1999, SECOND / HZ));
    assert_true(tick(10, SECOND / HZ));
    assert_string_equal(words, "hang: thread boot, preemption off for 2 s");
}

static void test_preemption_now_and_then(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        keeps = true;
        assert_false(tick(1900, SECOND / HZ));
        keeps = false;
        assert_false(tick(1, SECOND / HZ));
    }
}

static void test_switches(void **state)
{
    (void)state;
    keeps = true;
    for (int i = 0; i < 10; i++) {
        turn++;
        assert_false(tick(1900, SECOND / HZ));
    }
}

static void test_nobody_waits(void **state)
{
    (void)state;
    assert_false(tick(10000, SECOND / HZ));
}

static void test_stopped_machine(void **state)
{
    (void)state;
    keeps = true;
    assert_false(tick(50, 10 * SECOND));
    turn++;
    assert_false(tick(99, 10 * SECOND));
}

static void test_interrupts_off(void **state)
{
    (void)state;
    assert_false(nmi(2 * HZ - 2, 0));
    assert_true(nmi(5, 0));
    assert_string_equal(words, "hang: thread boot, interrupts off for 2 s");
}

static void test_interrupts_off_with_tsc(void **state)
{
    (void)state;
    tsc_hz = 1000000;
    assert_false(nmi(28, 5 * tsc_hz));
    assert_true(nmi(5, 5 * tsc_hz));
}

static void test_ticks_among_nmis(void **state)
{
    (void)state;
    tsc_hz = 1000000;
    for (int i = 0; i < 10; i++) {
        ticks++;
        assert_false(nmi(1900, tsc_hz / HZ));
    }
}

static void test_other_nmis(void **state)
{
    (void)state;
    port_61 = 0x80;
    assert_false(watchdog_nmi(NULL));
    port_61 = 0x40;
    assert_false(watchdog_nmi(NULL));
    port_61 = 0x3F;
    assert_true(watchdog_nmi(NULL));
    watchdog_expect_nmi(0);
    assert_false(watchdog_nmi(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_hang, start),
        cmocka_unit_test_setup(test_preemption_now_and_then, start),
        cmocka_unit_test_setup(test_switches, start),
        cmocka_unit_test_setup(test_nobody_waits, start),
        cmocka_unit_test_setup(test_stopped_machine, start),
        cmocka_unit_test_setup(test_interrupts_off, start),
        cmocka_unit_test_setup(test_interrupts_off_with_tsc, start),
        cmocka_unit_test_setup(test_ticks_among_nmis, start),
        cmocka_unit_test_setup(test_other_nmis, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
