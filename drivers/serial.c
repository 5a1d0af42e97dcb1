/*
 * serial.c - COM1: finding it, setting it up, receiving; see serial.h. [16550]
 *
 * What arrives goes through the VT100 decoder into the input queue. All waits are bounded: with
 * nothing at the other end, or no UART at all, the kernel goes on.
 */
#include "drivers/serial.h"

#include "drivers/uart.h"
#include "drivers/vt100.h"
#include "kernel/console.h"
#include "kernel/cpu/io.h"
#include "kernel/input.h"
#include "kernel/irq.h"

#define ERRORS_OF_BYTE (LSR_PARITY | LSR_FRAMING | LSR_BREAK)
#define RECEIVE_MAX    (4 * UART_FIFO_BYTES) /* in one go */
#define ROUNDS_MAX     8                     /* in one interrupt; others want their turn */

struct serial_statistics uart_counts;
static uint8_t enabled;     /* interrupt causes, as in IER */
static uint8_t byte_errors; /* of the byte that is next to be read */
static struct vt100 decoder;

uint8_t uart_status(void)
{
    uint8_t status = io_read8(UART_LINE_STATUS);

    uart_counts.overruns += (status & LSR_OVERRUN) != 0;
    byte_errors |= status & ERRORS_OF_BYTE;
    return status;
}

static void set_enabled(uint8_t causes)
{
    if (causes != enabled) {
        enabled = causes;
        io_write8(UART_INTERRUPT_ENABLE, causes);
    }
}

void uart_enable(uint8_t causes)
{
    set_enabled(enabled | causes);
}

void uart_disable(uint8_t causes)
{
    set_enabled((uint8_t)(enabled & ~causes));
}

/* A byte that did not arrive as it was sent is no key. A break is a zero byte with its bit set. */
static void take(uint8_t byte, uint8_t errors)
{
    if (errors == 0) {
        uart_counts.received++;
        vt100_decode(&decoder, byte, input_add);
    } else if (errors & LSR_BREAK) {
        uart_counts.breaks++;
    } else if (errors & LSR_FRAMING) {
        uart_counts.framing_errors++;
    } else {
        uart_counts.parity_errors++;
    }
}

static void receive(void)
{
    for (unsigned i = 0; i < RECEIVE_MAX && (uart_status() & LSR_DATA); i++) {
        uint8_t byte = io_read8(UART_DATA);

        take(byte, byte_errors);
        byte_errors = 0;
    }
}

/* The other end is taken for a VT100: erase all, cursor to the top left. */
static void serial_clear(void)
{
    static const char sequence[] = "\033[2J\033[H";

    uart_output_write(sequence, sizeof(sequence) - 1);
}

static struct console_sink sink = {
    .name = "com1",
    .kind = CONSOLE_SERIAL,
    .write = uart_output_write,
    .make_room = uart_output_make_room,
    .clear = serial_clear,
    .flush = uart_output_flush,
    .panic = uart_output_panic,
};

static bool is_there(void)
{
    io_write8(UART_SCRATCH, 0x5A);
    if (io_read8(UART_SCRATCH) != 0x5A) {
        return false;
    }
    io_write8(UART_SCRATCH, 0xA5);
    return io_read8(UART_SCRATCH) == 0xA5;
}

bool serial_start(void)
{
    if (!is_there()) {
        return false;
    }
    uart_wait(LSR_ALL_SENT); /* the loader's last characters go out before the line changes */
    receive();               /* and turning the FIFO on would lose what was typed meanwhile */
    io_write8(UART_LINE_CONTROL, LCR_DLAB | LCR_8N1);
    io_write8(UART_DATA, DIVISOR_115200);
    io_write8(UART_INTERRUPT_ENABLE, 0);
    io_write8(UART_LINE_CONTROL, LCR_8N1);
    io_write8(UART_INTERRUPT_ENABLE, 0);
    enabled = 0;
    io_write8(UART_MODEM_CONTROL, MCR_DTR_RTS_OUT2);
    io_write8(UART_FIFO_CONTROL, FCR_ENABLE_8);
    bool fifo = (io_read8(UART_INTERRUPT_ID) & IIR_FIFO_WORKS) == IIR_FIFO_WORKS;

    uart_output_start(fifo ? UART_FIFO_BYTES : 1);
    console_register(&sink);
    return true;
}

/*
 * Serve the UART until it asks for nothing more. The PIC looks for edges: if we leave while it
 * still asks, turning its interrupts off and on makes it ask again.
 */
static bool serial_interrupt(void *context)
{
    bool asked = false;

    (void)context;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        if (io_read8(UART_INTERRUPT_ID) & IIR_NONE) {
            return asked;
        }
        asked = true;
        receive();
        uart_output_feed();
    }
    io_write8(UART_INTERRUPT_ENABLE, 0);
    io_write8(UART_INTERRUPT_ENABLE, enabled);
    return asked;
}

static struct irq_handler handler = {.owner = "com1", .handle = serial_interrupt};

void serial_start_interrupts(void)
{
    irq_register(IRQ_COM1, &handler);
    uart_enable(IER_RECEIVED);
    uart_output_by_interrupt();
}

const struct serial_statistics *serial_statistics(void)
{
    return &uart_counts;
}
