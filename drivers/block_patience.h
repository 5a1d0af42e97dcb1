/*
 * block_patience.h - how to wait for a disk: by looking for the end all the time, or asleep until
 * the interrupt. Portable.
 *
 * Which is faster depends on what is around us, and changes while we run. On a machine of its own
 * looking is: waking up takes longer than a short request does. Under an emulator whose threads
 * share one CPU of the host it is not: as long as we look, we keep the disk's thread from working.
 * So nobody guesses: now and then a few waits are done in the other way, and if requests were
 * shorter so, that way is taken from then on. Trials become rarer while nothing changes.
 */
#ifndef SECTOR0_DRIVERS_BLOCK_PATIENCE_H
#define SECTOR0_DRIVERS_BLOCK_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* All zero at first: it begins with looking. */
struct block_patience {
    bool sleeps;         /* the way that is taken outside of trials */
    uint8_t trial;       /* waits that are still to be done in the other way; 0: no trial */
    uint16_t rest;       /* waits until the next trial */
    uint16_t pause;      /* waits between the last two */
    uint32_t mean;       /* nanoseconds that requests took lately, in the way that is taken */
    uint32_t usual;      /* the same after the last trial */
    uint32_t trial_mean; /* in the trial */
};

/* Whether the next wait is asleep at once. Context: whoever guards PATIENCE, as for the other. */
bool block_patience_sleeps(const struct block_patience *patience);

/* A wait has ended, that was done as the function above said; the request took NANOS in all. */
void block_patience_learn(struct block_patience *patience, uint64_t nanos);

#endif
