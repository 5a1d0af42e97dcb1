/*
 * names.c - see names.h. Byte pair encoding: the pair of bytes that stands in the names most often
 * becomes a token, in all of them; then the next pair, which may contain tokens already.
 */
#include "tools/symbols/names.h"

#include <stdlib.h>
#include <string.h>

#define WORTH 4 /* times that a pair must stand somewhere: its token takes two bytes */

static char **copy_names(const struct code_map *map, bool files)
{
    size_t count = files ? map->file_count : map->function_count;
    char **names = grow(NULL, (count + 1) * sizeof *names);

    for (size_t i = 0; i < count; i++) {
        names[i] = strdup(files ? map->files[i] : map->functions[i].name);
        for (const char *c = names[i]; *c != '\0'; c++) {
            if ((unsigned char)*c >= SYMBOLS_FIRST_TOKEN) {
                give_up("%s: not an ASCII name", names[i]);
            }
        }
    }
    return names;
}

/* How deep tokens lie in BYTE: 0 for a character. */
static unsigned depth(const struct packed_names *packed, unsigned byte)
{
    if (byte < SYMBOLS_FIRST_TOKEN) {
        return 0;
    }
    const uint8_t *pair = &packed->tokens[2 * (byte - SYMBOLS_FIRST_TOKEN)];
    unsigned left = depth(packed, pair[0]), right = depth(packed, pair[1]);

    return 1 + (left > right ? left : right);
}

static void count_pairs(unsigned (*counts)[256], char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *name = (const uint8_t *)names[i];

        for (size_t at = 0; name[at] != 0 && name[at + 1] != 0; at++) {
            counts[name[at]][name[at + 1]]++;
        }
    }
}

/* Put TOKEN in the place of each pair LEFT RIGHT. */
static void replace_pair(char **names, size_t count, uint8_t left, uint8_t right, unsigned token)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *from = (uint8_t *)names[i], *to = from;

        while (*from != 0) {
            bool pair = from[0] == left && from[1] == right;

            *to++ = pair ? (uint8_t)token : *from;
            from += pair ? 2 : 1;
        }
        *to = 0;
    }
}

/* Make the most frequent pair a token. Returns false if none is worth it. */
static bool add_token(struct packed_names *packed, const struct code_map *map,
                      unsigned (*counts)[256])
{
    unsigned best = WORTH - 1, left = 0, right = 0;

    memset(counts, 0, 256 * sizeof *counts);
    count_pairs(counts, packed->functions, map->function_count);
    count_pairs(counts, packed->files, map->file_count);
    for (unsigned pair = 0; pair < 256 * 256; pair++) {
        if (counts[pair / 256][pair % 256] > best &&
            depth(packed, pair / 256) < SYMBOLS_DEPTH_MAX - 1 &&
            depth(packed, pair % 256) < SYMBOLS_DEPTH_MAX - 1) {
            left = pair / 256;
            right = pair % 256;
            best = counts[left][right];
        }
    }
    if (best < WORTH) {
        return false;
    }
    unsigned token = packed->token_count++;

    packed->tokens[2 * token] = (uint8_t)left;
    packed->tokens[2 * token + 1] = (uint8_t)right;
    token += SYMBOLS_FIRST_TOKEN;
    replace_pair(packed->functions, map->function_count, (uint8_t)left, (uint8_t)right, token);
    replace_pair(packed->files, map->file_count, (uint8_t)left, (uint8_t)right, token);
    return true;
}

struct packed_names names_pack(const struct code_map *map)
{
    struct packed_names packed = {.functions = copy_names(map, false),
                                  .files = copy_names(map, true)};
    unsigned(*counts)[256] = grow(NULL, 256 * sizeof *counts);

    while (packed.token_count < SYMBOLS_TOKENS_MAX && add_token(&packed, map, counts)) {
    }
    free(counts);
    return packed;
}

void names_release(struct packed_names *packed, const struct code_map *map)
{
    for (size_t i = 0; i < map->function_count; i++) {
        free(packed->functions[i]);
    }
    for (size_t i = 0; i < map->file_count; i++) {
        free(packed->files[i]);
    }
    free(packed->functions);
    free(packed->files);
}
