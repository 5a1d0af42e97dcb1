/*
 * clock.c - see clock.h. All state is changed with interrupts off.
 *
 * While the counter keeps the time, it is a number of rounds and a phase, how far the counter is in
 * its round; a phase smaller than the one before means that a round has ended. Counter and TSC are
 * never mixed: where one takes over from the other, the time that it starts from is fixed.
 *
 * Measuring the TSC. A sample is the TSC and the phase at one moment. Between two samples the TSC's
 * steps are known exactly, the counter's only up to a number of whole rounds, since rounds can be
 * missed (interrupts were off for too long, the host stopped the emulator). So first the rate is
 * measured roughly, over a few short windows: a missed round makes it too fast, never too slow, and
 * the slowest window is right. Then over windows of a tenth of a second, a second and eight: the
 * rate so far says how many rounds they had, their phases say the rest. The error of a sample is
 * the time that taking it needs, some microseconds, and weighs less the longer the window is.
 */
#include "kernel/clock.h"

#include <stddef.h>

#include "kernel/cpu/cpu.h"
#include "kernel/panic.h"

#define NANOS_PER_SECOND 1000000000
#define NANOS_PER_MICRO  1000
#define NANOS_PER_MILLI  1000000ull
/* More reads of the clock than any machine does in a microsecond; of the counter, far more. */
#define READS_PER_MICRO 400
#define COUNTER_READ    20 /* reading the counter counts as so many */

#define SHORT_WINDOW    10 /* ticks */
#define SHORT_WINDOWS   4
#define SAMPLE_TRIES    4
#define CHECK_TICKS     256 /* between two looks whether the TSC still runs */
#define DEAD_TICKS      3   /* at which the counter had not moved: it is broken */

#define SCALE_SHIFT     32

/* Milliseconds after the first tick at which a long window ends; all of them begin with it. */
static const uint16_t long_windows[] = {100, 1000, 8000};
#define WINDOWS (SHORT_WINDOWS + sizeof(long_windows) / sizeof(long_windows[0]))

struct sample {
    uint64_t tsc;
    uint64_t steps; /* of the counter */
};

static const struct clock_counter *source;
static uint64_t rounds;      /* of the counter, as far as they were seen */
static uint32_t phase;       /* steps into the round, when the counter was last read */
static uint64_t extra_steps; /* what ticks say that a broken counter did not count */

static uint64_t base_nanos; /* the time when TSC or counter took over ... */
static uint64_t base_tsc;   /* ... and the TSC then ... */
static uint64_t base_steps; /* ... and the counter's steps */
static uint64_t newest;     /* the latest time that anybody was told */

static uint64_t tsc_hz;    /* 0: the counter keeps the time */
static uint64_t tsc_scale; /* nanoseconds a step of the TSC, times 2^SCALE_SHIFT */

static uint64_t ticks;
static const struct clock_ticker *ticker;
static uint32_t distance;      /* nanoseconds between ticks, as the ticker was told last */
static uint32_t phase_at_tick; /* the last one */
static unsigned still_ticks;   /* in a row, at which the counter had not moved */

static unsigned windows_done;
static struct sample first_sample, window_sample;
static uint64_t first_nanos; /* the time of the first sample */
static uint64_t check_nanos; /* the time at the last check of the TSC */

static void (*hooks[CLOCK_TICK_HOOKS])(void);
static unsigned hook_count;

/* A * B / C without losing high bits; the result must fit. */
static uint64_t multiply_divide(uint64_t a, uint64_t b, uint64_t c)
{
    return a / c * b + a % c * b / c;
}

/* Read the counter; returns its steps so far. Without a working one the phase stays as it is. */
static uint64_t read_steps(void)
{
    uint32_t count = source->read();

    if (count < source->round) {
        uint32_t now = source->round - 1 - count;

        rounds += now < phase;
        phase = now;
    }
    return rounds * source->round + phase + extra_steps;
}

static uint64_t nanos_by_counter(uint64_t steps)
{
    return base_nanos + multiply_divide(steps - base_steps, NANOS_PER_SECOND, source->hz);
}

/* The product has 128 bits of room, so it is right for as long as the machine runs. */
static uint64_t nanos_by_tsc(uint64_t tsc)
{
    int64_t passed = (int64_t)(tsc - base_tsc);

    if (passed < 0) {
        return base_nanos; /* somebody has set the TSC back */
    }
    return base_nanos + (uint64_t)((unsigned __int128)passed * tsc_scale >> SCALE_SHIFT);
}

void clock_start(const struct clock_counter *counter)
{
    source = counter;
    read_steps();
    rounds = 0;
    base_steps = read_steps();
}

uint64_t clock_nanos(void)
{
    if (source == NULL) {
        return 0;
    }
    bool were_on = cpu_save_interrupts();
    uint64_t nanos = tsc_hz != 0 ? nanos_by_tsc(cpu_read_tsc()) : nanos_by_counter(read_steps());

    if (nanos > newest) {
        newest = nanos;
    }
    nanos = newest;
    cpu_restore_interrupts(were_on);
    return nanos;
}

uint64_t clock_micros(void)
{
    return clock_nanos() / NANOS_PER_MICRO;
}

/* TSC and counter at one moment: of a few tries the one that the least came between. */
static struct sample take_sample(void)
{
    struct sample best = {0, 0};
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
        uint64_t start = cpu_read_tsc();
        uint64_t steps = read_steps();
        uint64_t length = cpu_read_tsc() - start;

