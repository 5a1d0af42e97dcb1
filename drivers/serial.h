/*
 * serial.h - COM1: 115200 8N1, a console and a source of keys. Once interrupts are on, both ways
 * work by interrupt.
 */
#ifndef SECTOR0_DRIVERS_SERIAL_H
#define SECTOR0_DRIVERS_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes. An error belongs to a byte that was not taken for a key. */
struct serial_statistics {
    uint64_t received, sent;
    uint64_t dropped;  /* not sent: nobody at the other end took them */
    uint64_t overruns; /* the line was faster than we: at least one byte was lost each time */
    uint64_t parity_errors, framing_errors, breaks;
};

/*
 * Program COM1 and register it as a console. Returns false, with nothing registered, if there is no
 * COM1. Context: start-up.
 */
bool serial_start(void);

/* Send and receive by interrupt from now on: IRQ 4. Context: start-up, interrupts off. */
void serial_start_interrupts(void);

/* The counts so far; all zero without COM1. Context: any. */
const struct serial_statistics *serial_statistics(void);

#endif
