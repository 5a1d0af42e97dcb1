/*
 * log.h - the kernel's diary: lines `[ seconds.micros] area: text` on the console, and the newest
 * LOG_SIZE bytes of them in memory.
 *
 * Seconds count from the moment the kernel started its clock; before that they are 0.
 */
#ifndef SECTOR0_KERNEL_LOG_H
#define SECTOR0_KERNEL_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/printf.h"

#define LOG_SIZE     8192
#define LOG_LINE_MAX 160 /* longer lines are cut, and end in ... */

/* Log one line; TEXT has no \n at its end. AREA is the part that speaks. Context: any. */
void log_line(const char *area, const char *text, ...) PRINTF_LIKE(2, 3);

/* The same for details: kept in memory, on the console only after log_show_details(true). */
void log_detail(const char *area, const char *text, ...) PRINTF_LIKE(2, 3);
void log_show_details(bool show);

/*
 * Whether the COUNT-th trouble of a kind is worth a line: the first ALL are, then those whose number
 * doubles, so that what is broken does not fill the log. Context: any.
 */
static inline bool log_is_worth_it(uint64_t count, uint64_t all)
{
    return count <= all || (count & (count - 1)) == 0;
}

/* Write what is in memory to the console, from the first line that is whole. Context: any. */
void log_print_all(void);

/* The same for the last LINES lines, from interrupts and panics, too. */
void log_print_last(unsigned lines);

#endif
