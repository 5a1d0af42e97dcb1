/*
 * test_power.c - poweroff and reboot on made-up machines, with each chipset and with none, all of
 * which ignore it: which writes are made, in which order, and that it ends with words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/i8042.h"
#include "drivers/pci.h"
#include "drivers/power.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"

bool fake_interrupts_on;
static bool has_pci;
static uint32_t chipset_id, pm_base;
static uint8_t chipset_slot; /* device << 3 | function */
static uint32_t config_address;
static char history[1024]; /* what was written, and waits */
static jmp_buf halted;
static int waits_left;

static void note(const char *format, unsigned a, unsigned b)
{
    snprintf(history + strlen(history), sizeof(history) - strlen(history), format, a, b);
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    assert_int_equal(size, 4);
    if (port == 0xCF8) {
        return has_pci ? config_address : 0xFFFFFFFF;
    }
    assert_true(has_pci); /* without PCI, nobody knows what is at that port */
    assert_int_equal(port, 0xCFC);
    if ((config_address >> 8 & 0xFFFF) != chipset_slot) {
        return 0xFFFFFFFF;
    }
    return (config_address & 0xFF) == 0      ? chipset_id
           : (config_address & 0xFF) == 0x40 ? pm_base
                                             : 0;
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    if (port == 0xCF8) {
        config_address = value;
    } else if (size == 1 && port == 0x8900) {
        note("%c", value, 0);
    } else {
        note("%x=%x ", port, value);
    }
}

uint64_t fake_tsc(void)
{
    return 0;
}

void fake_sleep(void)
{
}

void fake_halt(void)
{
    longjmp(halted, 1);
}

void clock_wait(uint64_t micros)
{
    assert_true(micros <= 1000000);
    note("wait ", 0, 0);
    if (--waits_left == 0) { /* what comes next, a host program may not do */
        longjmp(halted, 1);
    }
}

void console_flush(void)
{
    note("flush ", 0, 0);
}

void kprintf(const char *text, ...)
{
    note(strstr(text, "safe to turn off") != NULL ? "safe " : "? ", 0, 0);
}

void i8042_reset_cpu(void)
{
    note("8042 ", 0, 0);
}

static const char *off(bool pci, uint32_t id, uint32_t base)
{
    has_pci = pci;
    chipset_id = id;
    pm_base = base;
    chipset_slot = 0xFB;
    history[0] = '\0';
    if (setjmp(halted) == 0) {
        power_off();
    }
    return history;
}

static void test_chipsets(void **state)
{
    (void)state;
    assert_string_equal(off(true, 0x71138086, 0xB001),
                        "flush b004=2000 wait Shutdownwait safe flush ");
    assert_string_equal(off(true, 0x29188086, 0x601),
                        "flush 604=2000 wait 604=3c00 wait Shutdownwait safe flush ");
}

static void test_unknown_machines(void **state)
{
    (void)state;
    assert_string_equal(off(true, 0x12378086, 0xB001), "flush Shutdownwait safe flush ");
    assert_string_equal(off(true, 0x71138086, 1), "flush Shutdownwait safe flush ");
    assert_string_equal(off(false, 0x71138086, 0xB001), "flush Shutdownwait safe flush ");
}

static void test_reboot(void **state)
{
    (void)state;
    for (int pci = 0; pci <= 1; pci++) {
        has_pci = pci;
        waits_left = 1 + pci;
        history[0] = '\0';
        if (setjmp(halted) == 0) {
            power_reboot();
        }
        assert_string_equal(history,
                            pci ? "flush cf9=2 cf9=6 wait 8042 wait " : "flush 8042 wait ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chipsets),
        cmocka_unit_test(test_unknown_machines),
        cmocka_unit_test(test_reboot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
