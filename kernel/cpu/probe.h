/*
 * probe.h - run something that may fault, and live: for tests of what is forbidden, and for looking
 * at memory that may not be there.
 */
#ifndef SECTOR0_KERNEL_CPU_PROBE_H
#define SECTOR0_KERNEL_CPU_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trap_frame;

/*
 * Call RUN(ARGUMENT). If a CPU exception comes meanwhile, RUN is left where it is, never to go on,
 * *FRAME is filled with the exception's registers, *CR2 with the address of a page fault, and false
 * is returned; else true. FRAME and CR2 may be NULL. RUN must take no lock and leave interrupts
 * off, as they are meanwhile. Probes nest. Context: any.
 */
bool cpu_probe(void (*run)(void *argument), void *argument, struct trap_frame *frame,
               uint64_t *cr2);

/* Copy SIZE bytes from ADDRESS to BUFFER. Returns false if not all of them can be read. */
bool cpu_probe_read(void *buffer, uint64_t address, size_t size);

/*
 * For trap.c: if a probe is on, let FRAME return to it and return true. Context: an exception.
 */
bool probe_catch(struct trap_frame *frame);

#endif
