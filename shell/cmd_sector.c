/*
 * cmd_sector.c - sector: what stands in a sector of a disk, byte by byte; and what it means, if it
 * is one that we know: a master boot record, a boot manifest, a superblock of SFS.
 *
 * Anything may stand there. What is shown is what is there, right or wrong, and whether it is.
 */
#include "drivers/block.h"
#include "drivers/partition.h"
#include "fs/format.h"
#include "include/manifest.h"
#include "kernel/console.h"
#include "kernel/string.h"
#include "lib/crc32c.h"
#include "shell/commands.h"
#include "shell/parse.h"

#define ROW          16 /* bytes a line */
#define TYPE_TEXT    12
#define STAGE1_START "\x33\xC0\xEB" /* our boot sector begins so */

/* What is shown next: the part of SECTOR from offset AT on. */
struct view {
    const uint8_t *sector;
    unsigned at;
};

static char printable(uint8_t byte)
{
    return byte >= ' ' && byte <= '~' ? (char)byte : '.';
}

static void print_row(const uint8_t *sector, unsigned at, unsigned count)
{
    kprintf("  %03x ", at);
    for (unsigned i = 0; i < ROW; i++) {
        if (i < count) {
            kprintf("%s%02x", i == ROW / 2 ? "  " : " ", sector[at + i]);
        } else {
            kprintf("%s", i == ROW / 2 ? "    " : "   ");
        }
    }
    kprintf("  ");
    for (unsigned i = 0; i < count; i++) {
        kprintf("%c", printable(sector[at + i]));
    }
    kprintf("\n");
}

/* Show the next SIZE bytes; a star stands for rows like the one before. */
static void print_bytes(struct view *view, unsigned size)
{
    const unsigned end = view->at + size;
    bool starred = false;

    for (unsigned first = view->at; view->at < end; view->at += ROW) {
        unsigned count = end - view->at < ROW ? end - view->at : ROW;

        if (view->at > first && count == ROW &&
            memcmp(view->sector + view->at, view->sector + view->at - ROW, ROW) == 0) {
            kprintf(starred ? "" : "  *\n");
            starred = true;
            continue;
        }
        starred = false;
        print_row(view->sector, view->at, count);
    }
    view->at = end;
}

/* Say what the next SIZE bytes are, and show them. */
static void print_part(struct view *view, unsigned size, const char *text, ...) PRINTF_LIKE(3, 4);
static void print_part(struct view *view, unsigned size, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    kprintf_va(text, arguments);
    va_end(arguments);
    kprintf("\n");
    print_bytes(view, size);
}

/* The same for one field: its place and what it says, without its bytes. */
static void print_field(unsigned offset, const char *name, const char *text, ...) PRINTF_LIKE(3, 4);
static void print_field(unsigned offset, const char *name, const char *text, ...)
{
    va_list arguments;

    kprintf("  %03x  %-18s", offset, name);
    va_start(arguments, text);
    kprintf_va(text, arguments);
    va_end(arguments);
    kprintf("\n");
}

#define FIELD(type, member) (unsigned)offsetof(type, member), #member

static void print_text_field(unsigned offset, const char *name, const char *text, size_t size)
{
    kprintf("  %03x  %-18s\"", offset, name);
    for (size_t i = 0; i < size && text[i] != '\0'; i++) {
        kprintf("%c", printable((uint8_t)text[i]));
    }
    kprintf("\"\n");
}

static void print_bytes_field(unsigned offset, const char *name, const uint8_t *bytes, size_t size)
{
    kprintf("  %03x  %-18s%s", offset, name, size > ROW ? "\n         " : "");
    for (size_t i = 0; i < size; i++) {
        kprintf("%02x", bytes[i]);
    }
    kprintf("\n");
}

static void print_crc(unsigned offset, const void *sector, uint32_t stored)
{
    uint32_t right = crc32c(sector, offset);

    if (stored == right) {
        print_field(offset, "CRC-32C", "%08x, right", stored);
    } else {
        print_field(offset, "CRC-32C", "%08x, wrong: it should be %08x", stored, right);
    }
}

/* ---- Master boot record ---- */

