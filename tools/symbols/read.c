/*
 * read.c - from kernel.elf to a code map: functions from the symbol table, lines from DWARF.
 *
 * The symbol table knows C functions by their type. NASM's labels have none: those that are global,
 * or have no dot or @ in their name, count, too. Of several names for one address a C function's
 * wins, then a global one.
 */
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/symbols/codemap.h"
#include "tools/symbols/section.h"

struct candidate {
    struct code_function function;
    int rank; /* the higher, the better */
};

/* How good a symbol is as the name of a function; 0 if it is none. */
static int rank_symbol(const Elf64_Sym *symbol, const char *name)
{
    int global = ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL;

    if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC) {
        return 3 + global;
    }
    if (ELF64_ST_TYPE(symbol->st_info) != STT_NOTYPE || strpbrk(name, ".@") != NULL) {
        return 0;
    }
    return 1 + global;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;

    if (left->function.address != right->function.address) {
        return left->function.address < right->function.address ? -1 : 1;
    }
    return right->rank != left->rank ? right->rank - left->rank
                                     : strcmp(left->function.name, right->function.name);
}

static void keep_best(struct code_map *map, struct candidate *candidates, size_t count)
{
    qsort(candidates, count, sizeof *candidates, compare_candidates);
    map->functions = grow(NULL, (count + 1) * sizeof *map->functions);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || candidates[i].function.address != candidates[i - 1].function.address) {
            map->functions[map->function_count++] = candidates[i].function;
        }
    }
}

static void read_functions(struct code_map *map, Elf *elf, size_t text_index)
{
    Elf64_Shdr header;
    Elf_Scn *section = elf_section(elf, ".symtab", &header);
    Elf_Data *data = section != NULL ? elf_getdata(section, NULL) : NULL;

    if (data == NULL) {
        give_up("no symbol table");
    }
    const Elf64_Sym *symbols = data->d_buf;
    size_t symbol_count = data->d_size / sizeof *symbols, count = 0;
    struct candidate *candidates = grow(NULL, (symbol_count + 1) * sizeof *candidates);

    for (size_t i = 0; i < symbol_count; i++) {
        const char *name = elf_strptr(elf, header.sh_link, symbols[i].st_name);
        int rank = name != NULL && *name != '\0' ? rank_symbol(&symbols[i], name) : 0;

        /* The linker's own names mark ends, not functions; at kernel_text_end there is no code. */
        if (symbols[i].st_shndx == text_index && rank > 0 && symbols[i].st_value < map->end &&
            strcmp(name, "kernel_text_start") != 0) {
            candidates[count++] = (struct candidate){{symbols[i].st_value, strdup(name)}, rank};
        }
    }
    keep_best(map, candidates, count);
    free(candidates);
}

/*
 * The number of the file at PATH, which is made relative to the working directory. NASM names a
 * file by folder and path, which gives the folder twice: kernel/cpu//kernel/cpu/trap.asm.
 */
static unsigned file_number(struct code_map *map, const char *path)
{
    const char *twice = strstr(path, "//");
    char *here = getcwd(NULL, 0);
    size_t length = here != NULL ? strlen(here) : 0;

    if (length > 0 && strncmp(path, here, length) == 0 && path[length] == '/') {
        path += length + 1;
    }
    free(here);
    path = twice != NULL ? twice + 2 : path;
    while (strncmp(path, "./", 2) == 0) {
        path += 2;
    }
    for (size_t i = 0; i < map->file_count; i++) {
        if (strcmp(map->files[i], path) == 0) {
            return (unsigned)i;
        }
    }
    map->files = grow(map->files, (map->file_count + 1) * sizeof *map->files);
    map->files[map->file_count] = strdup(path);
    return (unsigned)map->file_count++;
}

static void add_row(struct code_map *map, uint64_t address, unsigned file, unsigned line)
{
    map->rows = grow(map->rows, (map->row_count + 1) * sizeof *map->rows);
    map->rows[map->row_count] = (struct code_row){address, file, line, map->row_count};
    map->row_count++;
}

static void read_unit_lines(struct code_map *map, Dwarf_Die *unit)
{
    Dwarf_Lines *lines;
    size_t count;

    if (dwarf_getsrclines(unit, &lines, &count) != 0) {
        give_up("lines: %s", dwarf_errmsg(-1));
    }
    for (size_t i = 0; i < count; i++) {
        Dwarf_Line *line = dwarf_onesrcline(lines, i);
        Dwarf_Addr address;
        int number;
        bool ends;

        if (dwarf_lineaddr(line, &address) != 0 || dwarf_lineno(line, &number) != 0 ||
            dwarf_lineendsequence(line, &ends) != 0) {
            give_up("line %zu: %s", i, dwarf_errmsg(-1));
        }
        if (address < map->start || address > map->end) {
            continue; /* of a part that the linker dropped */
        }
        if (ends) {
            add_row(map, address, 0, 0);
        } else {
            const char *path = dwarf_linesrc(line, NULL, NULL);

            add_row(map, address, path != NULL ? file_number(map, path) : 0, (unsigned)number);
        }
    }
}

/* By address; at one address, an end comes before what begins there. */
static int compare_rows(const void *a, const void *b)
{
    const struct code_row *left = a, *right = b;

    if (left->address != right->address) {
        return left->address < right->address ? -1 : 1;
    }
    if ((left->file == 0) != (right->file == 0)) {
        return left->file == 0 ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

/* Of the rows at one address keep the last, and of rows in a row for one line the first. */
static void tidy_rows(struct code_map *map)
{
    size_t kept = 0;

    qsort(map->rows, map->row_count, sizeof *map->rows, compare_rows);
    for (size_t i = 0; i < map->row_count; i++) {
        const struct code_row *row = &map->rows[i];

        if (i + 1 < map->row_count && map->rows[i + 1].address == row->address) {
            continue;
        }
        if (kept > 0 && map->rows[kept - 1].file == row->file &&
            map->rows[kept - 1].line == row->line) {
            continue;
        }
        map->rows[kept++] = *row;
    }
    map->row_count = kept;
}

static void read_lines(struct code_map *map, Elf *elf)
{
    Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    Dwarf_Off offset = 0, next;
    size_t header_size;

    if (dwarf == NULL) {
        give_up("no DWARF: %s", dwarf_errmsg(-1));
    }
    while (dwarf_nextcu(dwarf, offset, &next, &header_size, NULL, NULL, NULL) == 0) {
        Dwarf_Die unit;

        if (dwarf_offdie(dwarf, offset + header_size, &unit) == NULL) {
            give_up("unit at %llu: %s", (unsigned long long)offset, dwarf_errmsg(-1));
        }
        read_unit_lines(map, &unit);
        offset = next;
    }
    dwarf_end(dwarf);
    tidy_rows(map);
}

void code_map_read(struct code_map *map, const char *path)
{
    int fd;
    Elf *elf = elf_open(path, &fd);
    Elf64_Shdr text;
    Elf_Scn *section = elf_section(elf, ".text", &text);

    if (section == NULL) {
        give_up("%s: no .text", path);
    }
    *map = (struct code_map){.start = text.sh_addr, .end = text.sh_addr + text.sh_size};
    map->files = grow(NULL, sizeof *map->files);
    map->files[map->file_count++] = "";
    read_functions(map, elf, elf_ndxscn(section));
    read_lines(map, elf);
    elf_end(elf);
    close(fd);
}
