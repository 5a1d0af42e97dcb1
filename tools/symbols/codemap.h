/*
 * codemap.h - what is known about the kernel's code: which function and which line each byte of it
 * belongs to. Made from kernel.elf by read.c, made into a table by pack.c (kernel/symbols_table.h).
 */
#ifndef SECTOR0_TOOLS_SYMBOLS_CODEMAP_H
#define SECTOR0_TOOLS_SYMBOLS_CODEMAP_H

#include <stddef.h>
#include <stdint.h>

struct code_function {
    uint64_t address;
    const char *name;
};

/* The bytes from here to the next row belong to this line. */
struct code_row {
    uint64_t address;
    unsigned file; /* index of a name; 0: unknown */
    unsigned line; /* 0: unknown */
    size_t order;  /* of two rows at one address the later one counts */
};

struct code_map {
    uint64_t start, end;
    struct code_function *functions; /* by address, no address twice */
    size_t function_count;
    struct code_row *rows; /* by address, no address twice */
    size_t row_count;
    const char **files; /* [0] is "" */
    size_t file_count;
};

struct table {
    uint8_t *bytes; /* from malloc */
    size_t size;
};

/* Read the ELF file at PATH; on any fault say what is wrong and exit with 1. */
void code_map_read(struct code_map *map, const char *path);

/* Make the table. Exits with 1 if MAP does not fit the format. */
struct table table_pack(const struct code_map *map);

/* Print `symbols: ` and the text, and exit with 1. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* realloc that cannot fail. */
void *grow(void *memory, size_t size);

#endif
