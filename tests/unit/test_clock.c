/*
 * test_clock.c - the kernel's clock in a made-up machine: a counter, a TSC, ticks that come late or
 * not at all, counters that break. Time must never go back, and the TSC's rate must be found.
 *
 * The clock keeps its state in static variables, so this file includes it and starts each case with
 * all of it cleared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/clock.c"

#define COUNTER_HZ 1193182ull
#define ROUND      65536u
#define TSC_HZ     2400000000ull
#define NANOS      1000000000ull
#define TICK_NANOS 999847u

bool fake_interrupts_on = true;
static uint64_t now; /* the true time in nanoseconds */
static uint64_t started;
static bool counter_broken;
static uint64_t port_nanos; /* what reading the counter takes */
static bool port_stalls;    /* and three of four reads take up to half a millisecond more */
static unsigned port_reads;
static uint64_t tsc_mhz;   /* 0: it stands still */
static uint64_t tsc_nanos; /* what reading it takes */
static uint64_t tsc_at_change, time_of_change;

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    (void)file, (void)line, (void)function, (void)text;
    abort();
}

uint64_t fake_tsc(void)
{
    now += tsc_nanos;
    return tsc_at_change + (uint64_t)((unsigned __int128)(now - time_of_change) * tsc_mhz / 1000);
}

static void change_tsc(uint64_t mhz)
{
    tsc_at_change = fake_tsc();
    time_of_change = now;
    tsc_mhz = mhz;
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
    now += port_nanos / 2 + (uint64_t)rand() % (port_nanos + 1);
    if (port_stalls && ++port_reads % 4 != 0) {
        now += (uint64_t)rand() % 500000;
    }
    if (counter_broken) {
        return 0xFFFE;
    }
    return ROUND - 1 - (uint32_t)((unsigned __int128)now * COUNTER_HZ / NANOS % ROUND);
}

static const struct clock_counter counter = {COUNTER_HZ, ROUND, read_counter};

static uint32_t told;      /* the distance of ticks, as the clock has set it */
static unsigned set_count; /* how often */

static void set_next(uint32_t nanos)
{
    told = nanos;
    set_count++;
}

static const struct clock_ticker fake_ticker = {TICK_NANOS, 50 * TICK_NANOS, set_next};

static int reset(void **state)
{
    (void)state;
    source = NULL;
    rounds = extra_steps = base_nanos = base_tsc = base_steps = newest = tsc_hz = ticks = 0;
    still_ticks = windows_done = hook_count = 0;
    ticker = NULL;
    distance = 0;
    check_nanos = 0;
    counter_broken = false;
    port_nanos = 3000;
    port_stalls = false;
    tsc_nanos = 0;
    now = 123456789;
    tsc_at_change = 1ull << 62; /* a machine that has run for long */
    time_of_change = now;
    tsc_mhz = 2400;
    srand(1);
    return 0;
}

static void start(void)
{
    clock_start(&counter);
    started = now;
    clock_expect_ticks(&fake_ticker);
    told = TICK_NANOS;
    set_count = 0;
}

static uint64_t true_nanos(void)
{
    return now - started;
}

static void assert_near(uint64_t got, uint64_t want, uint64_t error)
{
    if (got + error < want || got > want + error) {
        fail_msg("it is %llu, must be %llu", (unsigned long long)got, (unsigned long long)want);
    }
}

/* The clock now, which must not be before the last look at it. */
static uint64_t look(void)
{
    static uint64_t last;
    uint64_t nanos = clock_nanos();

    if (nanos < last && newest != nanos) {
        fail_msg("the time went back");
    }
    last = nanos;
    return nanos;
}

/* Let TICKS ticks come, each up to DELAY nanoseconds late. */
static void run(unsigned count, uint64_t delay)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = now + told;

        while (rand() % 3 != 0 && now + 300000 < end) {
            now += (uint64_t)(rand() % 300000);
            look();
        }
        now = now < end ? end : now;
        now += delay > 0 ? (uint64_t)rand() % delay : 0;
        clock_tick();
        look();
    }
}

