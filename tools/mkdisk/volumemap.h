/*
 * volumemap.h - a picture of a volume: what lies where, and where it is free.
 */
#ifndef SECTOR0_MKDISK_VOLUMEMAP_H
#define SECTOR0_MKDISK_VOLUMEMAP_H

#include "rawvolume.h"

#define MAP_COLUMNS 64
#define MAP_CELLS   512 /* at most */

struct volume_map {
    struct volume_place place;
    struct raw raw;
    uint64_t per_cell; /* blocks; the last cell may have fewer */
    unsigned cells;
    uint64_t in_use[MAP_CELLS]; /* blocks whose bit is set */
    uint64_t free_blocks;
    uint64_t free_pieces; /* runs of free blocks */
    uint64_t largest_free;
    uint64_t free_inodes;
};

/* Look at the volume of IMAGE. Returns false if there is none. */
bool volume_map_take(const struct image *image, struct volume_map *map);

/* Print it for people, or as the value of a JSON member. MAP may be NULL: there is no volume. */
void volume_map_text(const struct volume_map *map);
void volume_map_json(const struct volume_map *map);

#endif
