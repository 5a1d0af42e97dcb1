/*
 * test_interrupts.c - the PICs and the table of handlers, against a made-up pair of 8259As:
 * vectors, masks, the order of end-of-interrupts, spurious interrupts. And the keyboard
 * controller's start-up, present and absent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/i8042.h"
#include "drivers/pic.h"
#include "kernel/cpu/io.h"
#include "kernel/input.h"
#include "kernel/irq.h"
#include "kernel/panic.h"

static struct {
    uint8_t icw[4], mask, in_service;
    unsigned icw_count, ends;
} pics[2];

static struct {
    bool absent, dead;
    uint8_t config, command;
    const char *codes; /* scan codes waiting, ended by 0 */
    bool answering;    /* the next data byte is the configuration */
    unsigned long reads;
} controller;

static int last_key;
static unsigned handled;

static uint32_t controller_read(uint16_t port)
{
    controller.reads++;
    if (controller.absent) {
        return 0xFF;
    }
    if (port == 0x64) {
        return controller.dead ? 0x02 : controller.answering || *controller.codes != '\0';
    }
    if (controller.answering) {
        controller.answering = false;
        return controller.config;
    }
    return (uint8_t)*controller.codes++;
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    assert_int_equal(size, 1);
    if (port == 0x20 || port == 0xA0) {
        return pics[port == 0xA0].in_service;
    }
    assert_true(port == 0x60 || port == 0x64);
    return controller_read(port);
}

static void pic_write(unsigned pic, bool data, uint8_t value)
{
    if (!data && (value & 0x10)) {
        pics[pic].icw_count = 0;
        pics[pic].icw[pics[pic].icw_count++] = value;
    } else if (data && pics[pic].icw_count < 4) {
        pics[pic].icw[pics[pic].icw_count++] = value;
    } else if (data) {
        pics[pic].mask = value;
    } else if (value == 0x20) {
        pics[pic].ends++;
    }
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    assert_int_equal(size, 1);
    switch (port) {
    case 0x20:
    case 0x21:
        pic_write(0, port & 1, (uint8_t)value);
        break;
    case 0xA0:
    case 0xA1:
        pic_write(1, port & 1, (uint8_t)value);
        break;
    case 0x64:
        controller.command = (uint8_t)value;
        controller.answering = value == 0x20;
        break;
    case 0x60:
        assert_int_equal(controller.command, 0x60);
        controller.config = (uint8_t)value;
        break;
    default:
        fail_msg("write to port %x", port);
    }
}

void input_add(int key)
{
    last_key = key;
}

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    (void)file, (void)line, (void)function, (void)text;
    abort();
}

static void count_one(void)
{
    handled++;
}

static void test_pic_start(void **state)
{
    (void)state;
    pic_start();
    assert_int_equal(pics[0].icw[0], 0x11);
    assert_int_equal(pics[0].icw[1], 0x20);
    assert_int_equal(pics[0].icw[2], 0x04);
    assert_int_equal(pics[0].icw[3], 0x01);
    assert_int_equal(pics[1].icw[1], 0x28);
    assert_int_equal(pics[1].icw[2], 2);
    assert_int_equal(pics[0].mask, 0xFF);
    assert_int_equal(pics[1].mask, 0xFF);
}

static void test_handlers(void **state)
{
    (void)state;
    irq_register(0, "timer", count_one);
    assert_int_equal(pics[0].mask, 0xFE);
    irq_handle(0);
    assert_int_equal(handled, 1);
    assert_int_equal(pics[0].ends, 1);
    assert_int_equal(pics[1].ends, 0);
    assert_int_equal(irq_line(0)->handled, 1);

    irq_register(14, "disk", count_one); /* opens the cascade, too */
    assert_int_equal(pics[0].mask, 0xFA);
    assert_int_equal(pics[1].mask, 0xBF);
    irq_handle(14);
    assert_int_equal(handled, 2);
    assert_int_equal(pics[0].ends, 2);
    assert_int_equal(pics[1].ends, 1);

    irq_handle(5); /* nobody's: counted, and ended all the same */
    assert_int_equal(irq_line(5)->unexpected, 1);
    assert_int_equal(pics[0].ends, 3);
}

static void test_spurious(void **state)
{
    (void)state;
    memset(pics, 0, sizeof(pics));
    irq_handle(7);
    assert_int_equal(irq_line(7)->unexpected, 1);
    assert_int_equal(pics[0].ends, 0);
    irq_handle(15); /* the first PIC's line 2 was real */
    assert_int_equal(irq_line(15)->unexpected, 1);
    assert_int_equal(pics[0].ends, 1);
    assert_int_equal(pics[1].ends, 0);

    pics[0].in_service = 0x80; /* a real IRQ 7 */
    irq_register(7, "printer", count_one);
    irq_handle(7);
    assert_int_equal(irq_line(7)->handled, 1);
    assert_int_equal(pics[0].ends, 2);
}

static void test_keyboard_absent(void **state)
{
    (void)state;
    controller.absent = true;
    assert_false(i8042_start());
    assert_null(irq_line(IRQ_KEYBOARD)->handler);
    i8042_reset_cpu();
    assert_int_equal(controller.command, 0);
    assert_true(controller.reads < 10);
}

static void test_keyboard_dead(void **state)
{
    (void)state;
    memset(&controller, 0, sizeof(controller));
    controller.codes = "";
    controller.dead = true; /* always busy: we give up, and it is left alone */
    i8042_reset_cpu();
    assert_int_equal(controller.command, 0);
    assert_true(controller.reads < 100000);
}

static void test_keyboard(void **state)
{
    (void)state;
    memset(&controller, 0, sizeof(controller));
    controller.codes = "\x1e"; /* a: typed before we were ready */
    controller.config = 0x34;  /* keyboard off, no interrupt */
    assert_true(i8042_start());
    assert_int_equal(controller.config, 0x65);
    assert_int_equal(controller.command, 0xAE);
    assert_int_equal(last_key, 'a');
    controller.codes = "\x30";
    irq_handle(IRQ_KEYBOARD);
    assert_int_equal(last_key, 'b');
    i8042_reset_cpu();
    assert_int_equal(controller.command, 0xFE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pic_start),     cmocka_unit_test(test_handlers),
        cmocka_unit_test(test_spurious),      cmocka_unit_test(test_keyboard_absent),
        cmocka_unit_test(test_keyboard_dead), cmocka_unit_test(test_keyboard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
