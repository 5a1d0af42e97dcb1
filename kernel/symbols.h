/*
 * symbols.h - from an address in the kernel's code to function, file and line.
 *
 * The table is made at build time out of kernel.elf's symbols and DWARF lines (tools/symbols.c) and
 * linked behind the kernel's constants. Portable: unit tests read a table that they made.
 */
#ifndef SECTOR0_KERNEL_SYMBOLS_H
#define SECTOR0_KERNEL_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

struct symbol {
    char function[64]; /* NUL-terminated, cut if longer */
    uint32_t offset;   /* bytes from the function's first instruction */
    char file[64];     /* as in kernel/panic.c; empty: unknown */
    uint32_t line;     /* 0: unknown */
};

/*
 * Find the instruction at ADDRESS. Returns false if it is in no known function. Uses no memory but
 * *SYMBOL and some stack, and believes nothing in the table that leads out of it. Context: any.
 */
bool symbols_find(uint64_t address, struct symbol *symbol);

#endif
