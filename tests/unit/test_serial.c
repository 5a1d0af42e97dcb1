/*
 * test_serial.c - the COM1 driver against a made-up 16550: how it is programmed, what is sent and
 * received by polling and by interrupt, in which order, and that neither an absent nor a stuck line
 * makes the kernel wait for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/serial.h"
#include "drivers/uart.h"
#include "kernel/console.h"
#include "kernel/cpu/io.h"
#include "kernel/input.h"
#include "kernel/irq.h"
#include "kernel/sched/wait.h"

static struct {
    bool present, stuck, has_fifo, slow, deaf;
    unsigned looks, looks_needed; /* of the status until the transmitter is empty */
    uint8_t lcr, mcr, ier, fcr, scratch;
    uint16_t divisor;
    unsigned fill;   /* bytes in the transmitter */
    bool sent_latch; /* the interrupt cause "transmitter empty" */
    bool edge;       /* the interrupt line went up: the PIC has seen it */
    bool line;       /* how it is now */
    unsigned long reads;
    bool overrun;
    const char *incoming;
    size_t arriving;    /* bytes of it that have arrived */
    uint8_t bad_status; /* LSR bits of the byte at bad_at */
    size_t bad_at;
    size_t taken;
} uart;
static char sent[100000];
static size_t sent_count;
static char keys[4096];
static size_t key_count;
static struct console_sink *sink;
static struct irq_handler *handler;
static unsigned sleeps;
static bool woken;

static uint8_t interrupt_id(void)
{
    uint8_t fifo = uart.has_fifo ? 0xC0 : 0;

    if ((uart.ier & 1) && uart.taken < uart.arriving) {
        return fifo | 0x04;
    }
    return (uart.ier & 2) && uart.sent_latch && !uart.deaf ? fifo | 0x02 : fifo | 0x01;
}

static void update_line(void)
{
    bool line = (interrupt_id() & 1) == 0;

    uart.edge |= line && !uart.line;
    uart.line = line;
}

/* The transmitter sends all that it has. */
static void send_out(void)
{
    if (uart.fill > 0) {
        uart.fill = 0;
        uart.sent_latch = true;
    }
    update_line();
}

/* Deliver interrupts as the PIC would: one for each edge. Returns how many. */
static unsigned interrupts(void)
{
    unsigned count = 0;

    while (uart.edge && handler != NULL && count < 1000) {
        uart.edge = false;
        handler->handle(handler->context);
        count++;
        update_line();
    }
    return count;
}

static uint32_t read_register(unsigned index)
{
    uint32_t value;

    switch (index) {
    case 0:
        return uart.taken < uart.arriving ? (uint8_t)uart.incoming[uart.taken++] : 0;
    case 2:
        value = interrupt_id();
        if ((value & 0x0F) == 0x02) {
            uart.sent_latch = false;
        }
        return value;
    case 5:
        value = uart.taken < uart.arriving ? 0x01 : 0;
        value |= uart.overrun ? 0x02 : 0;
        if (value & 1 && uart.taken == uart.bad_at) {
            value |= uart.bad_status;
            uart.bad_status = 0; /* reading it clears it */
        }
        uart.overrun = false;
        if (!uart.stuck && !uart.slow && ++uart.looks > uart.looks_needed) {
            send_out();
            uart.looks = 0;
        }
        return value | (uart.fill == 0 && !uart.stuck ? 0x60 : 0);
    case 7:
        return uart.scratch;
    default:
        fail_msg("read of register %u", index);
        return 0;
    }
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    uint32_t value;

    assert_int_equal(size, 1);
    uart.reads++;
    if (!uart.present) {
        return 0xFF;
    }
    value = read_register(port - COM1_PORT);
    update_line();
    return value;
}