static void show_boot_code(struct view *view)
{
    struct stage1_patch patch;

    if (memcmp(view->sector, STAGE1_START, sizeof(STAGE1_START) - 1) != 0) {
        print_part(view, STAGE1_CODE_MAX, "boot code");
        return;
    }
    memcpy(&patch, view->sector + STAGE1_PATCH_OFFSET, sizeof(patch));
    print_part(view, STAGE1_PATCH_OFFSET, "stage 1: its first instructions");
    print_part(view, STAGE1_PATCH_SIZE,
               "written by mkdisk: stage 2 has %u sectors, ends at %x, CRC register %08x",
               patch.sectors, patch.end, patch.crc32c);
    print_part(view, STAGE1_BPB_END - STAGE1_BPB_OFFSET,
               "a BIOS parameter block for BIOSes that look for one");
    print_part(view, STAGE1_CODE_MAX - STAGE1_BPB_END, "the rest of stage 1");
}

static void show_entry(struct view *view, unsigned number)
{
    struct mbr_partition entry;
    char type[TYPE_TEXT];

    memcpy(&entry, view->sector + view->at, sizeof(entry));
    if (entry.type == 0) {
        print_part(view, sizeof(entry), "partition %u: none", number);
        return;
    }
    print_part(view, sizeof(entry), "partition %u: %s (%02x), %u sectors from %u on%s", number,
               partition_type_name(entry.type, type, sizeof(type)), entry.type, entry.sectors,
               entry.first_lba, entry.status == 0x80 ? ", active" : "");
}

static void show_mbr(struct view *view)
{
    uint32_t signature;

    kprintf("a boot sector with a partition table\n");
    memcpy(&signature, view->sector + MBR_SIGNATURE_OFFSET, sizeof(signature));
    show_boot_code(view);
    print_part(view, MBR_TABLE_OFFSET - MBR_SIGNATURE_OFFSET, "disk signature %08x", signature);
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        show_entry(view, i + 1);
    }
    print_part(view, BLK_SECTOR - MBR_MAGIC_OFFSET, "the mark of a boot sector");
}

/* ---- Boot manifest ---- */

static void show_slot(const struct manifest *manifest, unsigned index)
{
    const struct boot_slot *slot = &manifest->slot[index];
    const unsigned offset = (unsigned)offsetof(struct manifest, slot) + index * sizeof(*slot);

    print_field(offset, index == 0 ? "slot A" : "slot B",
                "%u sectors from %u on, %u bytes of them used", slot->sectors, slot->first_lba,
                slot->length);
    print_field(offset + (unsigned)offsetof(struct boot_slot, mem_size), "  memory",
                "%u bytes at %llx, enters at %llx", slot->mem_size,
                (unsigned long long)slot->load_phys, (unsigned long long)slot->entry_virt);
    print_bytes_field(offset + (unsigned)offsetof(struct boot_slot, merkle_root), "  Merkle root",
                      slot->merkle_root, sizeof(slot->merkle_root));
}

static void show_manifest(const struct manifest *manifest)
{
    kprintf("a boot manifest\n");
    print_text_field(FIELD(struct manifest, magic), manifest->magic, sizeof(manifest->magic));
    print_field(FIELD(struct manifest, version), "%u", manifest->version);
    print_field(FIELD(struct manifest, size), "%u", manifest->size);
    print_field(FIELD(struct manifest, seq), "%llu", (unsigned long long)manifest->seq);
    print_field(FIELD(struct manifest, preferred), "%u: slot %c", manifest->preferred,
                printable((uint8_t)('A' + manifest->preferred)));
    print_field(FIELD(struct manifest, menu), "%u: %s", manifest->menu,
                manifest->menu == 0 ? "on request" : "always");
    print_field(FIELD(struct manifest, menu_timeout_s), "%u", manifest->menu_timeout_s);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        show_slot(manifest, i);
    }
    print_text_field(FIELD(struct manifest, cmdline), manifest->cmdline, sizeof(manifest->cmdline));
    print_crc((unsigned)offsetof(struct manifest, crc32c), manifest, manifest->crc32c);
}

/* ---- Superblock of SFS ---- */

static const char *state_text(uint32_t state)
{
    static const char *const texts[] = {"in use", "clean", "has errors"};

    return state <= SFS_STATE_ERROR ? texts[state] : "unknown";
}

