/* names.h - the names of functions and files, shortened by tokens (kernel/symbols_table.h). */
#ifndef SECTOR0_TOOLS_SYMBOLS_NAMES_H
#define SECTOR0_TOOLS_SYMBOLS_NAMES_H

#include <stdbool.h>

#include "kernel/symbols_table.h"
#include "tools/symbols/codemap.h"

struct packed_names {
    uint8_t tokens[2 * SYMBOLS_TOKENS_MAX];
    unsigned token_count;
    char **functions, **files; /* as many as the map has, NUL-terminated */
};

/* Pack all names of MAP; they must be ASCII. */
struct packed_names names_pack(const struct code_map *map);
void names_release(struct packed_names *packed, const struct code_map *map);

#endif
