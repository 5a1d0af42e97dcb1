/*
 * rtc.c - see rtc.h. [MC146818]
 *
 * Once a second the chip takes some 2 ms to move its registers on; it says so 244 us before. So we
 * wait until it is not about to, read everything, and read it again until both agree.
 *
 * Numbers are BCD or binary, hours up to 12 or to 24, as register B says. The century was added
 * later, at different places; at 32h on all but a few machines. We believe it if it is plausible.
 */
#include "drivers/rtc.h"

#include <stddef.h>

#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"
#include "kernel/string.h"
#include "kernel/walltime.h"

#define INDEX           0x70 /* bit 7 would keep NMIs away */
#define DATA            0x71

#define REGISTER_A      0x0A
#define A_UPDATING      0x80
#define REGISTER_B      0x0B
#define B_24_HOURS      0x02
#define B_BINARY        0x04
#define REGISTER_D      0x0D
#define D_BATTERY_GOOD  0x80
#define HOUR_PM         0x80

#define UPDATE_PATIENCE 20000 /* looks at register A, each a microsecond or two */
#define READS_MAX       8
#define FIRST_YEAR      70 /* without a believable century: 1970 to 2069 */
#define NOT_A_NUMBER    0xFF
#define OPEN_BUS        0xFF

enum field { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, FIELDS };

/* The index is set and the register read with nobody in between. */
static uint8_t read_register(uint8_t index)
{
    bool were_on = cpu_save_interrupts();

    io_write8(INDEX, index);
    uint8_t value = io_read8(DATA);

    cpu_restore_interrupts(were_on);
    return value;
}

static bool wait_for_update(void)
{
    for (unsigned i = 0; i < UPDATE_PATIENCE; i++) {
        if (!(read_register(REGISTER_A) & A_UPDATING)) {
            return true;
        }
    }
    return false;
}

static void read_fields(uint8_t fields[FIELDS])
{
    static const uint8_t registers[FIELDS] = {0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32};

    for (unsigned i = 0; i < FIELDS; i++) {
        fields[i] = read_register(registers[i]);
    }
}

/* Returns false if the chip is never ready, or never says the same twice. */
static bool read_steady(uint8_t fields[FIELDS])
{
    uint8_t again[FIELDS];

    for (unsigned i = 0; i < READS_MAX; i++) {
        if (!wait_for_update()) {
            return false;
        }
        read_fields(fields);
        read_fields(again);
        if (memcmp(fields, again, FIELDS) == 0) {
            return true;
        }
    }
    return false;
}

static uint8_t number(uint8_t value, uint8_t format)
{
    if (format & B_BINARY) {
        return value;
    }
    if ((value & 0x0F) > 9 || value >> 4 > 9) {
        return NOT_A_NUMBER;
    }
    return (uint8_t)((value >> 4) * 10 + (value & 0x0F));
}

/* 12 AM is midnight, 12 PM is noon. */
static uint8_t hour_of(uint8_t value, uint8_t format)
{
    if (format & B_24_HOURS) {
        return number(value, format);
    }
    uint8_t hour = number(value & (uint8_t)~HOUR_PM, format);

    if (hour < 1 || hour > 12) {
        return NOT_A_NUMBER;
    }
    return (uint8_t)(hour % 12 + (value & HOUR_PM ? 12 : 0));
}

static uint16_t year_of(uint8_t year, uint8_t century)
{
    if (year > 99) {
        return 0; /* no year at all */
    }
    if (century < 19 || century > 21) {
        century = year < FIRST_YEAR ? 20 : 19;
    }
    return (uint16_t)(century * 100 + year);
}

const char *rtc_read(struct calendar *now)
{
    uint8_t fields[FIELDS];
    uint8_t format = read_register(REGISTER_B);

    if (format == OPEN_BUS && read_register(REGISTER_D) == OPEN_BUS) {
        return "this machine has no real-time clock";
    }
    if (!read_steady(fields)) {
        return "the real-time clock is never ready";
    }
    if (!(read_register(REGISTER_D) & D_BATTERY_GOOD)) {
        return "the real-time clock has lost its time: its battery is empty";
    }
    *now = (struct calendar){
        .year = year_of(number(fields[YEAR], format), number(fields[CENTURY], format)),
        .month = number(fields[MONTH], format),
        .day = number(fields[DAY], format),
        .hour = hour_of(fields[HOUR], format),
        .minute = number(fields[MINUTE], format),
        .second = number(fields[SECOND], format),
    };
    return calendar_is_valid(now) ? NULL : "the real-time clock shows no date that exists";
}

void rtc_start(void)
{
    walltime_register(rtc_read);
}
