/*
 * mbr.h - the partition table in LBA 0 and what it leaves to the boot area.
 *
 * The boot area is everything before the first partition (on a disk without partitions: the whole
 * disk). An extended partition counts with its container: the links inside it are unsigned offsets
 * from the container's start, so a logical partition can never lie before it.
 *
 * Nothing here reads or writes a file. Context: any.
 */
#ifndef SECTOR0_MKDISK_MBR_H
#define SECTOR0_MKDISK_MBR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/layout.h"

struct partition {
    uint8_t status; /* 80h active, 00h not, anything else: not a partition table */
    uint8_t type;   /* 0: the entry is not used */
    uint32_t first_lba;
    uint32_t sectors;
};

struct mbr {
    bool magic;         /* 55 AA stands at the end */
    uint32_t signature; /* of the disk, 0: none */
    struct partition partition[MBR_TABLE_ENTRIES];
};

/* Take the 512 bytes of LBA 0 apart. */
void mbr_decode(const uint8_t sector[SECTOR_SIZE], struct mbr *mbr);

/* The first LBA behind the boot area of a disk of DISK_SECTORS sectors. */
uint64_t mbr_boot_area_end(const struct mbr *mbr, uint64_t disk_sectors);

/* The sectors of each of the two kernel slots of a boot area that ends before LBA END, or 0. */
uint32_t slot_capacity(uint64_t end);

/*
 * Can the boot code be put onto this disk and all of its partitions stay as they are? NEXT_SECTOR
 * is LBA 1. Returns true, or false and one line of at most SIZE bytes in REASON.
 */
bool mbr_allows_install(const struct mbr *mbr, const uint8_t next_sector[SECTOR_SIZE], char *reason,
                        size_t size);

/* Put the cylinder, head and sector of LBA, as an entry of the partition table has them, into CHS.
 */
void mbr_encode_chs(uint32_t lba, uint8_t chs[3]);

/*
 * Write into SECTOR the table of our own images: one active SFS partition from FIRST_PARTITION_LBA
 * to the end of the disk. DISK_SECTORS is at most 2^32.
 */
void mbr_encode_own_table(uint8_t sector[SECTOR_SIZE], uint64_t disk_sectors);

/* Write the disk signature; the two bytes behind it belong to the disk and stay. */
void mbr_encode_signature(uint8_t sector[SECTOR_SIZE], uint32_t signature);

#endif
