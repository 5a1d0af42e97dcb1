/*
 * partition.c - see partition.h.
 *
 *   sector 0    four entries: primary partitions, or one extended partition
 *   extended    a chain of sectors with a table each: entry 0 is a logical partition, counted from
 *               that sector; entry 1 the next sector of the chain, counted from the beginning of
 *               the extended partition
 *
 * All of it is what somebody wrote on a disk. What reaches beyond the disk or its extended
 * partition, overlaps an earlier one, begins at sector 0 or has no size is not registered. The
 * chain has at most PARTITION_LOGICAL_MAX links. Numbers count blocks of the device. [UEFI 5.2]
 */
#include "drivers/partition.h"

#include "drivers/block_internal.h"
#include "fs/format.h"
#include "include/manifest.h"
#include "kernel/log.h"
#include "kernel/mm/heap.h"
#include "kernel/string.h"
#include "lib/crc32c.h"

#define STATUS_ACTIVE 0x80 /* or 0: anything else means that there is no table */

struct range {
    uint64_t first, count; /* sectors */
};

struct scan {
    struct block_device *disk;
    uint32_t unit; /* sectors of a block */
    uint8_t sector[BLK_SECTOR];
};

static const struct {
    uint8_t type;
    const char *name;
} type_names[] = {
    {0x01, "FAT12"},         {0x04, "FAT16"},       {0x05, "extended"}, {0x06, "FAT16"},
    {0x07, "NTFS or exFAT"}, {0x0B, "FAT32"},       {0x0C, "FAT32"},    {0x0E, "FAT16"},
    {0x0F, "extended"},      {MBR_TYPE_SFS, "SFS"}, {0x82, "swap"},     {0x83, "Linux"},
    {0x85, "extended"},      {0x8E, "LVM"},         {0xA5, "FreeBSD"},  {0xA6, "OpenBSD"},
    {0xA9, "NetBSD"},        {MBR_TYPE_GPT, "GPT"}, {0xEF, "EFI"},      {0xFD, "RAID"},
};

const char *partition_type_name(uint8_t type, char *text, size_t size)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (type_names[i].type == type) {
            return type_names[i].name;
        }
    }
    format_string(text, size, "type %02x", type);
    return text;
}

bool partition_is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0F || type == 0x85;
}

static void get_entry(const struct scan *scan, unsigned index, struct mbr_partition *entry)
{
    memcpy(entry, scan->sector + MBR_TABLE_OFFSET + index * sizeof(*entry), sizeof(*entry));
}

static bool read_sector(struct scan *scan, uint64_t lba)
{
    int status = block_read(scan->disk, lba, 1, scan->sector);

    if (status != 0) {
        log_line(scan->disk->name, "sector %llu, a partition table, cannot be read: %s",
                 (unsigned long long)lba, blk_error_name(status));
    }
    return status == 0;
}

static bool has_magic(const struct scan *scan)
{
    return scan->sector[MBR_MAGIC_OFFSET] == (MBR_MAGIC & 0xFF) &&
           scan->sector[MBR_MAGIC_OFFSET + 1] == MBR_MAGIC >> 8;
}

static bool overlaps(const struct range *a, const struct range *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count;
}

/* The partition of DISK that RANGE overlaps, or NULL. */
static const struct block_device *overlapped(const struct block_device *disk,
                                             const struct range *range)
{
    for (struct block_device *other = block_next(disk); other != NULL && other->whole == disk;
         other = block_next(other)) {
        if (overlaps(range, &(struct range){other->first_sector, other->dev.nsect})) {
            return other;
        }
    }
    return NULL;
}

/* What is wrong with RANGE, which must lie in OUTER; NULL: nothing. */
static const char *fault_of(const struct scan *scan, const struct range *range,
                            const struct range *outer)
{
    if (range->count == 0) {
        return "it has no sectors";
    }
    if (range->first <= outer->first) {
        return "it begins where the table is";
    }
    if (range->first + range->count > outer->first + outer->count) {
        return outer->first == 0 ? "it reaches beyond the end of the disk"
                                 : "it reaches beyond its extended partition";
    }
    return overlapped(scan->disk, range) != NULL ? "it overlaps an earlier one" : NULL;
}

/* Is RANGE inside OUTER and free? If not, the log says so. */
static bool is_sound(const struct scan *scan, unsigned number, const struct range *range,
                     const struct range *outer)
{
    const char *fault = fault_of(scan, range, outer);

    if (fault != NULL) {
        log_line(scan->disk->name, "partition %u, %llu sectors from %llu on, is not used: %s",
                 number, (unsigned long long)range->count, (unsigned long long)range->first, fault);
    }
    return fault == NULL;
}