static void test_before_the_start(void **state)
{
    (void)state;
    assert_int_equal(clock_nanos(), 0);
    assert_int_equal(clock_micros(), 0);
    assert_int_equal(clock_tsc_hz(), 0);
    clock_wait(1000); /* must come back */
}

/* With interrupts off, the clock is right as long as it is read in each round. */
static void test_by_counter(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 1000; i++) {
        now += (uint64_t)(rand() % 50000) * 1000;
        assert_near(look(), true_nanos(), 10000);
    }
    assert_int_equal(clock_tsc_hz(), 0);
    assert_near(clock_micros(), true_nanos() / 1000, 20);
}

static void test_the_rate_is_found(void **state)
{
    (void)state;
    start();
    run(5, 20000);
    assert_int_equal(clock_tsc_hz(), 0);
    assert_near(look(), true_nanos(), 10000);
    run(50, 20000);
    assert_near(clock_tsc_hz(), TSC_HZ, TSC_HZ / 1000);
    assert_near(look(), true_nanos(), 50000);
    run(8000, 20000);
    assert_near(clock_tsc_hz(), TSC_HZ, TSC_HZ / 1000000);
    assert_near(look(), true_nanos(), 500000);
    assert_int_equal(clock_ticks(), 8055);
    assert_true(fake_interrupts_on);
}

/* Whole rounds are lost while the rate is measured: the host stopped us, interrupts were off. */
static void test_lost_rounds(void **state)
{
    (void)state;
    for (unsigned when = 1; when < 1100; when += 37) {
        reset(NULL);
        start();
        run(when, 20000);
        now += 3 * ROUND * NANOS / COUNTER_HZ + 7000000;
        run(8000, 20000);
        assert_near(clock_tsc_hz(), TSC_HZ, TSC_HZ / 1000000);
    }
}

/* Most tries of a sample are disturbed: the undisturbed one counts. */
static void test_disturbed_samples(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 20; seed++) {
        reset(NULL);
        srand(seed);
        start();
        port_stalls = true;
        run(8100, 100000);
        assert_near(clock_tsc_hz(), TSC_HZ, TSC_HZ / 1000000);
    }
}

/* Then the TSC alone keeps the time, for years. */
static void test_by_tsc(void **state)
{
    uint64_t before, at;

    (void)state;
    start();
    run(8100, 20000);
    before = look();
    at = now;
    counter_broken = true;
    for (int i = 0; i < 1000; i++) {
        now += 123456 * NANOS + 1;
        assert_near(look() - before, now - at, (now - at) / 500000);
    }
}

/* Each nanosecond of the TSC is there: a later look is never the same when it counts so fast. */
static void test_resolution(void **state)
{
    uint64_t last;

    (void)state;
    start();
    run(100, 0);
    last = clock_nanos();
    for (int i = 0; i < 1000; i++) {
        now += 2;
        assert_true(clock_nanos() > last);
        last = clock_nanos();
    }
}

/* The TSC stands still from the first moment: the counter keeps the time, for ever. */
static void test_no_tsc(void **state)
{
    (void)state;
    change_tsc(0);
    start();
    run(9000, 20000);
    assert_int_equal(clock_tsc_hz(), 0);
    assert_near(look(), true_nanos(), 100000);
}

/* The TSC stops, or slows down to a third, or is set back, when all rely on it. */
static void test_tsc_breaks(void **state)
{
    uint64_t before, at;

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        reset(NULL);
        start();
        run(8100, 20000);
        if (kind == 2) {
            tsc_at_change = 5;
            time_of_change = now;
        } else {
            change_tsc(kind == 0 ? 0 : 800);
        }
        run(2 * CHECK_TICKS + 1, 20000);
        assert_int_equal(clock_tsc_hz(), 0);
        before = look();
        at = now;
        run(1000, 20000);
        assert_near(look() - before, now - at, 100000);
    }
}

/* No counter counts: ticks are all we have. */
static void test_only_ticks(void **state)
{
    uint64_t before;

    (void)state;
    change_tsc(0);
    counter_broken = true;
    start();
    run(10, 0);
    before = look();
    run(1000, 0);
    assert_near(look() - before, 1000ull * TICK_NANOS, 1000000);
    clock_wait(100); /* must come back */
}

