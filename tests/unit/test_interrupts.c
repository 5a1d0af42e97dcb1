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
#include "kernel/log.h"
#include "drivers/pic.h"
#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
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
    uint8_t to_keyboard[8];
    unsigned to_keyboard_count;
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
        if (controller.command == 0x60) {
            controller.config = (uint8_t)value;
        } else {
            controller.to_keyboard[controller.to_keyboard_count++] = (uint8_t)value;
        }
        break;
    default:
        fail_msg("write to port %x", port);
    }
}

uint64_t clock_micros(void)
{
    return 1;
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

bool fake_interrupts_on;

uint64_t fake_tsc(void)
{
    return 0;
}

void fake_halt(void)
{
    abort();
}

void fake_sleep(void)
{
    abort();
}

static unsigned logged;

void log_line(const char *area, const char *text, ...)
{
    (void)text;
    assert_string_equal(area, "irq");
    logged++;
}

/* A device: it asks as often as *CONTEXT says. */
static bool serve(void *context)
{
    unsigned *asks = context;

    assert_true(irq_active());
    handled++;
    if (*asks == 0) {
        return false;
    }
    (*asks)--;
    return true;
}

#define MANY 1000000
static unsigned timer_asks = MANY, disk_asks = MANY, printer_asks = MANY;
static struct irq_handler timer = {.owner = "timer", .handle = serve, .context = &timer_asks};
static struct irq_handler disk = {.owner = "disk", .handle = serve, .context = &disk_asks};
static struct irq_handler printer = {.owner = "printer", .handle = serve, .context = &printer_asks};

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
    irq_register(0, &timer);
    assert_int_equal(pics[0].mask, 0xFE);
    irq_handle(0);
    assert_int_equal(handled, 1);
    assert_int_equal(pics[0].ends, 1);
    assert_int_equal(pics[1].ends, 0);
    assert_int_equal(irq_line(0)->handled, 1);

    irq_register(14, &disk); /* opens the cascade, too */
    assert_int_equal(pics[0].mask, 0xFA);
    assert_int_equal(pics[1].mask, 0xBF);
    irq_handle(14);
    assert_int_equal(handled, 2);
    assert_int_equal(pics[0].ends, 2);
    assert_int_equal(pics[1].ends, 1);

    irq_handle(5); /* nobody's: counted, and ended all the same */
    assert_int_equal(irq_line(5)->unclaimed, 1);
    assert_int_equal(pics[0].ends, 3);
}

static void test_spurious(void **state)
{
    (void)state;
    memset(pics, 0, sizeof(pics));
    irq_handle(7);
    assert_int_equal(irq_line(7)->spurious, 1);
    assert_int_equal(pics[0].ends, 0);
    irq_handle(15); /* the first PIC's line 2 was real */
    assert_int_equal(irq_line(15)->spurious, 1);
    assert_int_equal(pics[0].ends, 1);
    assert_int_equal(pics[1].ends, 0);

    pics[0].in_service = 0x80; /* a real IRQ 7 */
    irq_register(7, &printer);
    irq_handle(7);
    assert_int_equal(irq_line(7)->handled, 1);
    assert_int_equal(pics[0].ends, 2);
}

/* Two devices on line 11: each interrupt goes to both, and is the one's that had asked. */
static void test_shared_line(void **state)
{
    unsigned first_asks = 1, second_asks = 2;
    struct irq_handler first = {.owner = "a", .handle = serve, .context = &first_asks};
    struct irq_handler second = {.owner = "b", .handle = serve, .context = &second_asks};
    unsigned before = handled;

    (void)state;
    irq_register(11, &first);
    irq_register(11, &second);
    for (int i = 0; i < 3; i++) {
        irq_handle(11);
    }
    assert_int_equal(handled - before, 6);
    assert_int_equal(first.handled, 1);
    assert_int_equal(second.handled, 2);
    assert_int_equal(irq_line(11)->handled, 2);
    assert_int_equal(irq_line(11)->unclaimed, 1);

    irq_unregister(11, &first);
    assert_int_equal(pics[1].mask & 0x08, 0);
    irq_handle(11);
    assert_int_equal(handled - before, 7);
    irq_unregister(11, &second);
    assert_int_equal(pics[1].mask & 0x08, 0x08);
    irq_handle(11);
    assert_int_equal(handled - before, 7);
}

