/*
 * fiber.h - threads for the crash tests: they take turns on one processor, at locks and at the disk,
 * as a seed decides. So one thread writes while another commits, and yet the same workload does the
 * same each time.
 *
 * Outside of fibers_run there is one thread, which must never wait for another.
 */
#ifndef SECTOR0_TESTS_CRASH_FIBER_H
#define SECTOR0_TESTS_CRASH_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#define FIBERS 3

/* Run COUNT functions side by side until all have returned. */
void fibers_run(void (*const run[])(void *ctx), void *const ctx[], unsigned count, uint64_t seed);

/* Somebody else may go on here: it happens once in EACH times. */
void fiber_turn(uint32_t each);
/* Somebody else goes on, if anybody can. */
void fiber_pass(void);
/* Sleep until ON is woken. Ends the program if nobody is left to do that. */
void fiber_sleep(const void *on);
void fiber_wake(const void *on);

#endif
