/*
 * test_rtc.c - the battery clock against a made-up chip: each format, each kind of broken chip, and
 * updates in the middle of reading. Wall time on top of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/rtc.h"
#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"
#include "kernel/walltime.h"

#define BINARY   0x04
#define HOURS_24 0x02

static struct {
    bool absent, always_updating, restless;
    struct calendar now;
    uint8_t format, d, century_register;
    bool has_century;
    unsigned update_after; /* reads until the chip moves on to the next second; 0: never */
    int raw_register;      /* this register has a value of its own; -1: none */
    uint8_t raw_value;
    unsigned long reads;
    uint64_t *nested; /* another thread asks for the time during the next read, and gets it here */
} chip;
static uint8_t index_register;
static uint64_t nanos;
bool fake_interrupts_on = true;

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

uint64_t clock_nanos(void)
{
    return nanos;
}

static uint8_t coded(unsigned value)
{
    return (uint8_t)(chip.format & BINARY ? value : value / 10 << 4 | value % 10);
}

static uint8_t coded_hour(void)
{
    unsigned hour = chip.now.hour;

    if (chip.format & HOURS_24) {
        return coded(hour);
    }
    return (uint8_t)(coded(hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0));
}

static void move_on(void)
{
    chip.now = calendar_from_seconds(calendar_to_seconds(&chip.now) + 1);
}

static uint8_t register_value(void)
{
    switch (index_register) {
    case 0x00:
        return coded(chip.now.second);
    case 0x02:
        return coded(chip.now.minute);
    case 0x04:
        return coded_hour();
    case 0x07:
        return coded(chip.now.day);
    case 0x08:
        return coded(chip.now.month);
    case 0x09:
        return coded(chip.now.year % 100);
    case 0x0A:
        return chip.always_updating || chip.reads % 7 == 0 ? 0xA6 : 0x26;
    case 0x0B:
        return chip.format;
    case 0x0D:
        return chip.d;
    case 0x32:
        return chip.has_century ? coded(chip.now.year / 100) : chip.century_register;
    default:
        fail_msg("register %x", index_register);
        return 0;
    }
}

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    assert_int_equal(port, 0x71);
    assert_int_equal(size, 1);
    assert_false(fake_interrupts_on);
    chip.reads++;
    if (chip.absent) {
        return 0xFF;
    }
    if (chip.restless || (chip.update_after > 0 && --chip.update_after == 0)) {
        move_on();
    }
    if (chip.nested != NULL) {
        uint64_t *wall = chip.nested;
        uint8_t index = index_register;

        chip.nested = NULL;
        assert_null(walltime_nanos(wall));
        index_register = index;
        move_on();
    }
    return index_register == chip.raw_register ? chip.raw_value : register_value();
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    assert_int_equal(port, 0x70);
    assert_int_equal(size, 1);
    index_register = (uint8_t)value; /* bit 7 clear, or register_value complains */
}

static int reset(void **state)
{
    (void)state;
    memset(&chip, 0, sizeof(chip));
    chip.now = (struct calendar){2026, 11, 21, 23, 59, 58};
    chip.format = HOURS_24;
    chip.d = 0x80;
    chip.has_century = true;
    chip.raw_register = -1;
    return 0;
}

static void test_formats(void **state)
{
    struct calendar date;

    (void)state;
    for (unsigned format = 0; format < 4; format++) {
        chip.format = (uint8_t)(format << 1);
        for (unsigned hour = 0; hour < 24; hour++) {
            chip.now.hour = (uint8_t)hour;
            assert_null(rtc_read(&date));
            assert_memory_equal(&date, &chip.now, sizeof(date));
        }
    }
}

/* The chip moves on at every possible moment of our reading; what we get is one of the two. */
static void test_update_while_reading(void **state)
{
    (void)state;
    for (unsigned after = 1; after < 60; after++) {
        struct calendar date, before;

        reset(NULL);
        chip.now = before = (struct calendar){2026, 12, 31, 23, 59, 59};
        chip.update_after = after;
        assert_null(rtc_read(&date));
        if (memcmp(&date, &before, sizeof(date)) != 0) {
            const struct calendar next = {2027, 1, 1, 0, 0, 0};

            assert_memory_equal(&date, &next, sizeof(date));
        }
    }
}

