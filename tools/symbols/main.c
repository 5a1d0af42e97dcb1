/*
 * main.c - makes the kernel's table of functions and lines, and reads it as the kernel does.
 *
 *   symbols make ELF TABLE      read ELF, write TABLE
 *   symbols check ELF           the table that ELF carries must be the one that `make` would make
 *   symbols find TABLE          for each hexadecimal address on standard input, print
 *                               `function+offset file:line`, or `?`
 *
 * The kernel is linked twice: once without the table, then with it. The table lies behind the code
 * and the data, so nothing that it describes moves; `check` proves it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/symbols.h"
#include "tools/symbols/codemap.h"
#include "tools/symbols/section.h"

static int verb_make(char **operands)
{
    struct code_map map;

    code_map_read(&map, operands[0]);
    struct table table = table_pack(&map);
    FILE *file = fopen(operands[1], "wb");

    if (file == NULL || fwrite(table.bytes, table.size, 1, file) != 1 || fclose(file) != 0) {
        give_up("%s: %s", operands[1], strerror(errno));
    }
    printf("symbols: %zu bytes for %zu functions in %llu bytes of code\n", table.size,
           map.function_count, (unsigned long long)(map.end - map.start));
    return 0;
}

static int verb_check(char **operands)
{
    struct code_map map;

    code_map_read(&map, operands[0]);
    struct table wanted = table_pack(&map);
    struct table found = section_read(operands[0], ".symbols");

    if (found.size < wanted.size || memcmp(found.bytes, wanted.bytes, wanted.size) != 0) {
        give_up("%s: its table is not that of its code: did the second link move something?",
                operands[0]);
    }
    return 0;
}

static struct table file_read(const char *path)
{
    struct table table = {NULL, 0};
    FILE *file = fopen(path, "rb");
    size_t got = 1;

    if (file == NULL) {
        give_up("%s: %s", path, strerror(errno));
    }
    while (got > 0) {
        table.bytes = grow(table.bytes, table.size + 65536);
        got = fread(table.bytes + table.size, 1, 65536, file);
        table.size += got;
    }
    fclose(file);
    return table;
}

static int verb_find(char **operands)
{
    struct table table = file_read(operands[0]);
    unsigned long long address;

    while (scanf("%llx", &address) == 1) {
        struct symbol symbol;

        if (symbols_find_in(table.bytes, table.size, address, &symbol)) {
            printf("%s+0x%x %s:%u\n", symbol.function, symbol.offset, symbol.file, symbol.line);
        } else {
            printf("?\n");
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int operands;
        int (*run)(char **operands);
    } verbs[] = {{"make", 2, verb_make}, {"check", 1, verb_check}, {"find", 1, verb_find}};

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (argc > 1 && strcmp(argv[1], verbs[i].name) == 0 && argc == 2 + verbs[i].operands) {
            return verbs[i].run(argv + 2);
        }
    }
    fprintf(stderr, "usage: symbols make ELF TABLE | check ELF | find TABLE\n");
    return 2;
}
