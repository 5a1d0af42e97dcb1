/*
 * string.h - the few C library functions that the kernel uses, with their standard meaning. The
 * compiler calls the first four by itself. Context: any.
 */
#ifndef SECTOR0_KERNEL_STRING_H
#define SECTOR0_KERNEL_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);

#endif
