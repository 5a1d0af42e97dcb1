/*
 * fuzz_parsers.h - the two halves of the fuzz target of parsers: mkdisk and the kernel have types of
 * the same names, so they cannot meet in one file.
 */
#ifndef SECTOR0_FUZZ_PARSERS_H
#define SECTOR0_FUZZ_PARSERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What does not hold ends the program, which is how a fuzzer notices. */
static inline void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The kernel's command line, a line of its shell with a pattern, and what a disk says of itself. */
void fuzz_kernel_options(const uint8_t *data, size_t size);
void fuzz_shell(const uint8_t *data, size_t size);
void fuzz_identify(const uint8_t *data, size_t size);

#endif
