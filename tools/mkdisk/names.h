/*
 * names.h - names from an image on their way to a terminal. They may hold any byte but '/' and NUL.
 */
#ifndef SECTOR0_MKDISK_NAMES_H
#define SECTOR0_MKDISK_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Print the LENGTH bytes at NAME. If FILE is a terminal, what it might act on (control characters,
 * bytes that are no UTF-8) and the backslash become \xNN.
 */
void print_name(FILE *file, const char *name, size_t length);

/* May a file of the host have this name in a directory: not empty, "." or "..", and no '/' or NUL
 * in it. */
bool name_is_plain(const char *name, size_t length);

#endif