static void test_masking(void **state)
{
    (void)state;
    irq_mask(14);
    assert_int_equal(pics[1].mask, 0xFF);
    assert_int_equal(pics[0].mask & 0x04, 0x04); /* nothing is left on the second PIC */
    assert_true(irq_line(14)->masked);
    irq_unmask(14);
    assert_int_equal(pics[1].mask, 0xBF);
    assert_int_equal(pics[0].mask & 0x04, 0);
    irq_mask(13);
    irq_unmask(13); /* nobody's line stays off */
    assert_int_equal(pics[1].mask, 0xBF);
    irq_mask(2); /* the cascade cannot be turned off under the second PIC */
    assert_int_equal(pics[0].mask & 0x04, 0);
}

/* A line that nobody's device pulls is turned off before it takes all the time there is. */
static void test_storm(void **state)
{
    unsigned asks = 0;
    struct irq_handler stuck = {.owner = "stuck", .handle = serve, .context = &asks};

    (void)state;
    irq_register(9, &stuck);
    for (unsigned i = 1; i < IRQ_STORM_LIMIT; i++) {
        irq_handle(9);
    }
    asks = 1;
    irq_handle(9); /* somebody's: the count begins anew */
    for (unsigned i = 1; i < IRQ_STORM_LIMIT; i++) {
        irq_handle(9);
    }
    assert_int_equal(pics[1].mask & 0x02, 0);
    assert_int_equal(logged, 0);
    irq_handle(9);
    assert_int_equal(pics[1].mask & 0x02, 0x02);
    assert_int_equal(logged, 1);
    assert_true(irq_line(9)->stormed);
    irq_unmask(9);
    assert_int_equal(pics[1].mask & 0x02, 0);
    assert_false(irq_line(9)->stormed);
    irq_unregister(9, &stuck);
}

static void test_keyboard_absent(void **state)
{
    (void)state;
    controller.absent = true;
    assert_false(i8042_start());
    assert_null(irq_line(IRQ_KEYBOARD)->first);
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
    i8042_set_layout(keyboard_layout_find("de"));
    assert_string_equal(i8042_layout()->name, "de");
    controller.codes = "\x15";
    irq_handle(IRQ_KEYBOARD);
    assert_int_equal(last_key, 'z');
    i8042_reset_cpu();
    assert_int_equal(controller.command, 0xFE);
}

/* The lights follow the locks, one byte an interrupt; keys in between arrive. */
static void test_lights(void **state)
{
    (void)state;
    assert_int_equal(controller.to_keyboard_count, 1); /* Num Lock is on from the start */
    assert_int_equal(controller.to_keyboard[0], 0xED);
    controller.codes = "\x31\xfa"; /* n, and the answer */
    irq_handle(IRQ_KEYBOARD);
    assert_int_equal(last_key, 'n');
    assert_int_equal(controller.to_keyboard_count, 2);
    assert_int_equal(controller.to_keyboard[1], 0x02);
    controller.codes = "\xfa";
    irq_handle(IRQ_KEYBOARD);
    assert_int_equal(controller.to_keyboard_count, 2);
    controller.codes = "\x3a\xba"; /* Caps Lock */
    irq_handle(IRQ_KEYBOARD);
    controller.codes = "\xfa";
    irq_handle(IRQ_KEYBOARD);
    assert_int_equal(controller.to_keyboard_count, 4);
    assert_int_equal(controller.to_keyboard[3], 0x06);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pic_start),       cmocka_unit_test(test_handlers),
        cmocka_unit_test(test_spurious),        cmocka_unit_test(test_shared_line),
        cmocka_unit_test(test_masking),         cmocka_unit_test(test_storm),
        cmocka_unit_test(test_keyboard_absent), cmocka_unit_test(test_keyboard_dead),
        cmocka_unit_test(test_keyboard),        cmocka_unit_test(test_lights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
