/*
 * uart.h - the registers of a 16550 serial port, and what the two halves of the COM1 driver know of
 * each other: serial.c sets the line up and receives, serial_output.c sends. [16550]
 */
#ifndef SECTOR0_DRIVERS_UART_H
#define SECTOR0_DRIVERS_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/serial.h"
#include "include/layout.h"

/* The registers lie at COM1_PORT + n; 0 and 1 change their meaning while LCR_DLAB is set. */
#define UART_DATA             (COM1_PORT + 0) /* RBR and THR; divisor low byte */
#define UART_INTERRUPT_ENABLE (COM1_PORT + 1) /* IER; divisor high byte */
#define UART_FIFO_CONTROL     (COM1_PORT + 2) /* FCR when written */
#define UART_INTERRUPT_ID     (COM1_PORT + 2) /* IIR when read */
#define UART_LINE_CONTROL     (COM1_PORT + 3)
#define UART_MODEM_CONTROL    (COM1_PORT + 4)
#define UART_LINE_STATUS      (COM1_PORT + 5) /* only uart_status reads it */
#define UART_SCRATCH          (COM1_PORT + 7)

#define LCR_8N1               0x03
#define LCR_DLAB              0x80
#define DIVISOR_115200        1
#define FCR_ENABLE_8          0x81 /* interrupt at 8 bytes, or when the line falls silent */
#define IIR_NONE              0x01
#define IIR_FIFO_WORKS        0xC0
#define MCR_DTR_RTS_OUT2      0x0B /* OUT2 lets the interrupt through to the PIC */
#define IER_RECEIVED          0x01
#define IER_SENT              0x02
#define LSR_DATA              0x01
#define LSR_OVERRUN           0x02
#define LSR_PARITY            0x04
#define LSR_FRAMING           0x08
#define LSR_BREAK             0x10
#define LSR_THR_EMPTY         0x20
#define LSR_ALL_SENT          0x40

#define UART_FIFO_BYTES       16

/* What serial_statistics shows; changed with interrupts off. */
extern struct serial_statistics uart_counts;

/*
 * Read the line status. Reading it clears the bits for errors, so overruns are counted here, and
 * the errors of the byte that is next to be read are kept.
 */
uint8_t uart_status(void);

/* Turn interrupt causes (IER_*) on and off. */
void uart_enable(uint8_t causes);
void uart_disable(uint8_t causes);

/* Read the status, for a bounded time, until BIT is set. Returns false if it never was. */
bool uart_wait(uint8_t bit);

/* How many bytes an empty transmitter takes. */
void uart_output_start(unsigned fifo_bytes);

/* From now on interrupts tell when there is room for more. */
void uart_output_by_interrupt(void);

/* Give the transmitter what it takes now. Context: interrupts off. */
void uart_output_feed(void);

/* What the console calls; see struct console_sink. */
void uart_output_write(const char *text, size_t length);
void uart_output_make_room(size_t bytes);
void uart_output_flush(void);
void uart_output_panic(void);

#endif
