/*
 * bootcode.h - stages 1 and 2: from their files, made fit for a disk, and judged on a disk.
 *
 * Stage 1 knows three things about stage 2, which mkdisk writes into its bytes 4-10 (struct
 * stage1_patch): how long it is, where it ends in memory, and its CRC. Stage 2 may know the Merkle
 * root of the only kernel it accepts (the pin), which must be in place before the CRC is taken.
 */
#ifndef SECTOR0_MKDISK_BOOTCODE_H
#define SECTOR0_MKDISK_BOOTCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "include/manifest.h"

struct bootcode {
    uint8_t stage1[SECTOR_SIZE]; /* bytes 0-439 count */
    uint8_t stage2[STAGE2_MAX_SECTORS * SECTOR_SIZE];
    unsigned stage2_sectors;
};

/* Read and check both files, or refuse. */
void bootcode_load(struct bootcode *code, const char *stage1_path, const char *stage2_path);

/* Make stage 2 refuse every kernel but the one with this root. Before bootcode_seal. */
void bootcode_pin(struct bootcode *code, const uint8_t root[MERKLE_ROOT_SIZE]);

/* Write the length and the CRC of stage 2 into stage 1: the last thing to do before writing. */
void bootcode_seal(struct bootcode *code);

/* Write stage 2 to the image. */
void bootcode_write_stage2(const struct bootcode *code, const struct image *image);

/* What a disk holds as stages 1 and 2. */
struct bootcode_state {
    const char *stage1_problem; /* NULL: none */
    const char *stage2_problem; /* NULL: none */
    unsigned stage2_sectors;    /* 0 if stage 1 does not say */
    uint32_t stage2_crc;        /* register before the final inversion, as stage 1 has it */
    uint32_t actual_crc;        /* the same, over the bytes on the disk */
    bool pinned;
    uint8_t pin[MERKLE_ROOT_SIZE];
};

/* Judge the boot code of IMAGE. SECTOR0 is its LBA 0. */
void bootcode_inspect(const struct image *image, const uint8_t sector0[SECTOR_SIZE],
                      struct bootcode_state *state);

#endif
