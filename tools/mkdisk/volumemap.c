/*
 * volumemap.c - see volumemap.h. The bitmaps are read as they lie on the disk: what the journal of
 * an unclean volume would still change is not in the picture.
 */
#include "volumemap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fs/super.h"
#include "names.h"

static const char area_letters[AREA_COUNT + 1] = "SibTcJo?B"; /* in the order of enum area */

/* ---- Counting ---- */

/* One bit after the other, but whole words at once where nothing changes. */
static void count_blocks(struct volume_map *map)
{
    uint8_t bits[SFS_BLOCK_MAX];
    uint64_t total = map->raw.super.total_blocks, each = 8ull * map->raw.bs, run = 0;

    for (uint64_t block = 0; block < total; block++) {
        uint64_t bit = block % each, word = 0;

        if (bit == 0 &&
            !raw_read(&map->raw, map->raw.super.data_bitmap_start + block / each, bits)) {
            memset(bits, 0xFF, sizeof bits);
        }
        if (bit % 64 == 0 && total - block >= 64) {
            memcpy(&word, bits + bit / 8, 8);
            if (word == 0) {
                run += 64;
                block += 63;
                continue;
            }
        }
        if ((bits[bit / 8] >> bit % 8 & 1) == 0) {
            run++;
            continue;
        }
        map->in_use[block / map->per_cell]++;
        map->free_blocks += run;
        map->free_pieces += run > 0;
        map->largest_free = run > map->largest_free ? run : map->largest_free;
        run = 0;
    }
    map->free_blocks += run;
    map->free_pieces += run > 0;
    map->largest_free = run > map->largest_free ? run : map->largest_free;
}

static void count_inodes(struct volume_map *map)
{
    uint8_t bits[SFS_BLOCK_MAX];
    uint64_t used = 0, each = 8ull * map->raw.bs, count = map->raw.super.inode_count;

    for (uint64_t ino = 0; ino < count; ino += 64) {
        uint64_t word;

        if (ino % each == 0 &&
            !raw_read(&map->raw, map->raw.super.inode_bitmap_start + ino / each, bits)) {
            memset(bits, 0xFF, sizeof bits);
        }
        memcpy(&word, bits + ino % each / 8, 8);
        if (count - ino < 64) {
            word &= (1ull << (count - ino)) - 1;
        }
        used += (uint64_t)__builtin_popcountll(word);
    }
    map->free_inodes = count - used;
}

bool volume_map_take(const struct image *image, struct volume_map *map)
{
    *map = (struct volume_map){.cells = 0};
    if (!volume_look(image, &map->place) || !raw_open(&map->raw, image, &map->place)) {
        return false;
    }
    map->per_cell = (map->raw.super.total_blocks + MAP_CELLS - 1) / MAP_CELLS;
    map->cells = (unsigned)((map->raw.super.total_blocks + map->per_cell - 1) / map->per_cell);
    count_blocks(map);
    count_inodes(map);
    return true;
}

/* ---- For people ---- */

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"in use, or not unmounted", "clean", "damage was seen"};

    return state <= SFS_STATE_ERROR ? names[state] : "of no known state";
}

/* What the first block of the cell is; files show by how full the cell is. */
static char cell_letter(const struct volume_map *map, unsigned cell)
{
    uint64_t first = cell * map->per_cell, count = map->raw.super.total_blocks - first;
    enum area area = raw_area(&map->raw, first, NULL);

    count = count < map->per_cell ? count : map->per_cell;
    if (area != AREA_FILES) {
        return area_letters[area];
    }
    if (map->in_use[cell] == 0) {
        return '.';
    }
    return map->in_use[cell] == count ? '#' : map->in_use[cell] * 2 < count ? ':' : '+';
}

static void print_uuid(const uint8_t uuid[16])
{
    for (unsigned i = 0; i < 16; i++) {
        printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    }
}

static void print_picture(const struct volume_map *map)
{
    for (unsigned cell = 0; cell < map->cells; cell++) {
        if (cell % MAP_COLUMNS == 0) {
            printf("  %17" PRIu64 "  ", cell * map->per_cell);
        }
        putchar(cell_letter(map, cell));
        if (cell % MAP_COLUMNS == MAP_COLUMNS - 1 || cell + 1 == map->cells) {
            printf("\n");
        }
    }
    printf("\n  %17s  each letter stands for %" PRIu64
           " block%s and tells of the first; of files:\n"
           "  %17s  . free, : less than half in use, + more, # all\n\n",
           "", map->per_cell, map->per_cell == 1 ? "" : "s", "");
}

