/*
 * port_host.h - fs/port.h on this machine: pthreads and malloc, and allocations that fail on
 * demand.
 */
#ifndef SECTOR0_TESTS_PORT_HOST_H
#define SECTOR0_TESTS_PORT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The allocation after the next COUNT ones fails, and that one alone; negative: none. */
void port_fail_alloc(long count);
bool port_alloc_failed(void); /* it has happened since */

/* Bytes allocated and not freed, and the most there ever were since port_reset_peak. */
size_t port_in_use(void);
size_t port_peak(void);
void port_reset_peak(void);

/* Called when a thread has unlocked its last mutex, if not NULL: what another would do there. */
extern void (*port_unlocked)(void);

/* Print port_log's lines, or not (the usual). The last one is kept. */
extern bool port_verbose;
const char *port_last_log(void);

/* Random numbers with a seed that a test sets; port_random uses the same ones. */
void rng_seed(uint64_t seed);
uint64_t rng(void);
uint32_t rng_below(uint32_t limit);

#endif