static void write_register(unsigned index, uint8_t value)
{
    switch (index) {
    case 0:
        if (uart.lcr & 0x80) {
            uart.divisor = (uint16_t)((uart.divisor & 0xFF00) | value);
            return;
        }
        assert_true(uart.fill < (uart.has_fifo ? 16u : 1u)); /* nothing may be overwritten */
        uart.fill++;
        uart.sent_latch = false;
        sent[sent_count++] = (char)value;
        sent[sent_count] = '\0';
        return;
    case 1:
        if (uart.lcr & 0x80) {
            uart.divisor = (uint16_t)((uart.divisor & 0xFF) | value << 8);
            return;
        }
        uart.sent_latch |= (value & 2) && !(uart.ier & 2) && uart.fill == 0;
        uart.ier = value;
        return;
    case 2:
        uart.fcr = value;
        return;
    case 3:
        uart.lcr = value;
        return;
    case 4:
        uart.mcr = value;
        return;
    case 7:
        uart.scratch = value;
        return;
    default:
        return;
    }
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    assert_int_equal(size, 1);
    write_register(port - COM1_PORT, (uint8_t)value);
    update_line();
}

/* While a thread sleeps, FIFOs go out, and their interrupts are handled. */
bool wait_sleep_for(struct wait_queue *queue, struct spinlock *lock, uint64_t wait_nanos)
{
    static struct thread *const somebody = (struct thread *)&uart;

    assert_in_range(wait_nanos, 10000000, 1000000000);
    spin_unlock(lock);
    queue->first = somebody;
    woken = false;
    sleeps++;
    for (unsigned fifo = 0; fifo < 1000 && !woken && !uart.stuck; fifo++) {
        send_out();
        interrupts();
        if (uart.deaf) {
            break; /* nobody is told */
        }
    }
    queue->first = NULL;
    spin_lock(lock);
    return woken;
}

unsigned wait_wake_all(struct wait_queue *queue)
{
    (void)queue;
    woken = true;
    return 1;
}

void console_register(struct console_sink *new_sink)
{
    sink = new_sink;
}

void input_add(int key)
{
    keys[key_count++] = (char)key;
    keys[key_count] = '\0';
}

void irq_register(unsigned irq, struct irq_handler *new_handler)
{
    assert_int_equal(irq, IRQ_COM1);
    assert_string_equal(new_handler->owner, "com1");
    handler = new_handler;
}

static void forget_output(void)
{
    sent_count = 0;
    sent[0] = '\0';
}

static void plug_in(bool has_fifo)
{
    sink = NULL;
    handler = NULL;
    memset(&uart, 0, sizeof(uart));
    uart.present = true;
    uart.has_fifo = has_fifo;
    uart.divisor = 0xAAAA;
    uart.incoming = "";
    uart.bad_at = SIZE_MAX;
    key_count = 0;
    keys[0] = '\0';
    sleeps = 0;
    memset(&uart_counts, 0, sizeof(uart_counts));
    forget_output();
}

static void arrive(const char *text)
{
    uart.incoming = text;
    uart.taken = 0;
    uart.arriving = strlen(text);
    update_line();
}

static void start(bool by_interrupt)
{
    plug_in(true);
    assert_true(serial_start());
    sink->panic(); /* whatever the case before has left: by polling, not stuck, ring empty */
    sink->flush();
    memset(&uart_counts, 0, sizeof(uart_counts));
    forget_output();
    if (by_interrupt) {
        serial_start_interrupts();
        uart.slow = true;
    }
}

static void write(const char *text)
{
    sink->write(text, strlen(text));
}

static void test_absent(void **state)
{
    (void)state;
    plug_in(true);
    uart.present = false;
    assert_false(serial_start());
    assert_null(sink);
    assert_true(uart.reads < 10);
    assert_int_equal(serial_statistics()->sent, 0);
}

static void test_programming(void **state)
{
    (void)state;
    plug_in(true);
    assert_true(serial_start());
    assert_int_equal(uart.lcr, 0x03);
    assert_int_equal(uart.divisor, 1);
    assert_int_equal(uart.mcr, 0x0B);
    assert_int_equal(uart.fcr, 0x81);
    assert_int_equal(uart.ier, 0);
    serial_start_interrupts();
    assert_int_equal(uart.ier, 1);
}

