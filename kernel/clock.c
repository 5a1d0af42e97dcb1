/*
 * clock.c - see clock.h.
 *
 * The time is a number of rounds and a phase, how far the counter is in its round. A round ends
 * when a tick says so, or when someone reads the clock and finds the phase smaller than before:
 * then the tick for it is still to come, and must not count again.
 *
 * Measuring the TSC: in windows of WINDOW_TICKS ticks, counter and TSC are read together at both
 * ends. A round of the counter can be missed (interrupts were off for too long, the host stopped
 * the emulator), which makes the TSC look faster than it is, never slower. So the smallest rate of
 * WINDOWS windows is the right one. The first window already gives a usable value.
 */
#include "kernel/clock.h"

#include <stddef.h>

#include "kernel/cpu/cpu.h"
#include "kernel/panic.h"

#define MICROS_PER_SECOND 1000000
#define WINDOW_TICKS      5
#define WINDOWS           8
#define READS_PER_MICRO   20 /* more reads of the clock than any machine does in a microsecond */

static const struct clock_counter *source;
static uint64_t rounds;      /* of the counter, since clock_start */
static uint32_t phase;       /* steps into the round, when the counter was last read */
static uint32_t start_phase; /* that of clock_start */
static bool tick_due;        /* a round was seen to end, its tick has not come yet */
static uint64_t ticks;

static void (*hooks[CLOCK_TICK_HOOKS])(void);
static unsigned hook_count;

/* At the start of the window; the first tick starts the first one. */
static uint64_t window_tsc, window_steps;
static unsigned windows_done;

/* Once tsc_hz is not 0: the time was base_micros when the TSC was base_tsc. */
static uint64_t tsc_hz;
static uint64_t base_tsc, base_micros;

/* A * B / C without losing high bits; the result must fit. */
static uint64_t multiply_divide(uint64_t a, uint64_t b, uint64_t c)
{
    return a / c * b + a % c * b / c;
}

/* How far the counter is in its round. Without a counter: as far as before, time stands still. */
static uint32_t read_phase(void)
{
    uint32_t count = source->read();

    return count < source->round ? source->round - 1 - count : phase;
}

/* Read the counter. Context: interrupts off. */
static void advance(void)
{
    uint32_t now = read_phase();

    if (now < phase) {
        rounds++;
        tick_due = true;
    }
    phase = now;
}

/* The same when a tick has come. */
static void advance_by_tick(void)
{
    phase = read_phase();
    if (!tick_due) {
        rounds++;
    }
    tick_due = false;
}

static uint64_t steps(void)
{
    return rounds * source->round + phase - start_phase;
}

static uint64_t micros_by_counter(void)
{
    advance();
    return multiply_divide(steps(), MICROS_PER_SECOND, source->hz);
}

static uint64_t micros_by_tsc(uint64_t tsc)
{
    return base_micros + multiply_divide(tsc - base_tsc, MICROS_PER_SECOND, tsc_hz);
}

void clock_start(const struct clock_counter *counter)
{
    source = counter;
    phase = read_phase();
    start_phase = phase;
}

uint64_t clock_micros(void)
{
    if (source == NULL) {
        return 0;
    }
    bool were_on = cpu_save_interrupts();
    uint64_t micros = tsc_hz != 0 ? micros_by_tsc(cpu_read_tsc()) : micros_by_counter();
    cpu_restore_interrupts(were_on);
    return micros;
}

uint64_t clock_nanos(void)
{
    return clock_micros() * 1000;
}

/* From now on the TSC counts HZ a second; the time goes on from where it is. */
static void set_rate(uint64_t tsc, uint64_t hz)
{
    base_micros =
        tsc_hz != 0 ? micros_by_tsc(tsc) : multiply_divide(steps(), MICROS_PER_SECOND, source->hz);
    base_tsc = tsc;
    tsc_hz = hz;
}

static void start_window(void)
{
    window_tsc = cpu_read_tsc();
    window_steps = steps();
}

static void end_window(void)
{
    uint64_t start_tsc = window_tsc;
    uint64_t start_steps = window_steps;

    start_window();
    if (window_steps != start_steps) {
        uint64_t rate =
            multiply_divide(window_tsc - start_tsc, source->hz, window_steps - start_steps);

        if (rate != 0 && (tsc_hz == 0 || rate < tsc_hz)) {
            set_rate(window_tsc, rate);
        }
    }
    windows_done++;
}

void clock_expect_ticks(void)
{
    tick_due = false;
}

void clock_on_tick(void (*hook)(void))
{
    ASSERT(hook_count < CLOCK_TICK_HOOKS, "%u hooks", hook_count);
    hooks[hook_count++] = hook;
}

/* The next step of measuring the TSC. */
static void measure(void)
{
    advance_by_tick();
    if (ticks == 1) {
        start_window();
    } else if ((ticks - 1) % WINDOW_TICKS == 0) {
        end_window();
    }
}

void clock_tick(void)
{
    ticks++;
    if (windows_done < WINDOWS) {
        measure();
    }
    for (unsigned i = 0; i < hook_count; i++) {
        hooks[i]();
    }
}

uint64_t clock_ticks(void)
{
    return ticks;
}

uint64_t clock_tsc_hz(void)
{
    return tsc_hz;
}

void clock_wait(uint64_t micros)
{
    uint64_t end = clock_micros() + micros;

    for (uint64_t reads = 0; clock_micros() < end && reads < micros * READS_PER_MICRO; reads++) {
        cpu_pause();
    }
}
