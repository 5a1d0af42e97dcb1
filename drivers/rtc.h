/*
 * rtc.h - the battery-backed clock of a PC: the date and time, which must be UTC.
 */
#ifndef SECTOR0_DRIVERS_RTC_H
#define SECTOR0_DRIVERS_RTC_H

#include "kernel/calendar.h"

/* Be the source of kernel/walltime.h. Nothing is read before somebody asks. Context: start-up. */
void rtc_start(void);

/*
 * Read the clock into NOW. Returns NULL, or in words why it has no time: absent, never ready,
 * without battery, or with registers that are no date. Ends within some milliseconds whatever the
 * device does. Context: any.
 */
const char *rtc_read(struct calendar *now);

#endif
