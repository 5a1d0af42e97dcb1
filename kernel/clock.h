/*
 * clock.h - time since the kernel started its clock, in nanoseconds.
 *
 * At first the time is read from the counter that the timer driver registers; that is slow, but
 * needs no waiting. While the timer ticks, the CPU's time stamp counter (TSC) is measured against
 * that counter in the background; once its rate is known, it takes over, and is measured on, for
 * eight seconds, until the rate is right to a millionth or so. So finding out how fast the TSC runs
 * costs no time at start-up.
 *
 * A TSC that stands still or slows down afterwards is noticed: the counter takes over again. The
 * time never goes back, whatever the counters do.
 */
#ifndef SECTOR0_KERNEL_CLOCK_H
#define SECTOR0_KERNEL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A counter that runs down from round - 1 to 0, over and over. It must be read at least once a
 * round; ticks see to that when they have begun.
 */
struct clock_counter {
    uint32_t hz;            /* steps a second */
    uint32_t round;         /* steps a round */
    uint32_t (*read)(void); /* the count now: below round, or anything if it is broken */
};

/* What raises the ticks. */
struct clock_ticker {
    uint32_t nanos;   /* between two ticks */
    uint32_t longest; /* nanoseconds that set_next can do */
    /* The next tick comes in NANOS nanoseconds, and the others at the same distance. */
    void (*set_next)(uint32_t nanos);
};

/* Start the clock at 0 with COUNTER, which must be running. Context: interrupts off. */
void clock_start(const struct clock_counter *counter);

/* From now on TICKER lets clock_tick be called. Context: interrupts off. */
void clock_expect_ticks(const struct clock_ticker *ticker);

/* A tick has come. Context: the timer's interrupt, interrupts off. */
void clock_tick(void);

/* Nanoseconds since clock_start, 0 before it; never goes back. Context: any. */
uint64_t clock_nanos(void);

/* The same in microseconds. Context: any. */
uint64_t clock_micros(void);

/*
 * Nothing is due before the clock shows UNTIL nanoseconds: ticks may stay away until then, or for
 * as long as the ticker can, and keep that distance. clock_busy brings the usual ones back; it must
 * be called when anything has become due earlier. Context: interrupts off.
 */
void clock_quiet(uint64_t until);
void clock_busy(void);

/*
 * Let HOOK be called at each tick, at most CLOCK_TICK_HOOKS of them, in the order of registration.
 * Context: start-up; HOOK runs in the timer's interrupt, interrupts off.
 */
#define CLOCK_TICK_HOOKS 4
void clock_on_tick(void (*hook)(void));

/* Timer interrupts since clock_start. Context: any. */
uint64_t clock_ticks(void);

/* How often the TSC counts a second, 0 while that is not known. Context: any. */
uint64_t clock_tsc_hz(void);

/*
 * Wait MICROS microseconds, reading the clock all the time. Ends even if no counter works: after a
 * number of rounds that takes longer on any machine. Context: any, also with interrupts off.
 */
void clock_wait(uint64_t micros);

#endif
