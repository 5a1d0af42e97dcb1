/*
 * rawvolume.h - the blocks of a volume as they lie on the disk, for those who show them: no mount,
 * no journal. What a block is follows from the superblock, or from the inode that leads to it.
 */
#ifndef SECTOR0_MKDISK_RAWVOLUME_H
#define SECTOR0_MKDISK_RAWVOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/format.h"
#include "volume.h"

struct raw {
    const struct image *image;
    uint64_t first_lba;
    struct sfs_super super; /* valid: magic, checksum, geometry */
    bool from_backup;       /* block 0 is damaged, this is the last block's */
    uint32_t bs;
    uint32_t u; /* the checksum that all others begin with */
};

/* Read the superblock of the volume at PLACE. Returns false if there is no valid one. */
bool raw_open(struct raw *raw, const struct image *image, const struct volume_place *place);

/* Read block BLOCK, which is inside, into BUFFER. Returns false if the image cannot. */
bool raw_read(const struct raw *raw, uint64_t block, uint8_t *buffer);

/* What a block is, by its place. */
enum area {
    AREA_SUPER,
    AREA_INODE_BITMAP,
    AREA_DATA_BITMAP,
    AREA_INODE_TABLE,
    AREA_CSUM_TABLE,
    AREA_JOURNAL,
    AREA_ORPHANS,
    AREA_FILES,
    AREA_BACKUP,
};
#define AREA_COUNT (AREA_BACKUP + 1)

/* The area that BLOCK lies in; *FIRST, if not NULL, is where that begins. */
enum area raw_area(const struct raw *raw, uint64_t block, uint64_t *first);
const char *area_name(enum area area);

/* First block and number of blocks of an area. */
void raw_extent(const struct raw *raw, enum area area, uint64_t *first, uint64_t *count);

/* Is its bit set in the data bitmap? True if that cannot be read. */
bool raw_in_use(const struct raw *raw, uint64_t block);

/* Read inode INO. Returns false if it is free or cannot be read. */
bool raw_inode(const struct raw *raw, uint64_t ino, struct sfs_inode *inode);

/* Blocks that the checksum table says something about, and what. */
enum csum_state { CSUM_NONE, CSUM_RIGHT, CSUM_WRONG };
enum csum_state raw_csum(const struct raw *raw, uint64_t block, const uint8_t *data);

/* The inode that leads to a block in the area of files, found by walking all of them. */
struct owner {
    uint64_t ino;
    struct sfs_inode inode;
    unsigned height; /* 0: a block of the contents; n: an indirect block, n levels above them */
    uint64_t n;      /* the (first) block of the file that it is, or leads to */
};

/* Returns false if none does, or the volume's trees are too tangled to tell. */
bool raw_owner(const struct raw *raw, uint64_t block, struct owner *owner);

#endif