/* TSC and counter both stop: a window in which neither has moved says nothing. */
static void test_both_stop(void **state)
{
    (void)state;
    start();
    run(SHORT_WINDOWS * SHORT_WINDOW + 1, 0);
    uint64_t rate = tsc_hz;

    assert_true(rate != 0);
    change_tsc(0);
    counter_broken = true;
    first_sample = take_sample();
    end_long_window();
    assert_int_equal(tsc_hz, rate);
}

/* Ticks stay away while nothing is due, and are back when something is. */
static void test_quiet(void **state)
{
    (void)state;
    clock_busy(); /* before there are ticks at all */
    clock_quiet(UINT64_MAX);
    start();
    clock_quiet(UINT64_MAX);
    assert_int_equal(told, TICK_NANOS); /* the TSC's rate is not known yet */
    run(20, 0);
    clock_quiet(look() + TICK_NANOS);
    assert_int_equal(set_count, 0); /* not worth it */
    clock_quiet(look() + 5000000);
    assert_int_equal(told, 5000000);
    clock_busy();
    assert_int_equal(told, TICK_NANOS);
    clock_quiet(UINT64_MAX);
    assert_int_equal(told, 50 * TICK_NANOS);
    run(1, 0);
    clock_quiet(UINT64_MAX);
    assert_int_equal(set_count, 3); /* the ticker need not hear it again */
    clock_quiet(0);                 /* long past */
    assert_int_equal(told, TICK_NANOS);
    clock_quiet(UINT64_MAX);
    change_tsc(0);
    run(2 * CHECK_TICKS, 0);
    assert_int_equal(tsc_hz, 0);
    assert_int_equal(told, TICK_NANOS); /* the counter must be read in each round */
}

/* An idle machine finds the rate as well, and does not take its TSC for a broken one. */
static void test_idle_for_long(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 2000; i++) {
        clock_quiet(UINT64_MAX);
        run(1, 20000);
    }
    assert_near(clock_tsc_hz(), TSC_HZ, TSC_HZ / 1000000);
    assert_int_equal(windows_done, WINDOWS);
    assert_near(look(), true_nanos(), 500000);
}

/* A fast machine reads the TSC a hundred times in a microsecond; it waits all the same. */
static void test_wait(void **state)
{
    uint64_t at;

    (void)state;
    start();
    at = now;
    clock_wait(1000);
    assert_in_range(now - at, 990000, 1100000); /* by the counter */
    run(100, 0);
    tsc_nanos = 10;
    at = now;
    clock_wait(1000);
    assert_in_range(now - at, 999000, 1010000); /* the rate is right to a thousandth */
    tsc_nanos = 0;
    clock_wait(1000); /* time stands still: it ends all the same */
}

static unsigned hook_calls;

static void hook(void)
{
    hook_calls++;
}

static void test_hooks(void **state)
{
    (void)state;
    start();
    clock_on_tick(hook);
    clock_on_tick(hook);
    run(10, 0);
    assert_int_equal(hook_calls, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_before_the_start, reset),
        cmocka_unit_test_setup(test_by_counter, reset),
        cmocka_unit_test_setup(test_the_rate_is_found, reset),
        cmocka_unit_test_setup(test_lost_rounds, reset),
        cmocka_unit_test_setup(test_disturbed_samples, reset),
        cmocka_unit_test_setup(test_by_tsc, reset),
        cmocka_unit_test_setup(test_resolution, reset),
        cmocka_unit_test_setup(test_no_tsc, reset),
        cmocka_unit_test_setup(test_tsc_breaks, reset),
        cmocka_unit_test_setup(test_only_ticks, reset),
        cmocka_unit_test_setup(test_both_stop, reset),
        cmocka_unit_test_setup(test_quiet, reset),
        cmocka_unit_test_setup(test_idle_for_long, reset),
        cmocka_unit_test_setup(test_wait, reset),
        cmocka_unit_test_setup(test_hooks, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