        if (length < least) {
            least = length;
            best = (struct sample){start + length / 2, steps};
        }
    }
    return best;
}

/*
 * From AT on the TSC keeps the time, HZ steps a second; 0: the counter does. The time of AT is
 * taken from the same sample as the TSC and the steps: whatever comes between the reading of two
 * clocks, and on an emulator that can be milliseconds, would be lost for ever.
 */
static void set_rate(const struct sample *at, uint64_t hz)
{
    base_nanos = tsc_hz != 0 ? nanos_by_tsc(at->tsc) : nanos_by_counter(at->steps);
    if (base_nanos < newest) {
        base_nanos = newest; /* the TSC was set back */
    }
    base_tsc = at->tsc;
    base_steps = at->steps;
    tsc_hz = hz;
    if (hz != 0) {
        tsc_scale = ((uint64_t)NANOS_PER_SECOND << SCALE_SHIFT) / hz;
    }
}

static void end_short_window(void)
{
    struct sample start = window_sample;
    struct sample end = take_sample();

    if (end.steps != start.steps) {
        uint64_t rate = multiply_divide(end.tsc - start.tsc, source->hz, end.steps - start.steps);

        if (rate != 0 && (tsc_hz == 0 || rate < tsc_hz)) {
            set_rate(&end, rate);
        }
    }
    window_sample = end;
}

static void end_long_window(void)
{
    struct sample end = take_sample();
    uint64_t tsc_steps = end.tsc - first_sample.tsc;
    uint64_t steps = end.steps - first_sample.steps; /* right but for whole rounds */
    uint64_t expected = multiply_divide(tsc_steps, source->hz, tsc_hz);

    if (expected > steps) {
        steps += (expected - steps + source->round / 2) / source->round * source->round;
    }
    if (tsc_steps != 0 && steps != 0) { /* else one of them has stopped: check_tsc sees to it */
        set_rate(&end, multiply_divide(tsc_steps, source->hz, steps));
    }
}

/* The next step of measuring the TSC, SINCE ticks after the first one. */
static void measure(uint64_t since)
{
    if (since == 0) {
        first_sample = window_sample = take_sample();
        first_nanos = clock_nanos();
    } else if (windows_done < SHORT_WINDOWS) {
        if (since % SHORT_WINDOW == 0) {
            end_short_window();
            windows_done++;
        }
    } else if (tsc_hz == 0) {
        windows_done = WINDOWS; /* it does not count at all */
    } else if (clock_nanos() - first_nanos >=
               long_windows[windows_done - SHORT_WINDOWS] * NANOS_PER_MILLI) {
        end_long_window();
        windows_done++;
    }
}

/* Ticks can be late or lost, but never come too often: so much time has passed at least. */
static void check_tsc(void)
{
    uint64_t now = clock_nanos();

    if (check_nanos != 0 && now - check_nanos < (uint64_t)ticker->nanos * CHECK_TICKS / 2) {
        struct sample at = take_sample();

        set_rate(&at, 0);
        windows_done = WINDOWS;
    }
    check_nanos = now;
}

/* The counter keeps the time: it must be read in each round, and watched. */
static void follow_counter(void)
{
    read_steps();
    still_ticks = phase == phase_at_tick ? still_ticks + 1 : 0;
    phase_at_tick = phase;
    if (still_ticks >= DEAD_TICKS) {
        extra_steps += multiply_divide(ticker->nanos, source->hz, NANOS_PER_SECOND);
    }
}

void clock_expect_ticks(const struct clock_ticker *new_ticker)
{
    ticker = new_ticker;
    distance = new_ticker->nanos;
}

/* The ticker keeps the distance that it was told, so it is told of changes alone. */
static void set_distance(uint32_t nanos)
{
    if (distance != nanos) {
        distance = nanos;
        ticker->set_next(nanos);
    }
}

void clock_busy(void)
{
    if (ticker != NULL) {
        set_distance(ticker->nanos);
    }
}

/* Only with the TSC: the counter must be read in each of its rounds. */
void clock_quiet(uint64_t until)
{
    uint64_t now = clock_nanos();
    uint64_t wait = until > now ? until - now : 0;

    if (ticker == NULL || tsc_hz == 0 || wait < 2 * (uint64_t)ticker->nanos) {
        clock_busy();
    } else {
        set_distance(wait < ticker->longest ? (uint32_t)wait : ticker->longest);
    }
}

void clock_on_tick(void (*hook)(void))
{
    ASSERT(hook_count < CLOCK_TICK_HOOKS, "%u hooks", hook_count);
    hooks[hook_count++] = hook;
}

void clock_tick(void)
{
    if (tsc_hz == 0) {
        clock_busy(); /* the TSC may have broken while ticks were away */
        follow_counter();
    }
    if (windows_done < WINDOWS) {
        measure(ticks);
    }
    ticks++;
    if (ticks % CHECK_TICKS == 0 && tsc_hz != 0) {
        check_tsc();
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
    uint64_t end = clock_nanos() + micros * NANOS_PER_MICRO;

    for (uint64_t reads = 0; clock_nanos() < end && reads < micros * READS_PER_MICRO;
         reads += tsc_hz != 0 ? 1 : COUNTER_READ) {
        cpu_pause();
    }
}
