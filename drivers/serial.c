/*
 * serial.c - see serial.h. [16550]
 *
 * The registers lie at COM1_PORT + n; 0 and 1 change their meaning while LCR_DLAB is set. All waits
 * are bounded: with nothing at the other end, or no UART at all, the kernel goes on.
 */
#include "drivers/serial.h"

#include <stddef.h>

#include "drivers/vt100.h"
#include "include/layout.h"
#include "kernel/console.h"
#include "kernel/cpu/io.h"
#include "kernel/input.h"
#include "kernel/irq.h"

#define DATA             (COM1_PORT + 0) /* RBR and THR; divisor low byte */
#define INTERRUPT_ENABLE (COM1_PORT + 1) /* IER; divisor high byte */
#define FIFO_CONTROL     (COM1_PORT + 2) /* FCR when written */
#define INTERRUPT_ID     (COM1_PORT + 2) /* IIR when read */
#define LINE_CONTROL     (COM1_PORT + 3)
#define MODEM_CONTROL    (COM1_PORT + 4)
#define LINE_STATUS      (COM1_PORT + 5)
#define SCRATCH          (COM1_PORT + 7)

#define LCR_8N1          0x03
#define LCR_DLAB         0x80
#define DIVISOR_115200   1
#define FCR_ENABLE       0x01 /* interrupt at each byte: a person types */
#define IIR_FIFO_WORKS   0xC0
#define MCR_DTR_RTS_OUT2 0x0B /* OUT2 lets the interrupt through to the PIC */
#define IER_RECEIVED     0x01
#define LSR_DATA         0x01
#define LSR_OVERRUN      0x02
#define LSR_THR_EMPTY    0x20
#define LSR_ALL_SENT     0x40

#define FIFO_BYTES       16
#define RECEIVE_MAX      (4 * FIFO_BYTES) /* in one go; other interrupts want their turn */
/* Reads of the status before we stop waiting. 16 bytes take 1.4 ms, a read about a microsecond. */
#define PATIENCE 500000

static unsigned room; /* bytes that fit into the transmitter without looking at it again */
static unsigned fifo_size = 1;
static bool stuck; /* the transmitter did not empty: do not wait for it again */
static uint64_t overruns, dropped;
static struct vt100 decoder;

static bool wait_for(uint8_t status_bit)
{
    for (unsigned reads = stuck ? 1 : PATIENCE; reads > 0; reads--) {
        if (io_read8(LINE_STATUS) & status_bit) {
            stuck = false;
            return true;
        }
    }
    stuck = true;
    return false;
}

/* An empty transmitter takes a whole FIFO: one look at the status is enough for that many bytes. */
static void send(uint8_t byte)
{
    if (room == 0) {
        if (!wait_for(LSR_THR_EMPTY)) {
            dropped++;
            return;
        }
        room = fifo_size;
    }
    io_write8(DATA, byte);
    room--;
}

static void serial_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            send('\r');
        }
        send((uint8_t)text[i]);
    }
}

/* The other end is taken for a VT100: erase all, cursor to the top left. */
static void serial_clear(void)
{
    static const char sequence[] = "\033[2J\033[H";

    serial_write(sequence, sizeof(sequence) - 1);
}

static void serial_flush(void)
{
    wait_for(LSR_ALL_SENT);
}

static struct console_sink sink = {
    .name = "com1",
    .kind = CONSOLE_SERIAL,
    .write = serial_write,
    .clear = serial_clear,
    .flush = serial_flush,
};

/* Take what has arrived, but no more than RECEIVE_MAX bytes. Returns false if there may be more. */
static bool receive(void)
{
    for (unsigned i = 0; i < RECEIVE_MAX; i++) {
        uint8_t status = io_read8(LINE_STATUS);

        if (status & LSR_OVERRUN) {
            overruns++;
        }
        if (!(status & LSR_DATA)) {
            return true;
        }
        vt100_decode(&decoder, io_read8(DATA), input_add);
    }
    return false;
}

static bool is_there(void)
{
    io_write8(SCRATCH, 0x5A);
    if (io_read8(SCRATCH) != 0x5A) {
        return false;
    }
    io_write8(SCRATCH, 0xA5);
    return io_read8(SCRATCH) == 0xA5;
}

bool serial_start(void)
{
    if (!is_there()) {
        return false;
    }
    wait_for(LSR_ALL_SENT); /* the loader's last characters go out before the line changes */
    receive();              /* and turning the FIFO on would lose what was typed meanwhile */
    io_write8(LINE_CONTROL, LCR_DLAB | LCR_8N1);
    io_write8(DATA, DIVISOR_115200);
    io_write8(INTERRUPT_ENABLE, 0);
    io_write8(LINE_CONTROL, LCR_8N1);
    io_write8(INTERRUPT_ENABLE, 0);
    io_write8(MODEM_CONTROL, MCR_DTR_RTS_OUT2);
    io_write8(FIFO_CONTROL, FCR_ENABLE);
    fifo_size = (io_read8(INTERRUPT_ID) & IIR_FIFO_WORKS) == IIR_FIFO_WORKS ? FIFO_BYTES : 1;
    room = 0;
    console_register(&sink);
    return true;
}

/* The PIC looks for edges: turning its interrupt off and on makes the UART ask again. */
static bool serial_interrupt(void *context)
{
    (void)context;
    if (!receive()) {
        io_write8(INTERRUPT_ENABLE, 0);
        io_write8(INTERRUPT_ENABLE, IER_RECEIVED);
    }
    return true;
}

static struct irq_handler handler = {.owner = "com1", .handle = serial_interrupt};

void serial_start_input(void)
{
    irq_register(IRQ_COM1, &handler);
    io_write8(INTERRUPT_ENABLE, IER_RECEIVED);
}

uint64_t serial_overruns(void)
{
    return overruns;
}

uint64_t serial_dropped(void)
{
    return dropped;
}