static void test_polled_output(void **state)
{
    (void)state;
    for (int fifo = 0; fifo <= 1; fifo++) {
        plug_in(fifo);
        assert_true(serial_start());
        sink->panic();
        write("one\ntwo 345678901234567890\n");
        assert_string_equal(sent, "one\r\ntwo 345678901234567890\r\n");
        sink->clear();
        sink->flush();
        assert_string_equal(sent + 29, "\033[2J\033[H");
        assert_int_equal(uart.ier, 0);
    }
}

/* By interrupt: what the FIFO takes goes at once, the rest follows, nobody waits. */
static void test_output_by_interrupt(void **state)
{
    char text[1001];

    (void)state;
    start(true);
    for (unsigned i = 0; i < 1000; i++) {
        text[i] = (char)('a' + i % 26);
    }
    text[1000] = '\0';
    write(text);
    assert_int_equal(sent_count, 16);
    assert_int_equal(uart.ier, 3);
    for (unsigned i = 0; i < 62; i++) {
        send_out();
        assert_int_equal(interrupts(), 1);
    }
    assert_string_equal(sent, text);
    assert_int_equal(uart.ier, 1); /* nothing left to ask for */
    send_out();
    assert_int_equal(interrupts(), 0);
    assert_int_equal(serial_statistics()->sent, 1000);
    assert_int_equal(serial_statistics()->dropped, 0);
    assert_false(handler->handle(NULL)); /* it had not asked */
}

/* A full ring where nobody may sleep: polling makes room, and the order stays. */
static void test_full_ring(void **state)
{
    static char text[20001];

    (void)state;
    start(true);
    for (unsigned i = 0; i < 20000; i++) {
        text[i] = (char)('a' + i % 26);
    }
    for (unsigned i = 0; i < 20000; i += 100) {
        uart.slow = i < 4000; /* then the ring is full, and the transmitter moves when looked at */
        sink->write(text + i, 100);
        assert_true(i >= 4000 || sent_count == 16);
    }
    sink->flush();
    assert_string_equal(sent, text);
    assert_int_equal(serial_statistics()->dropped, 0);
}

/* A thread sleeps until half of the ring is free; it does not spin. */
static void test_make_room(void **state)
{
    static char text[3801];

    (void)state;
    start(true);
    memset(text, 'x', 3800);
    write(text);
    sink->make_room(200);
    assert_int_equal(sleeps, 0);
    sink->make_room(512);
    assert_int_equal(sleeps, 1);
    assert_in_range(sent_count, 3800 - 2048, 3800 - 2048 + 32);
    uart.deaf = true; /* a UART that forgets its interrupts: we feed it by hand */
    sink->make_room(2500);
    assert_in_range(sleeps, 25, 40);
    uart.slow = false;
    sink->flush();
    assert_int_equal(sent_count, 3800);
}

/* What was written by interrupt goes out before a panic's words, and those without interrupts. */
static void test_panic_keeps_the_order(void **state)
{
    static char text[1001];

    (void)state;
    start(true);
    memset(text, 'x', 1000);
    write(text);
    assert_int_equal(sent_count, 16);
    uart.slow = false;
    uart.looks_needed = 5;
    sink->panic();
    assert_int_equal(sent_count, 1000);
    write("PANIC: more than one FIFO takes");
    assert_int_equal(sent_count, 1031);
    assert_string_equal(sent + 1000, "PANIC: more than one FIFO takes");
    assert_int_equal(uart.ier, 0);
}

static void test_stuck_line(void **state)
{
    (void)state;
    start(false);
    uart.stuck = true;
    uart.fill = 0;
    for (int i = 0; i < 2000; i++) {
        write("text");
    }
    sink->flush();
    assert_true(uart.reads < 1000000); /* patient once, not for each byte */
    assert_int_equal(serial_statistics()->dropped, 8000 - 4096);
    uart.stuck = false;
    write("again");
    assert_int_equal(sent_count, 4096 + 5); /* what is in the ring was not lost */
    assert_string_equal(sent + 4096, "again");
}

