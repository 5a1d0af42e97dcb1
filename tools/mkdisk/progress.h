/*
 * progress.h - a bar on stderr for what takes longer than half a second, if that is a terminal.
 * There is at most one at a time.
 */
#ifndef SECTOR0_MKDISK_PROGRESS_H
#define SECTOR0_MKDISK_PROGRESS_H

#include <stdint.h>

/* Begin: WHAT is a string that stays; TOTAL steps, or 0 if nobody knows. */
void progress_start(const char *what, uint64_t total);

/* MORE steps are done. */
void progress_add(uint64_t more);

/* Make room for a line; the bar comes back when there is more to say. */
void progress_hide(void);

/* Remove the bar. */
void progress_end(void);

#endif
