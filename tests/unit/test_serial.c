/*
 * test_serial.c - the COM1 driver against a made-up 16550: how it is programmed, what is sent and
 * received, and that neither an absent nor a stuck line makes the kernel wait for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/serial.h"
#include "include/layout.h"
#include "kernel/console.h"
#include "kernel/cpu/io.h"
#include "kernel/input.h"
#include "kernel/irq.h"

static struct {
    bool present, stuck, has_fifo;
    uint8_t lcr, mcr, ier, scratch;
    uint16_t divisor;
    unsigned fill; /* bytes in the transmitter */
    const char *incoming;
    unsigned long reads; /* of any register */
    bool overrun;
} uart;
static char sent[4096];
static size_t sent_count;
static char keys[4096];
static size_t key_count;
static struct console_sink *sink;
static struct irq_handler *handler;

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    assert_int_equal(size, 1);
    uart.reads++;
    if (!uart.present) {
        return 0xFF;
    }
    switch (port - COM1_PORT) {
    case 0:
        return *uart.incoming != '\0' ? (uint8_t)*uart.incoming++ : 0;
    case 2:
        return uart.has_fifo ? 0xC1 : 0x01;
    case 5: {
        uint32_t status = *uart.incoming != '\0' ? 0x01 : 0;

        status |= uart.overrun ? 0x02 : 0;
        uart.overrun = false;
        if (!uart.stuck) {
            uart.fill = 0; /* by the next look, all is out */
            status |= 0x60;
        }
        return status;
    }
    case 7:
        return uart.scratch;
    default:
        fail_msg("read of register %d", port - COM1_PORT);
        return 0;
    }
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    assert_int_equal(size, 1);
    switch (port - COM1_PORT) {
    case 0:
        if (uart.lcr & 0x80) {
            uart.divisor = (uint16_t)((uart.divisor & 0xFF00) | value);
            return;
        }
        assert_true(uart.fill < (uart.has_fifo ? 16u : 1u)); /* nothing may be overwritten */
        uart.fill++;
        sent[sent_count++] = (char)value;
        sent[sent_count] = '\0';
        return;
    case 1:
        if (uart.lcr & 0x80) {
            uart.divisor = (uint16_t)((uart.divisor & 0xFF) | value << 8);
        } else {
            uart.ier = (uint8_t)value;
        }
        return;
    case 3:
        uart.lcr = (uint8_t)value;
        return;
    case 4:
        uart.mcr = (uint8_t)value;
        return;
    case 7:
        uart.scratch = (uint8_t)value;
        return;
    default:
        return;
    }
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

static bool interrupt(void)
{
    return handler->handle(handler->context);
}

static void plug_in(bool has_fifo)
{
    memset(&uart, 0, sizeof(uart));
    uart.present = true;
    uart.has_fifo = has_fifo;
    uart.divisor = 0xAAAA;
    uart.incoming = "";
    sent_count = 0;
    key_count = 0;
    sent[0] = keys[0] = '\0';
    sink = NULL;
}

static void test_absent(void **state)
{
    (void)state;
    plug_in(true);
    uart.present = false;
    assert_false(serial_start());
    assert_null(sink);
    assert_true(uart.reads < 10);
}

static void test_programming(void **state)
{
    (void)state;
    plug_in(true);
    assert_true(serial_start());
    assert_int_equal(uart.lcr, 0x03);
    assert_int_equal(uart.divisor, 1);
    assert_int_equal(uart.mcr, 0x0B);
    assert_int_equal(uart.ier, 0);
    serial_start_input();
    assert_int_equal(uart.ier, 1);
}

static void test_output(void **state)
{
    (void)state;
    for (int fifo = 0; fifo <= 1; fifo++) {
        plug_in(fifo);
        assert_true(serial_start());
        sink->write("one\ntwo 345678901234567890\n", 27);
        assert_string_equal(sent, "one\r\ntwo 345678901234567890\r\n");
        sink->clear();
        sink->flush();
        assert_string_equal(sent + 29, "\033[2J\033[H");
    }
}

static void test_stuck_line(void **state)
{
    (void)state;
    plug_in(true);
    assert_true(serial_start());
    uart.stuck = true;
    for (int i = 0; i < 1000; i++) {
        sink->write("text", 4);
    }
    sink->flush();
    assert_true(uart.reads < 1000000); /* patient once, not for each byte */
    assert_true(serial_dropped() > 0);
    uart.stuck = false;
    sent_count = 0;
    sink->write("again", 5);
    assert_string_equal(sent, "again");
}

static void test_input(void **state)
{
    (void)state;
    plug_in(true);
    uart.incoming = "early"; /* typed before the driver started */
    assert_true(serial_start());
    assert_string_equal(keys, "early");
    serial_start_input();
    uart.incoming = "help\r";
    uart.overrun = true;
    interrupt();
    assert_string_equal(keys, "earlyhelp\n");
    assert_int_equal(serial_overruns(), 1);
}

/* More than one interrupt's worth: the rest must raise another one, for which IER goes off and on.
 */
static void test_endless_input(void **state)
{
    char flood[300];

    (void)state;
    plug_in(true);
    assert_true(serial_start());
    serial_start_input();
    memset(flood, 'x', sizeof(flood));
    flood[299] = '\0';
    uart.incoming = flood;
    uart.ier = 0x55;
    interrupt();
    assert_true(key_count > 0 && key_count < 299);
    assert_int_equal(uart.ier, 1);
    for (int i = 0; i < 10; i++) {
        interrupt();
    }
    assert_int_equal(key_count, 299);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent), cmocka_unit_test(test_programming),
        cmocka_unit_test(test_output), cmocka_unit_test(test_stuck_line),
        cmocka_unit_test(test_input),  cmocka_unit_test(test_endless_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
