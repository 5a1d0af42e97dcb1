/*
 * serial.h - COM1: 115200 8N1, output by polling, input by interrupt.
 */
#ifndef SECTOR0_DRIVERS_SERIAL_H
#define SECTOR0_DRIVERS_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Program COM1 and register it as a console. Returns false, with nothing registered, if there is no
 * COM1. Context: start-up.
 */
bool serial_start(void);

/* Take input: what arrives on IRQ 4 goes to the input queue. Context: start-up, interrupts off. */
void serial_start_input(void);

/* Bytes that were lost because the line was faster than we, and because nobody took ours. */
uint64_t serial_overruns(void);
uint64_t serial_dropped(void);

#endif
