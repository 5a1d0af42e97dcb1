/*
 * calendar.c - see calendar.h.
 *
 * A year is taken to begin in March: then the leap day is its last day, and the months before it
 * have lengths that (153 * m + 2) / 5 adds up. 400 years have always the same number of days.
 */
#include "kernel/calendar.h"

#define SECONDS_PER_DAY  86400u
#define DAYS_PER_ERA     146097u /* 400 years */
#define DAYS_BEFORE_1970 719468u /* from 1 March of year 0 */

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool calendar_is_valid(const struct calendar *date)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (date->year < 1970 || date->year > 9999 || date->month < 1 || date->month > 12) {
        return false;
    }
    unsigned length = lengths[date->month - 1] + (date->month == 2 && is_leap(date->year));

    return date->day >= 1 && date->day <= length && date->hour < 24 && date->minute < 60 &&
           date->second < 60;
}

uint64_t calendar_to_seconds(const struct calendar *date)
{
    unsigned year = date->year - (date->month < 3);
    unsigned month = (date->month + 9u) % 12; /* March is 0 */
    uint64_t days = (uint64_t)year * 365 + year / 4 - year / 100 + year / 400 +
                    (153 * month + 2) / 5 + date->day - 1 - DAYS_BEFORE_1970;

    return days * SECONDS_PER_DAY + date->hour * 3600u + date->minute * 60u + date->second;
}

struct calendar calendar_from_seconds(uint64_t seconds)
{
    uint64_t days = seconds / SECONDS_PER_DAY + DAYS_BEFORE_1970;
    unsigned in_day = (unsigned)(seconds % SECONDS_PER_DAY);
    unsigned in_era = (unsigned)(days % DAYS_PER_ERA);
    /* Take the leap days before this day off, and put them back for the centuries that had none. */
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (DAYS_PER_ERA - 1)) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153;

    return (struct calendar){
        .year = (uint16_t)(days / DAYS_PER_ERA * 400 + year + (month >= 10)),
        .month = (uint8_t)(month < 10 ? month + 3 : month - 9),
        .day = (uint8_t)(in_year - (153 * month + 2) / 5 + 1),
        .hour = (uint8_t)(in_day / 3600),
        .minute = (uint8_t)(in_day / 60 % 60),
        .second = (uint8_t)(in_day % 60),
    };
}