static void test_century(void **state)
{
    static const struct {
        uint8_t century_register;
        uint16_t year, wanted;
    } cases[] = {
        {0x00, 26, 2026}, {0xFF, 69, 2069}, {0x42, 70, 1970}, {0x19, 99, 1999},
        {0x20, 99, 2099}, {0x21, 1, 2101},  {0x1A, 1, 2001},
    };
    struct calendar date;

    (void)state;
    chip.has_century = false;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        chip.century_register = cases[i].century_register;
        chip.now.year = cases[i].year;
        assert_null(rtc_read(&date));
        assert_int_equal(date.year, cases[i].wanted);
    }
}

static void assert_problem(const char *word)
{
    struct calendar date;
    const char *problem = rtc_read(&date);

    assert_non_null(problem);
    if (strstr(problem, word) == NULL) {
        fail_msg("says \"%s\", without \"%s\"", problem, word);
    }
    assert_true(chip.reads < 100000);
}

static void test_broken_chips(void **state)
{
    (void)state;
    chip.absent = true;
    assert_problem("no real-time clock");
    reset(NULL);
    chip.always_updating = true;
    assert_problem("never ready");
    reset(NULL);
    chip.restless = true;
    assert_problem("never ready");
    reset(NULL);
    chip.d = 0;
    assert_problem("battery");
}

/* One register has a value that cannot be: each of them, each such value. */
static void test_bad_registers(void **state)
{
    static const struct {
        int index;
        unsigned min, max; /* good values, as numbers */
    } registers[] = {{0x00, 0, 59}, {0x02, 0, 59}, {0x04, 0, 23},
                     {0x07, 1, 30}, {0x08, 1, 12}, {0x09, 0, 99}};

    (void)state;
    for (unsigned format = HOURS_24; format <= (HOURS_24 | BINARY); format += BINARY) {
        for (size_t r = 0; r < sizeof(registers) / sizeof(registers[0]); r++) {
            for (unsigned value = 0; value < 256; value++) {
                bool digits = (value & 15) < 10 && value >> 4 < 10;
                unsigned n = format & BINARY ? value : value / 16 * 10 + value % 16;
                bool good =
                    (digits || (format & BINARY)) && n >= registers[r].min && n <= registers[r].max;
                struct calendar date;

                reset(NULL);
                chip.now.day = 1;
                chip.format = (uint8_t)format;
                chip.raw_register = registers[r].index;
                chip.raw_value = (uint8_t)value;
                if (registers[r].index == 0x07) {
                    chip.now.month = 11;
                }
                assert_int_equal(rtc_read(&date) == NULL, good);
            }
        }
    }
    reset(NULL); /* with 12 hours there is neither hour 0 nor 13 */
    chip.format = 0;
    chip.raw_register = 0x04;
    for (unsigned i = 0; i < 2; i++) {
        chip.raw_value = i == 0 ? 0x00 : 0x93;
        assert_problem("no date");
    }
}

static void test_wall_time(void **state)
{
    uint64_t wall = 0, again = 0;

    (void)state;
    assert_non_null(walltime_nanos(&wall)); /* nobody has registered */
    rtc_start();
    assert_int_equal(chip.reads, 0);
    nanos = 5000000007;
    chip.d = 0;
    assert_non_null(walltime_nanos(&wall));
    chip.d = 0x80; /* it is tried again */
    chip.nested = &again;
    assert_null(walltime_nanos(&wall));
    assert_int_equal(wall / 1000000000, calendar_to_seconds(&chip.now) - 1);
    assert_int_equal(wall, again); /* who comes first sets the time for all */
    chip.absent = true;            /* from now on the clock counts alone */
    nanos += 1234567890123;
    assert_null(walltime_nanos(&again));
    assert_int_equal(again - wall, 1234567890123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_formats, reset),
        cmocka_unit_test_setup(test_update_while_reading, reset),
        cmocka_unit_test_setup(test_century, reset),
        cmocka_unit_test_setup(test_broken_chips, reset),
        cmocka_unit_test_setup(test_bad_registers, reset),
        cmocka_unit_test_setup(test_wall_time, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
