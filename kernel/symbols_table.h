/*
 * symbols_table.h - the table from addresses to function, file and line that kernel.elf carries.
 *
 * All numbers are little-endian, all offsets count from the first byte of the table.
 *
 *   header | tokens | files | index | stream
 *
 * Stream: a program for a small machine that walks the code from its first byte to its last, as the
 * line program of DWARF does [DWARF 6.2]. The machine knows an address, a file and a line; each
 * row says that so many bytes of code from here on belong to this line. Inlined functions make the
 * line jump to another file and back, so the machine remembers a second place and can swap the two.
 *
 *   0  FUNCTION  name, 0                a function begins here
 *   1  FILE      number                 keep the place for SWAP, go to line 0 of this file
 *   2  SWAP                             go to the other place, keep this one
 *   3  ROW       signed number, number  line += the first, that line has as many bytes as the
 * second 4+ ROW       bytes - 1, one byte    for n from 4 to 51: line += n - 20 52+ ROW for n from
 * 52 to 255: line += line_first + (n - 52) % line_count, bytes = 1 + (n - 52) / line_count
 *
 * A number has 7 bits in each byte, the lowest first; bit 7 means that more follow. A signed number
 * n is stored as 2n, or as -2n - 1 if it is negative.
 *
 * Index: blocks of SYMBOLS_BLOCK functions, each with the address and the place in the stream where
 * it begins. There the machine starts anew: no file, line 0.
 *
 * Names: ASCII; a byte from 80h on is a token, which stands for the two bytes of the token table
 * under its number. Either may be a token of a smaller number. Names have many syllables in common,
 * so this halves them. `files` has the names of the files, each with a 0 behind it; file 0 is "",
 * unknown.
 */
#ifndef SECTOR0_KERNEL_SYMBOLS_TABLE_H
#define SECTOR0_KERNEL_SYMBOLS_TABLE_H

#include <stdint.h>

#define SYMBOLS_MAGIC       0x4D595330u /* "0SYM" */
#define SYMBOLS_BLOCK       32
#define SYMBOLS_TOKENS_MAX  128
#define SYMBOLS_FIRST_TOKEN 0x80
#define SYMBOLS_DEPTH_MAX   16 /* tokens in tokens */

enum symbols_op {
    SYMBOLS_FUNCTION,
    SYMBOLS_FILE,
    SYMBOLS_SWAP,
    SYMBOLS_ROW,
    SYMBOLS_MIDDLE_ROWS,
    SYMBOLS_SHORT_ROWS = 52,
};
#define SYMBOLS_MIDDLE_ZERO  20  /* of the middle rows, the one that keeps the line */
#define SYMBOLS_MIDDLE_BYTES 256 /* the most that a middle row covers */

struct symbols_header {
    uint32_t magic;      /*  0 SYMBOLS_MAGIC */
    uint32_t size;       /*  4 of the whole table, bytes */
    uint64_t base;       /*  8 address of the first byte of code */
    uint32_t code_size;  /* 16 bytes of code */
    uint32_t files;      /* 20 offset of the names of the files */
    uint32_t index;      /* 24 offset of the index */
    uint32_t stream;     /* 28 offset of the stream */
    uint16_t blocks;     /* 32 entries of the index */
    int8_t line_first;   /* 34 */
    uint8_t line_count;  /* 35 not 0 */
    uint8_t token_count; /* 36 the tokens follow the header */
    uint8_t reserved[3]; /* 37 zero */
};
_Static_assert(sizeof(struct symbols_header) == 40, "the tokens follow at 40");

struct symbols_block {
    uint32_t code; /* bytes from base */
    uint32_t at;   /* bytes into the stream */
};

#endif