static void show_super_u64(const struct sfs_super *super)
{
    static const struct {
        uint16_t offset;
        const char *name;
    } fields[] = {
        {offsetof(struct sfs_super, inode_bitmap_start), "inode bitmap from"},
        {offsetof(struct sfs_super, data_bitmap_start), "data bitmap from"},
        {offsetof(struct sfs_super, inode_table_start), "inode table from"},
        {offsetof(struct sfs_super, data_start), "data from"},
        {offsetof(struct sfs_super, total_blocks), "blocks"},
        {offsetof(struct sfs_super, inode_count), "inodes"},
        {offsetof(struct sfs_super, journal_start), "journal from"},
        {offsetof(struct sfs_super, journal_blocks), "journal blocks"},
        {offsetof(struct sfs_super, csum_start), "checksums from"},
        {offsetof(struct sfs_super, csum_blocks), "checksum blocks"},
        {offsetof(struct sfs_super, orphan_block), "orphan block"},
        {offsetof(struct sfs_super, backup_sb_block), "backup block"},
        {offsetof(struct sfs_super, write_gen), "generation"},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        uint64_t value;

        memcpy(&value, (const char *)super + fields[i].offset, sizeof(value));
        print_field(fields[i].offset, fields[i].name, "%llu", (unsigned long long)value);
    }
}

static void show_super(const struct sfs_super *super)
{
    kprintf("a superblock of SFS\n");
    print_text_field(0, "magic", "SFS", sizeof("SFS"));
    print_field(FIELD(struct sfs_super, version), "%u", super->version);
    print_field(FIELD(struct sfs_super, block_size), "%u", super->block_size);
    print_field(FIELD(struct sfs_super, state), "%u: %s", super->state, state_text(super->state));
    show_super_u64(super);
    print_field((unsigned)offsetof(struct sfs_super, feat_compat), "features", "%x, %x, %x",
                super->feat_compat, super->feat_ro_compat, super->feat_incompat);
    print_bytes_field(FIELD(struct sfs_super, uuid), super->uuid, sizeof(super->uuid));
    print_text_field(FIELD(struct sfs_super, label), super->label, sizeof(super->label));
    print_field(FIELD(struct sfs_super, mount_count), "%u", super->mount_count);
    print_field(FIELD(struct sfs_super, error_count), "%u", super->error_count);
    print_crc((unsigned)offsetof(struct sfs_super, crc), super, super->crc);
}

/* ---- Any ---- */

static void show(const uint8_t *sector)
{
    struct view view = {sector, 0};
    const bool mark = sector[MBR_MAGIC_OFFSET] == (MBR_MAGIC & 0xFF) &&
                      sector[MBR_MAGIC_OFFSET + 1] == MBR_MAGIC >> 8;

    if (memcmp(sector, SFS_MAGIC, sizeof(((struct sfs_super *)0)->magic)) == 0) {
        show_super((const struct sfs_super *)sector);
    } else if (memcmp(sector, MANIFEST_MAGIC, sizeof(((struct manifest *)0)->magic)) == 0) {
        show_manifest((const struct manifest *)sector);
    } else if (mark) {
        show_mbr(&view);
        return;
    }
    print_bytes(&view, BLK_SECTOR);
}

static const char *error_words(int error)
{
    switch (error) {
    case BLK_EIO:
        return "the device cannot read it, or does not answer";
    case BLK_ENXIO:
        return "beyond the end of the device, or the device is gone";
    case BLK_ENOMEM:
        return "no memory";
    default:
        return blk_error_name(error);
    }
}

int command_sector(int argc, char **argv)
{
    _Alignas(BLK_SECTOR) uint8_t sector[BLK_SECTOR]; /* in one page: read without a detour */
    const char *number = argc == 3 ? argv[2] : "";
    uint64_t lba;

    if (!parse_take_number(&number, UINT64_MAX, &lba) || *number != '\0') {
        return command_usage(argv[0]);
    }
    struct block_device *device = block_find(argv[1]);

    if (device == NULL) {
        return command_error(argv[0], "%s: there is no such disk; disks lists them", argv[1]);
    }
    int status = block_read(device, lba, 1, sector);

    if (status != 0) {
        return command_error(argv[0], "%s, sector %llu of %llu: %s", device->name,
                             (unsigned long long)lba, (unsigned long long)device->dev.nsect,
                             error_words(status));
    }
    show(sector);
    return STATUS_OK;
}
