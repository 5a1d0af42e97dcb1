/*
 * walltime.h - what time it is, in UTC.
 *
 * The machine's battery clock is read once, when somebody first asks; from then on kernel/clock.h
 * counts. So the time is right to a second at best, and its seconds are as even as the clock's.
 */
#ifndef SECTOR0_KERNEL_WALLTIME_H
#define SECTOR0_KERNEL_WALLTIME_H

#include <stdint.h>

#include "kernel/calendar.h"

/*
 * Let READ fetch the date and time when they are first needed. It returns NULL, or in words why
 * there are none. Context: start-up; READ is called wherever walltime_nanos is.
 */
void walltime_register(const char *(*read)(struct calendar *now));

/*
 * Set *NANOS to the nanoseconds since the beginning of 1970. Returns NULL, or in words why nobody
 * knows; it is then tried again the next time. Context: a thread, or start-up.
 */
const char *walltime_nanos(uint64_t *nanos);

#endif
