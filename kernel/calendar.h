/*
 * calendar.h - dates of the Gregorian calendar, in UTC, and seconds since 1970. Portable.
 *
 * Leap seconds do not exist here, as in Unix: each day has 86400 seconds.
 */
#ifndef SECTOR0_KERNEL_CALENDAR_H
#define SECTOR0_KERNEL_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

struct calendar {
    uint16_t year;                /* 1970 to 9999 */
    uint8_t month, day;           /* from 1 */
    uint8_t hour, minute, second; /* from 0, to 23, 59 and 59 */
};

/* Whether DATE is a date that exists, with its fields in the ranges above. Context: any. */
bool calendar_is_valid(const struct calendar *date);

/* Seconds from the beginning of 1970 to DATE, which must be valid; and back. Context: any. */
uint64_t calendar_to_seconds(const struct calendar *date);
struct calendar calendar_from_seconds(uint64_t seconds);

#endif
