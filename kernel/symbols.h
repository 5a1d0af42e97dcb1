/*
 * symbols.h - from an address in the kernel's code to function, file and line.
 *
 * The table is made at build time out of kernel.elf's symbols and DWARF lines (tools/symbols/) and
 * linked behind the kernel's data; symbols_table.h has its format. Portable: unit tests and the
 * tool read tables of their own.
 */
#ifndef SECTOR0_KERNEL_SYMBOLS_H
#define SECTOR0_KERNEL_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_TEXT_MAX 64 /* of each name, with its NUL */

struct symbol {
    char function[SYMBOL_TEXT_MAX]; /* NUL-terminated, cut if longer */
    uint32_t offset;                /* bytes from the function's first instruction */
    char file[SYMBOL_TEXT_MAX];     /* as in kernel/panic.c; empty: unknown */
    uint32_t line;                  /* 0: unknown */
};

/*
 * Find the instruction at ADDRESS. Returns false if it is in no known function. The function is the
 * one that has a symbol; file and line are where the instruction was written, which is elsewhere if
 * it was inlined. Uses no memory but *SYMBOL and some stack, and believes nothing in the table that
 * leads out of it. Context: any.
 */
bool symbols_find(uint64_t address, struct symbol *symbol);

/* The same in the table of SIZE bytes at TABLE, any alignment. */
bool symbols_find_in(const uint8_t *table, size_t size, uint64_t address, struct symbol *symbol);

#endif
