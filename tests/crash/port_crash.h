/*
 * port_crash.h - fs/port.h for the crash tests: one thread, a clock that stands still unless it is
 * told to move, random numbers with a seed. So the same workload writes the same bytes each time.
 */
#ifndef SECTOR0_TESTS_CRASH_PORT_CRASH_H
#define SECTOR0_TESTS_CRASH_PORT_CRASH_H

#include <stdbool.h>
#include <stdint.h>

extern int64_t port_clock; /* what port_now_ns returns */
extern bool port_verbose;  /* print port_log's lines */

/* Before each mount or mkfs. */
void port_seed(uint64_t seed);

/* Said by whoever panics: what was going on. */
extern const char *(*port_context)(void);

#endif
