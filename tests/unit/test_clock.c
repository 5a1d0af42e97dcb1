/*
 * test_clock.c - the kernel's clock in a made-up machine: a counter, a TSC, ticks that come late or
 * not at all. Time must never go back, and the TSC's rate must be found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/panic.h"

#define COUNTER_HZ  1193182ull
#define ROUND       11932u
#define TSC_HZ      2400000000ull
#define NANOS       1000000000ull
#define ROUND_NANOS (ROUND * NANOS / COUNTER_HZ)

bool fake_interrupts_on = true;
static uint64_t now; /* the true time in nanoseconds */
static bool counter_broken;

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    (void)file, (void)line, (void)function, (void)text;
    abort();
}

uint64_t fake_tsc(void)
{
    return now * (TSC_HZ / 100000) / 10000;
}

void fake_halt(void)
{
    abort();
}

void fake_sleep(void)
{
    abort();
}

static uint32_t read_counter(void)
{
    now += 1000; /* reading a port takes time */
    if (counter_broken) {
        return 0xFFFE;
    }
    return ROUND - 1 - (uint32_t)(now * COUNTER_HZ / NANOS % ROUND);
}

static const struct clock_counter counter = {COUNTER_HZ, ROUND, read_counter};

/* True time since the clock was started, in microseconds. */
static uint64_t started;

static uint64_t true_micros(void)
{
    return (now - started) / 1000;
}

static void assert_near(uint64_t got, uint64_t want, uint64_t error)
{
    if (got + error < want || got > want + error) {
        fail_msg("time is %llu, must be %llu", (unsigned long long)got, (unsigned long long)want);
    }
}

static void test_before_the_start(void **state)
{
    (void)state;
    assert_int_equal(clock_micros(), 0);
    assert_int_equal(clock_tsc_hz(), 0);
    clock_wait(1000); /* must come back */
}

/* With interrupts off, the clock is right as long as it is read in each round. */
static void test_by_counter(void **state)
{
    uint64_t last = 0;

    (void)state;
    now = 123456789;
    clock_start(&counter);
    started = now;
    for (int i = 0; i < 1000; i++) {
        now += (uint64_t)(rand() % 9000) * 1000;
        uint64_t micros = clock_micros();

        assert_true(micros >= last);
        last = micros;
        assert_near(micros, true_micros(), 3);
    }
    assert_int_equal(clock_tsc_hz(), 0);
}

/* Ticks come at the end of each round, a little late; in between someone may have read the clock.
 */
static void test_ticks_find_the_rate(void **state)
{
    uint64_t last = clock_micros();
    uint64_t round;

    (void)state;
    clock_micros();
    clock_expect_ticks();
    round = now * COUNTER_HZ / NANOS / ROUND;
    for (int i = 1; i <= 100; i++) {
        uint64_t end_of_round = (round + (uint64_t)i) * ROUND * NANOS / COUNTER_HZ + 1000;

        while (rand() % 3 != 0 && now + 2000000 < end_of_round) {
            now += (uint64_t)(rand() % 2000000);
            clock_micros();
        }
        if (now < end_of_round) {
            now = end_of_round;
        }
        now += (uint64_t)(rand() % 50000); /* the interrupt's delay */
        if (i < 6 || rand() % 4 == 0) {
            clock_micros(); /* saw the round end before its tick came */
        }
        if (i == 40) {
            now += 3 * ROUND_NANOS; /* the host stopped us for three rounds */
            round += 3;
        }
        clock_tick();
        uint64_t micros = clock_micros();

        assert_true(micros >= last);
        last = micros;
        if (i < 40) {
            assert_near(micros, true_micros(), 1 + true_micros() / 1000);
        }
    }
    assert_int_equal(clock_ticks(), 100);
    assert_near(clock_tsc_hz(), TSC_HZ, TSC_HZ / 1000);
}

/* From then on the TSC alone keeps the time. */
static void test_by_tsc(void **state)
{
    uint64_t before = clock_micros(), start = now;

    (void)state;
    counter_broken = true;
    for (int i = 0; i < 100; i++) {
        now += 1000000000;
        assert_near(clock_micros() - before, (now - start) / 1000, (now - start) / 1000 / 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_start),
        cmocka_unit_test(test_by_counter),
        cmocka_unit_test(test_ticks_find_the_rate),
        cmocka_unit_test(test_by_tsc),
    };

    srand(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