/* A thread's patience with a stuck line ends, too: once. */
static void test_stuck_line_and_threads(void **state)
{
    static char text[4097];

    (void)state;
    start(true);
    memset(text, 'x', 4096);
    write(text);
    uart.stuck = true;
    sink->make_room(100);
    assert_int_equal(sleeps, 10); /* about a second */
    for (int i = 0; i < 100; i++) {
        sink->make_room(100);
        write("lost");
    }
    assert_int_equal(sleeps, 10);
    assert_true(serial_statistics()->dropped > 0);
    uart.stuck = false;
    send_out();
    interrupts();
    sink->make_room(1000); /* it moves again: we wait again */
    assert_true(sleeps > 10);
    sink->flush();
}

static void test_input(void **state)
{
    (void)state;
    plug_in(true);
    arrive("early"); /* typed before the driver started */
    assert_true(serial_start());
    assert_string_equal(keys, "early");
    serial_start_interrupts();
    uart.overrun = true;
    arrive("help\r");
    assert_int_equal(interrupts(), 1);
    assert_string_equal(keys, "earlyhelp\n");
    assert_int_equal(serial_statistics()->overruns, 1);
    assert_int_equal(serial_statistics()->received, 10);
}

/* Bytes that did not arrive well are counted and are no keys; those around them are. */
static void test_line_errors(void **state)
{
    static const uint8_t errors[] = {LSR_PARITY, LSR_FRAMING, LSR_FRAMING | LSR_BREAK};

    (void)state;
    start(true);
    for (unsigned i = 0; i < 3; i++) {
        uart.bad_at = i == 0 ? 1 : 0;
        uart.bad_status = errors[i];
        arrive(i == 0 ? "x\001y" : "\001xy");
        uart_status(); /* whoever sends looks at the status, too, before the byte is read */
        interrupts();
    }
    assert_string_equal(keys, "xyxyxy");
    assert_int_equal(serial_statistics()->parity_errors, 1);
    assert_int_equal(serial_statistics()->framing_errors, 1);
    assert_int_equal(serial_statistics()->breaks, 1);
    assert_int_equal(serial_statistics()->received, 6);
}

/* More than one interrupt's worth: the rest must raise another one, for which IER goes off and on.
 */
static void test_endless_input(void **state)
{
    static char flood[3001];

    (void)state;
    start(true);
    memset(flood, 'x', 3000);
    arrive(flood);
    uart.edge = false;
    assert_true(handler->handle(NULL));
    assert_true(key_count > 0 && key_count < 3000);
    assert_int_equal(uart.ier, 1);
    assert_true(uart.edge); /* it asks again */
    assert_true(interrupts() < 30);
    assert_int_equal(key_count, 3000);
}

/* Both ways at once, at random: nothing is lost, nothing changes its place. */
static void test_both_ways(void **state)
{
    static char out[60000], in[3000];
    size_t written = 0;

    (void)state;
    start(true);
    srand(1);
    for (size_t i = 0; i < sizeof(out) - 1; i++) {
        out[i] = (char)('a' + rand() % 26);
    }
    for (size_t i = 0; i < sizeof(in) - 1; i++) {
        in[i] = (char)('a' + rand() % 26);
    }
    uart.incoming = in;
    while (written < sizeof(out) - 1) {
        size_t piece = 1 + (size_t)rand() % 200;

        if (piece > sizeof(out) - 1 - written) {
            piece = sizeof(out) - 1 - written;
        }
        sink->make_room(piece);
        sink->write(out + written, piece);
        written += piece;
        if (uart.arriving + 16 < sizeof(in)) {
            uart.arriving += (size_t)rand() % 16;
        }
        if (rand() % 2) {
            send_out();
        }
        update_line();
        interrupts();
    }
    uart.slow = false;
    sink->flush();
    assert_string_equal(sent, out);
    assert_int_equal(key_count, uart.arriving);
    assert_memory_equal(keys, in, key_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_programming),
        cmocka_unit_test(test_polled_output),
        cmocka_unit_test(test_output_by_interrupt),
        cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_make_room),
        cmocka_unit_test(test_panic_keeps_the_order),
        cmocka_unit_test(test_stuck_line),
        cmocka_unit_test(test_stuck_line_and_threads),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_line_errors),
        cmocka_unit_test(test_endless_input),
        cmocka_unit_test(test_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
