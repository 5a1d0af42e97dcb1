/*
 * serial_output.c - the sending half of COM1; see uart.h and serial.h.
 *
 * Everything goes through one ring, so the order is always that of writing. Who empties it:
 *
 *   writing      gives the transmitter what it takes at once, without waiting
 *   interrupts   do the rest, a FIFO at a time, once they are on
 *   polling      does the rest before interrupts are on, in a panic, and for a flush; and makes
 *                room if the ring is full and nobody may sleep
 *
 * A thread that writes much sleeps until there is room (uart_output_make_room). If the transmitter
 * takes nothing for long, the line is stuck: nobody waits for it again until it moves, and what
 * does not fit into the ring is dropped and counted.
 */
#include "drivers/uart.h"

#include "kernel/byte_ring.h"
#include "kernel/cpu/io.h"
#include "kernel/sched/wait.h"

/* Reads of the status before we stop waiting. 16 bytes take 1.4 ms, a read about a microsecond. */
#define PATIENCE    500000
#define SLEEP_NANOS 100000000ull /* half of the ring takes 180 ms */
#define SLEEPS_MAX  10           /* in a row, without a byte being sent */

static uint8_t memory[4096];
static struct byte_ring ring = BYTE_RING(memory); /* all of this: interrupts off */
static unsigned fifo_size = 1;
static bool by_interrupt;
static bool stuck;
static struct wait_queue sleepers; /* threads that want room; woken when half of the ring is free */
static struct spinlock lock = SPINLOCK("COM1's ring");

bool uart_wait(uint8_t bit)
{
    for (unsigned reads = stuck ? 1 : PATIENCE; reads > 0; reads--) {
        if (uart_status() & bit) {
            stuck = false;
            return true;
        }
    }
    stuck = true;
    return false;
}

void uart_output_start(unsigned fifo_bytes)
{
    fifo_size = fifo_bytes;
}

void uart_output_by_interrupt(void)
{
    by_interrupt = true;
}

/* An empty transmitter takes a whole FIFO: one look at the status is enough for that many bytes. */
void uart_output_feed(void)
{
    while (byte_ring_used(&ring) > 0 && (uart_status() & LSR_THR_EMPTY)) {
        for (unsigned i = 0; i < fifo_size && byte_ring_used(&ring) > 0; i++) {
            io_write8(UART_DATA, byte_ring_take(&ring));
            uart_counts.sent++;
        }
        stuck = false;
    }
    if (sleepers.first != NULL && byte_ring_room(&ring) >= ring.size / 2) {
        wait_wake_all(&sleepers);
    }
    if (byte_ring_used(&ring) == 0) {
        uart_disable(IER_SENT);
    } else if (by_interrupt) {
        uart_enable(IER_SENT);
    }
}

/* Send all of the ring by polling, or as much as the line takes. */
static void drain(void)
{
    uart_output_feed();
    while (byte_ring_used(&ring) > 0 && uart_wait(LSR_THR_EMPTY)) {
        uart_output_feed();
    }
}

static void put(uint8_t byte)
{
    if (byte_ring_room(&ring) == 0 && uart_wait(LSR_THR_EMPTY)) {
        uart_output_feed();
    }
    if (!byte_ring_put(&ring, byte)) {
        uart_counts.dropped++;
    }
}

void uart_output_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            put('\r');
        }
        put((uint8_t)text[i]);
    }
    if (by_interrupt) {
        uart_output_feed();
    } else {
        drain();
    }
}

/*
 * Interrupts wake us. Feeding by hand from time to time does not rely on them: some UARTs forget
 * one.
 */
void uart_output_make_room(size_t bytes)
{
    spin_lock(&lock);
    uint64_t sent = uart_counts.sent;
    unsigned vain = 0;

    while (by_interrupt && !stuck && byte_ring_room(&ring) < bytes) {
        wait_sleep_for(&sleepers, &lock, SLEEP_NANOS);
        uart_output_feed();
        vain = uart_counts.sent == sent ? vain + 1 : 0;
        sent = uart_counts.sent;
        stuck = vain == SLEEPS_MAX;
    }
    spin_unlock(&lock);
}

void uart_output_flush(void)
{
    drain();
    uart_wait(LSR_ALL_SENT);
}

void uart_output_panic(void)
{
    by_interrupt = false;
    stuck = false; /* the last words are worth another wait */
    uart_disable(IER_RECEIVED | IER_SENT);
    drain();
}
