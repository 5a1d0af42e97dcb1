/*
 * glob.h - patterns over names: ? stands for one character, * for any number of them. Portable.
 */
#ifndef SECTOR0_KERNEL_GLOB_H
#define SECTOR0_KERNEL_GLOB_H

#include <stdbool.h>

/* Whether the whole of NAME is what PATTERN describes. Takes no stack for a *. Context: any. */
bool glob_match(const char *pattern, const char *name);

#endif