/* In numbers what the picture may be too coarse for. */
static void print_areas(const struct volume_map *map)
{
    printf("  %17s  %s\n", "blocks", "what");
    for (int area = 0; area < AREA_COUNT; area++) {
        uint64_t first, count;
        char range[48];

        raw_extent(&map->raw, area, &first, &count);
        if (count > 0) {
            snprintf(range, sizeof range, count > 1 ? "%" PRIu64 " - %" PRIu64 : "%" PRIu64, first,
                     first + count - 1);
            printf("  %17s  %c %s\n", range, area == AREA_FILES ? ' ' : area_letters[area],
                   area_name(area));
        }
    }
}

void volume_map_text(const struct volume_map *map)
{
    const struct sfs_super *super = &map->raw.super;

    printf("\nVolume \"");
    print_name(stdout, super->label, strnlen(super->label, sizeof super->label));
    if (map->place.partition > 0) {
        printf("\" in partition %u", map->place.partition);
    } else {
        printf("\", the whole image");
    }
    printf(": SFS version %u, %" PRIu64 " blocks of %u bytes, %s%s\n", super->version,
           super->total_blocks, super->block_size, state_name(super->state),
           map->raw.from_backup ? ", SUPERBLOCK DAMAGED: this is its backup" : "");
    printf("UUID ");
    print_uuid(super->uuid);
    printf(", mounted %u times\n", super->mount_count);
    printf("Free: %" PRIu64 " blocks (%" PRIu64 " KiB) in %" PRIu64 " piece%s, the largest %" PRIu64
           "; %" PRIu64 " of %" PRIu64 " inodes\n\n",
           map->free_blocks, map->free_blocks * super->block_size / 1024, map->free_pieces,
           map->free_pieces == 1 ? "" : "s", map->largest_free, map->free_inodes,
           super->inode_count);
    print_picture(map);
    print_areas(map);
}

/* ---- For programs ---- */

static void json_label(const struct sfs_super *super)
{
    putchar('"');
    for (size_t i = 0; i < sizeof super->label && super->label[i] != '\0'; i++) {
        unsigned char c = (unsigned char)super->label[i];

        if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
            putchar(c);
        } else {
            printf("\\u%04X", c);
        }
    }
    putchar('"');
}

void volume_map_json(const struct volume_map *map)
{
    const struct sfs_super *super = &map->raw.super;

    if (map->cells == 0) {
        printf("null");
        return;
    }
    printf("{\"partition\": %u, \"first_lba\": %" PRIu64 ", \"version\": %u, \"label\": ",
           map->place.partition, map->place.first_lba, super->version);
    json_label(super);
    printf(", \"uuid\": \"");
    print_uuid(super->uuid);
    printf("\", \"state\": %u, \"from_backup\": %s, \"block_size\": %u, \"blocks\": %" PRIu64
           ", \"blocks_free\": %" PRIu64 ", \"free_pieces\": %" PRIu64
           ", \"largest_free\": %" PRIu64 ", \"inodes\": %" PRIu64 ", \"inodes_free\": %" PRIu64
           ",\n    \"areas\": {",
           super->state, map->raw.from_backup ? "true" : "false", super->block_size,
           super->total_blocks, map->free_blocks, map->free_pieces, map->largest_free,
           super->inode_count, map->free_inodes);
    for (int area = 0; area < AREA_COUNT; area++) {
        uint64_t first, count;

        raw_extent(&map->raw, area, &first, &count);
        printf("%s\"%s\": [%" PRIu64 ", %" PRIu64 "]", area > 0 ? ", " : "", area_name(area), first,
               count);
    }
    printf("},\n    \"blocks_per_cell\": %" PRIu64 ", \"in_use\": [", map->per_cell);
    for (unsigned cell = 0; cell < map->cells; cell++) {
        printf("%s%" PRIu64, cell > 0 ? ", " : "", map->in_use[cell]);
    }
    printf("]}");
}
