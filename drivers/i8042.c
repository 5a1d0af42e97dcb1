/*
 * i8042.c - see i8042.h. The BIOS has set the keyboard up; we only make sure that codes arrive in
 * set 1 and raise IRQ 1. Every wait is bounded: a machine without the controller reads FF
 * everywhere, which looks like "busy" for ever.
 */
#include "drivers/i8042.h"

#include <stddef.h>

#include "drivers/keyboard.h"
#include "drivers/keyboard_leds.h"
#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"
#include "kernel/input.h"
#include "kernel/irq.h"

#define DATA                    0x60
#define STATUS                  0x64 /* when read */
#define COMMAND                 0x64 /* when written */

#define STATUS_OUTPUT_FULL      0x01
#define STATUS_INPUT_FULL       0x02
#define STATUS_FROM_MOUSE       0x20
#define STATUS_ABSENT           0xFF

#define COMMAND_READ_CONFIG     0x20
#define COMMAND_WRITE_CONFIG    0x60
#define COMMAND_ENABLE_KEYBOARD 0xAE
#define COMMAND_PULSE_RESET     0xFE

#define CONFIG_IRQ1             0x01
#define CONFIG_KEYBOARD_OFF     0x10
#define CONFIG_TRANSLATE        0x40 /* to scan code set 1 */

#define PATIENCE                20000 /* reads of the status, each about a microsecond on a PC */
#define DRAIN_MAX               32    /* more bytes than its buffers hold */

static struct keyboard keyboard; /* both are changed in the interrupt, or with interrupts off */
static struct keyboard_leds leds;

static bool wait_status(uint8_t bit, bool set)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (((io_read8(STATUS) & bit) != 0) == set) {
            return true;
        }
    }
    return false;
}

static bool command(uint8_t byte)
{
    if (!wait_status(STATUS_INPUT_FULL, false)) {
        return false;
    }
    io_write8(COMMAND, byte);
    return true;
}

/* One step of telling the keyboard which lights to show, if one is due. Waits for nothing. */
static void update_leds(void)
{
    int byte = keyboard_leds_next(&leds, keyboard_lights(&keyboard), clock_micros());

    if (byte != LEDS_NO_BYTE && !(io_read8(STATUS) & STATUS_INPUT_FULL)) {
        io_write8(DATA, (uint8_t)byte);
        keyboard_leds_sent(&leds, clock_micros());
    }
}

static void take_byte(uint8_t byte)
{
    if (!keyboard_leds_take(&leds, byte)) {
        int key = keyboard_decode(&keyboard, byte);

        if (key != KEY_NONE) {
            input_add(key);
        }
    }
}

/* Take what has come. Returns whether there was anything. */
static bool fetch(void)
{
    bool any = false;

    for (unsigned i = 0; i < DRAIN_MAX; i++) {
        uint8_t status = io_read8(STATUS);
        uint8_t byte;

        if (!(status & STATUS_OUTPUT_FULL)) {
            break;
        }
        any = true;
        byte = io_read8(DATA);
        if (!(status & STATUS_FROM_MOUSE)) {
            take_byte(byte);
        }
    }
    return any;
}

static bool keyboard_interrupt(void *context)
{
    bool asked = fetch();

    (void)context;
    update_leds();
    return asked;
}

static struct irq_handler handler = {.owner = "keyboard", .handle = keyboard_interrupt};

/* Returns false if the controller does not answer; it is then left as the BIOS set it up. */
static bool set_config(void)
{
    uint8_t config;

    if (!command(COMMAND_READ_CONFIG) || !wait_status(STATUS_OUTPUT_FULL, true)) {
        return false;
    }
    config = io_read8(DATA);
    config = (uint8_t)((config | CONFIG_IRQ1 | CONFIG_TRANSLATE) & ~CONFIG_KEYBOARD_OFF);
    if (!command(COMMAND_WRITE_CONFIG) || !wait_status(STATUS_INPUT_FULL, false)) {
        return false;
    }
    io_write8(DATA, config);
    return command(COMMAND_ENABLE_KEYBOARD);
}

bool i8042_start(void)
{
    if (io_read8(STATUS) == STATUS_ABSENT) {
        return false;
    }
    fetch(); /* what was typed since the BIOS last looked */
    set_config();
    irq_register(IRQ_KEYBOARD, &handler);
    /* A code that came in between raised its interrupt while it was off. */
    keyboard_interrupt(NULL);
    return true;
}

void i8042_set_layout(const struct keyboard_layout *layout)
{
    bool were_on = cpu_save_interrupts();

    keyboard.layout = layout;
    cpu_restore_interrupts(were_on);
}

const struct keyboard_layout *i8042_layout(void)
{
    return keyboard.layout != NULL ? keyboard.layout : &keyboard_layouts[0];
}

void i8042_reset_cpu(void)
{
    if (io_read8(STATUS) != STATUS_ABSENT) {
        command(COMMAND_PULSE_RESET);
    }
}
