/*
 * timeline.h - when each step of the boot began, in TSC cycles: the loader's stamps from struct
 * bootinfo, then the kernel's own. The steps are those of include/tour.h.
 */
#ifndef SECTOR0_KERNEL_TIMELINE_H
#define SECTOR0_KERNEL_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "include/bootinfo.h"

/* Take over the loader's COUNT entries, at most TIMELINE_MAX. Context: start-up. */
void timeline_start(const struct timeline_entry *entries, size_t count);

/* Add STEP with the stamp TSC. Beyond TIMELINE_MAX entries nothing is added. Context: start-up. */
void timeline_add(uint32_t step, uint64_t tsc);

/* The entries so far; *COUNT is set to their number. Context: any. */
const struct timeline_entry *timeline_entries(size_t *count);

#endif