static void register_partition(const struct scan *scan, unsigned number, uint8_t type,
                               const struct range *range)
{
    struct block_device *disk = scan->disk;
    struct block_device *partition = kcalloc(1, sizeof(*partition));

    if (partition == NULL) {
        log_line(disk->name, "no memory for partition %u", number);
        return;
    }
    partition->dev = disk->dev;
    partition->dev.nsect = range->count;
    partition->dev.reads = partition->dev.writes = partition->dev.flushes = 0;
    partition->dev.sectors_read = partition->dev.sectors_written = partition->dev.errors = 0;
    partition->driver = disk->driver;
    partition->model = "";
    partition->how = "";
    partition->whole = disk;
    partition->first_sector = range->first;
    partition->partition_type = type;
    block_add_partition(partition, number);
}

/* Where ENTRY says that it lies, counted from BASE. */
static struct range range_of(const struct scan *scan, const struct mbr_partition *entry,
                             uint64_t base)
{
    return (struct range){base + (uint64_t)entry->first_lba * scan->unit,
                          (uint64_t)entry->sectors * scan->unit};
}

/*
 * Follow the chain in EXTENDED, the range of primary partition NUMBER. A chain may go back and forth,
 * but a circle meets partitions that are registered already, or has too many links.
 */
static void scan_extended(struct scan *scan, const struct range *extended)
{
    uint64_t table = extended->first;

    for (unsigned number = PARTITION_FIRST_LOGICAL;
         number < PARTITION_FIRST_LOGICAL + PARTITION_LOGICAL_MAX; number++) {
        struct mbr_partition logical, link;

        if (!read_sector(scan, table) || !has_magic(scan)) {
            log_line(scan->disk->name, "the chain of logical partitions is broken at sector %llu",
                     (unsigned long long)table);
            return;
        }
        get_entry(scan, 0, &logical);
        get_entry(scan, 1, &link);
        struct range range = range_of(scan, &logical, table);
        struct range next = range_of(scan, &link, extended->first);

        if (logical.type != 0) {
            if (!is_sound(scan, number, &range, extended)) {
                return; /* nothing behind it is better, and a circle ends here */
            }
            register_partition(scan, number, logical.type, &range);
        }
        if (!partition_is_extended(link.type)) {
            return;
        }
        if (next.first >= extended->first + extended->count || next.first <= extended->first) {
            log_line(scan->disk->name, "the chain of logical partitions leaves its partition");
            return;
        }
        table = next.first;
    }
    log_line(scan->disk->name, "more than %d logical partitions", PARTITION_LOGICAL_MAX);
}

/* The four entries in scan->sector. */
static void scan_primary(struct scan *scan)
{
    const struct range whole = {0, scan->disk->dev.nsect};
    struct range extended = {0, 0};

    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        struct mbr_partition entry;

        get_entry(scan, i, &entry);
        struct range range = range_of(scan, &entry, 0);

        if (entry.type == 0 || !is_sound(scan, i + 1, &range, &whole)) {
            continue;
        }
        if (!partition_is_extended(entry.type)) {
            register_partition(scan, i + 1, entry.type, &range);
        } else if (extended.count == 0) {
            extended = range;
        } else {
            log_line(scan->disk->name, "a second extended partition is not used");
        }
    }
    if (extended.count != 0) {
        const struct block_device *other = overlapped(scan->disk, &extended);

        if (other != NULL) {
            log_line(scan->disk->name, "the extended partition is not used: it overlaps %s",
                     other->name);
            return;
        }
        scan_extended(scan, &extended);
    }
}

/* A boot sector without a table has code or text where the table would be. */
static bool has_table(const struct scan *scan, bool *gpt)
{
    *gpt = false;
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        struct mbr_partition entry;

        get_entry(scan, i, &entry);
        if (entry.status != 0 && entry.status != STATUS_ACTIVE) {
            return false;
        }
        *gpt = *gpt || entry.type == MBR_TYPE_GPT;
    }
    return true;
}

/* What the boot disk is recognised by. */
static void note_first_sector(const struct scan *scan)
{
    struct block_device *disk = scan->disk;

    memcpy(&disk->signature, scan->sector + MBR_SIGNATURE_OFFSET, sizeof(disk->signature));
    disk->crc32c = crc32c(scan->sector, sizeof(scan->sector));
    disk->is_volume = memcmp(scan->sector, SFS_MAGIC, sizeof(((struct sfs_super *)0)->magic)) == 0;
}

void partition_scan(struct block_device *disk)
{
    struct scan scan = {.disk = disk, .unit = disk->dev.lbs / BLK_SECTOR};
    bool gpt;

    if (disk->dev.nsect == 0 || !read_sector(&scan, 0)) {
        return;
    }
    note_first_sector(&scan);
    /* A volume's superblock may end in 55 AA by chance: its magic counts first. */
    if (disk->is_volume || !has_magic(&scan) || !has_table(&scan, &gpt)) {
        return;
    }
    if (gpt) {
        log_line(disk->name, "it has a GUID partition table (GPT), which is not supported");
        return;
    }
    scan_primary(&scan);
}
