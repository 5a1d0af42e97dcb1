/* mbr.c - see mbr.h. */
#include <stdio.h>
#include <string.h>

#include "include/manifest.h"
#include "mbr.h"

#define STATUS_ACTIVE 0x80

/* The geometry that everybody assumes in a partition table. A place beyond it is FE FF FF. */
#define CHS_HEADS     255
#define CHS_SECTORS   63
#define CHS_CYLINDERS 1024

void mbr_decode(const uint8_t sector[SECTOR_SIZE], struct mbr *mbr)
{
    uint16_t magic;

    memcpy(&mbr->signature, sector + MBR_SIGNATURE_OFFSET, sizeof mbr->signature);
    memcpy(&magic, sector + MBR_MAGIC_OFFSET, sizeof magic);
    mbr->magic = magic == MBR_MAGIC;
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        struct mbr_partition entry;

        memcpy(&entry, sector + MBR_TABLE_OFFSET + i * MBR_ENTRY_SIZE, sizeof entry);
        mbr->partition[i] = (struct partition){
            .status = entry.status,
            .type = entry.type,
            .first_lba = entry.first_lba,
            .sectors = entry.sectors,
        };
    }
}

uint64_t mbr_boot_area_end(const struct mbr *mbr, uint64_t disk_sectors)
{
    uint64_t end = disk_sectors;

    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        if (mbr->partition[i].type != 0 && mbr->partition[i].first_lba < end) {
            end = mbr->partition[i].first_lba;
        }
    }
    return end;
}

uint32_t slot_capacity(uint64_t end)
{
    if (end > UINT32_MAX) {
        end = UINT32_MAX; /* a slot's first LBA has 32 bits */
    }
    if (end < SLOTS_LBA) {
        return 0;
    }
    return (uint32_t)((end - SLOTS_LBA) / (SLOT_COUNT * SLOT_ALIGN_SECTORS) * SLOT_ALIGN_SECTORS);
}

/* Returns false and the reason if entry I is one that we must not touch or cannot live with. */
static bool entry_allows_install(const struct partition *p, unsigned i, char *reason, size_t size)
{
    const uint32_t lowest = SLOTS_LBA + SLOT_COUNT * SLOT_ALIGN_SECTORS;

    if (p->status != 0 && p->status != STATUS_ACTIVE) {
        snprintf(reason, size, "LBA 0 holds no partition table: entry %u has status %02X", i + 1,
                 p->status);
        return false;
    }
    if (p->type == MBR_TYPE_GPT) {
        snprintf(reason, size, "has a GPT (entry %u of LBA 0 has type EE): not supported", i + 1);
        return false;
    }
    if (p->type == 0 && p->sectors != 0) {
        snprintf(reason, size, "entry %u of the partition table has type 0 but %u sectors", i + 1,
                 p->sectors);
        return false;
    }
    if (p->type != 0 && p->first_lba < lowest) {
        snprintf(reason, size, "partition %u begins at LBA %u, the boot area needs LBA 0 to %u",
                 i + 1, p->first_lba, lowest - 1);
        return false;
    }
    return true;
}

bool mbr_allows_install(const struct mbr *mbr, const uint8_t next_sector[SECTOR_SIZE], char *reason,
                        size_t size)
{
    static const char gpt_magic[] = "EFI PART";
    unsigned used = 0;

    if (!mbr->magic) {
        snprintf(reason, size, "LBA 0 holds no partition table: 55 AA is missing at its end");
        return false;
    }
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        if (!entry_allows_install(&mbr->partition[i], i, reason, size)) {
            return false;
        }
        used += mbr->partition[i].type != 0;
    }
    if (memcmp(next_sector, gpt_magic, sizeof gpt_magic - 1) == 0) {
        snprintf(reason, size, "has a GPT (\"EFI PART\" at LBA 1): not supported");
        return false;
    }
    if (used == 0) {
        snprintf(reason, size, "LBA 0 holds no partition table: all entries are empty");
        return false;
    }
    return true;
}

void mbr_encode_chs(uint32_t lba, uint8_t chs[3])
{
    uint32_t cylinder = lba / (CHS_HEADS * CHS_SECTORS);
    uint32_t head = lba / CHS_SECTORS % CHS_HEADS;
    uint32_t sector = lba % CHS_SECTORS + 1;

    if (cylinder >= CHS_CYLINDERS) {
        cylinder = CHS_CYLINDERS - 1;
        head = CHS_HEADS - 1;
        sector = CHS_SECTORS;
    }
    chs[0] = (uint8_t)head;
    chs[1] = (uint8_t)(sector | (cylinder >> 8) << 6); /* the sector has 6 bits, the cylinder 10 */
    chs[2] = (uint8_t)cylinder;
}

void mbr_encode_own_table(uint8_t sector[SECTOR_SIZE], uint64_t disk_sectors)
{
    uint32_t count = (uint32_t)(disk_sectors - FIRST_PARTITION_LBA);
    struct mbr_partition entry = {
        .status = STATUS_ACTIVE,
        .type = MBR_TYPE_SFS,
        .first_lba = FIRST_PARTITION_LBA,
        .sectors = count,
    };

    mbr_encode_chs(FIRST_PARTITION_LBA, entry.chs_first);
    mbr_encode_chs(FIRST_PARTITION_LBA + (count - 1), entry.chs_last);
    memcpy(sector + MBR_TABLE_OFFSET, &entry, sizeof entry);
}

void mbr_encode_signature(uint8_t sector[SECTOR_SIZE], uint32_t signature)
{
    memcpy(sector + MBR_SIGNATURE_OFFSET, &signature, sizeof signature);
}
