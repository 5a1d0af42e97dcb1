/*
 * clock.h - time since the kernel started its clock, in microseconds.
 *
 * At first the time is read from the counter that the timer driver registers. It is exact as long
 * as it is read in each of the counter's rounds or told of its end, and needs no waiting. While the
 * timer ticks, the CPU's time stamp counter is measured against it in the background; once its rate
 * is known, it takes over. So finding out how fast the TSC runs costs no time at start-up.
 */
#ifndef SECTOR0_KERNEL_CLOCK_H
#define SECTOR0_KERNEL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A counter that runs down from round - 1 to 0, over and over. */
struct clock_counter {
    uint32_t hz;            /* steps a second */
    uint32_t round;         /* steps a round */
    uint32_t (*read)(void); /* the count now: below round, or anything if it is broken */
};

/* Start the clock at 0 with COUNTER, which must be running. Context: interrupts off. */
void clock_start(const struct clock_counter *counter);

/* From now on every round ends with a clock_tick. Context: interrupts off. */
void clock_expect_ticks(void);

/* Tell the clock that a round is over. Context: the timer's interrupt, interrupts off. */
void clock_tick(void);

/* Microseconds since clock_start, 0 before it; never goes back. Context: any. */
uint64_t clock_micros(void);

/* The same in nanoseconds. Context: any. */
uint64_t clock_nanos(void);

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
