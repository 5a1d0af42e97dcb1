/*
 * bootinfo.c - see bootinfo.h.
 *
 * The CRC already shows that these bytes are the loader's. The checks after it are for a loader
 * that is wrong, or older or newer than this kernel: what it says must make sense, field by field.
 * The contents of the memory map are not judged here; kernel/mm/e820.c can take anything.
 */
#include "kernel/bootinfo.h"

#include "include/tour.h"
#include "kernel/string.h"
#include "lib/crc32c.h"

#define KNOWN_FLAGS                                                                                \
    (BOOT_FLAG_COM1 | BOOT_FLAG_E9 | BOOT_FLAG_FALLBACK | BOOT_FLAG_PINNED |                       \
     BOOT_FLAG_MANIFEST_BAD | BOOT_FLAG_MENU)
#define LAST_LOADER_STEP        15
#define CPUID_EXT_FIRST         0x80000000u
#define CPUID_EXT_FEATURES      0x80000001u
#define CPUID_EXT_EDX_LONG_MODE (1u << 29)

#define REPORT(fault, field_, value_, rule_)                                                       \
    (*(fault) = (struct bootinfo_fault){.field = (field_), .value = (value_), .rule = (rule_)},    \
     false)

/* A field that must lie between two values. */
struct range_rule {
    const char *field;
    uint16_t offset;
    uint8_t size;
    uint64_t minimum, maximum;
    const char *rule;
};

/* clang-format off */
#define RANGE(field_, minimum_, maximum_, rule_)                                                   \
    {.field = #field_, .offset = offsetof(struct bootinfo, field_),                                \
     .size = sizeof(((struct bootinfo *)0)->field_),                                               \
     .minimum = (minimum_), .maximum = (maximum_), .rule = (rule_)}
/* clang-format on */

static const struct range_rule ranges[] = {
    RANGE(read_method, READ_EDD, READ_CHS, "must be 0 to 2"),
    RANGE(slot, 0, SLOT_COUNT - 1, "must be 0 or 1"),
    RANGE(a20_method, A20_ALREADY_ON, A20_KBC, "must be 0 to 3"),
    RANGE(map_source, MAP_E820, MAP_88, "must be 0 to 2"),
    RANGE(partition_count, 0, MBR_TABLE_ENTRIES, "must be 0 to 4"),
    RANGE(low_memory_kib, LOW_MEMORY_NEEDED / 1024, 640, "must be 192 to 640"),
    RANGE(ebda_segment, 0, 0xFFFF, "must be a segment"),
    RANGE(reserved0, 0, 0, "must be 0"),
    RANGE(sector_size, SECTOR_SIZE, SECTOR_SIZE, "must be 512"),
    RANGE(chs_cylinders, 0, 1024, "must be 0 to 1024"),
    RANGE(chs_sectors, 0, 63, "must be 0 to 63"),
    RANGE(manifest_copy, 0, MANIFEST_COPIES - 1, "must be 0 or 1"),
    RANGE(manifest_seq, 1, UINT64_MAX, "must not be 0"),
    RANGE(cmdline, CMDLINE_BASE, CMDLINE_BASE, "must be the command line's region"),
    RANGE(e820, E820_BASE, E820_BASE, "must be the memory map's region"),
    RANGE(e820_count, 1, E820_MAX, "must be 1 to 256"),
    RANGE(reserved1, 0, 0, "must be 0"),
    RANGE(cpuid_max, 1, CPUID_EXT_FIRST - 1, "must be 1 or more, with bit 31 clear"),
    RANGE(cpuid_ext_max, CPUID_EXT_FEATURES, UINT32_MAX, "must be 80000001 or more"),
    RANGE(timeline_count, 1, TIMELINE_MAX, "must be 1 to 64"),
};

static uint64_t field_value(const struct bootinfo *info, const struct range_rule *range)
{
    uint64_t value = 0;

    memcpy(&value, (const uint8_t *)info + range->offset, range->size); /* little-endian */
    return value;
}

static bool check_ranges(const struct bootinfo *info, struct bootinfo_fault *fault)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint64_t value = field_value(info, &ranges[i]);

        if (value < ranges[i].minimum || value > ranges[i].maximum) {
            return REPORT(fault, ranges[i].field, value, ranges[i].rule);
        }
    }
    return true;
}

/* What makes the rest readable at all: nothing else is looked at before these hold. */
static bool check_identity(const struct bootinfo *info, struct bootinfo_fault *fault)
{
    uint32_t crc;

    if (info->magic != BOOTINFO_MAGIC) {
        return REPORT(fault, "magic", info->magic, "must be S0INFO");
    }
    if (info->version != BOOTINFO_VERSION) {
        return REPORT(fault, "version", info->version, "must be 1: loader and kernel do not match");
    }
    if (info->size != sizeof(*info)) {
        return REPORT(fault, "size", info->size, "must be the size that this kernel knows");
    }
    crc = crc32c(info, offsetof(struct bootinfo, crc32c));
    if (info->crc32c != crc) {
        return REPORT(fault, "crc32c", info->crc32c, "must fit the bytes before it");
    }
    return true;
}

static bool check_kernel(const struct bootinfo *info, const struct kernel_header *header,
                         struct bootinfo_fault *fault)
{
    uint8_t any = 0;

    if (info->kernel_length != header->length) {
        return REPORT(fault, "kernel_length", info->kernel_length,
                      "must be as in the kernel header");
    }
    if (info->kernel_mem_size != header->mem_size) {
        return REPORT(fault, "kernel_mem_size", info->kernel_mem_size,
                      "must be as in the kernel header");
    }
    for (size_t i = 0; i < sizeof(info->merkle_root); i++) {
        any |= info->merkle_root[i];
    }
    if (any == 0) {
        return REPORT(fault, "merkle_root", 0, "must not be all zero");
    }
    return true;
}

static bool check_machine(const struct bootinfo *info, struct bootinfo_fault *fault)
{
    uint16_t crtc = info->vga_crtc_port;

    if (info->flags & ~(uint32_t)KNOWN_FLAGS) {
        return REPORT(fault, "flags", info->flags, "must have known bits only");
    }
    if (!(info->cpuid_ext_edx & CPUID_EXT_EDX_LONG_MODE)) {
        return REPORT(fault, "cpuid_ext_edx", info->cpuid_ext_edx, "must have bit 29, long mode");
    }
    /* Without a VGA there is no CRTC port either. */
    if (crtc != 0x3D4 && crtc != 0x3B4 && crtc != 0) {
        return REPORT(fault, "vga_crtc_port", crtc, "must be 3d4, 3b4 or 0");
    }
    if (crtc != 0 && info->vga_columns == 0) {
        return REPORT(fault, "vga_columns", info->vga_columns, "must not be 0");
    }
    if (crtc != 0 && info->vga_cursor_column >= info->vga_columns) {
        return REPORT(fault, "vga_cursor_column", info->vga_cursor_column, "must be on the screen");
    }
    if (crtc != 0 && info->vga_cursor_row >= info->vga_rows) {
        return REPORT(fault, "vga_cursor_row", info->vga_cursor_row, "must be on the screen");
    }
    return true;
}

static bool check_timeline(const struct bootinfo *info, struct bootinfo_fault *fault)
{
    uint64_t last = 0;

    for (size_t i = 0; i < info->timeline_count; i++) {
        const struct timeline_entry *entry = &info->timeline[i];

        if (entry->step < 1 || entry->step > LAST_LOADER_STEP) {
            return REPORT(fault, "timeline.step", entry->step, "must be 1 to 15");
        }
        if (entry->reserved != 0) {
            return REPORT(fault, "timeline.reserved", entry->reserved, "must be 0");
        }
        if (entry->tsc < last) {
            return REPORT(fault, "timeline.tsc", entry->tsc, "must not go back");
        }
        last = entry->tsc;
    }
    return true;
}

static bool check_reserved(const struct bootinfo *info, struct bootinfo_fault *fault)
{
    for (size_t i = 0; i < sizeof(info->reserved2); i++) {
        if (info->reserved2[i] != 0) {
            return REPORT(fault, "reserved2", info->reserved2[i], "must be 0");
        }
    }
    return true;
}

bool bootinfo_take(uint64_t phys, const void *low_memory, const struct kernel_header *header,
                   struct boot_facts *facts, struct bootinfo_fault *fault)
{
    const uint8_t *memory = low_memory;
    struct bootinfo *info = &facts->info;

    if (phys != BOOTINFO_BASE) {
        return REPORT(fault, "address", phys, "must be the region of the hand-off");
    }
    memcpy(info, memory + phys, sizeof(*info));
    if (!check_identity(info, fault) || !check_ranges(info, fault) || !check_machine(info, fault) ||
        !check_kernel(info, header, fault) || !check_timeline(info, fault) ||
        !check_reserved(info, fault)) {
        return false;
    }
    memcpy(facts->cmdline, memory + info->cmdline, sizeof(facts->cmdline));
    memcpy(facts->e820, memory + info->e820, info->e820_count * sizeof(facts->e820[0]));
    for (size_t i = 0; i < sizeof(facts->cmdline); i++) {
        if (facts->cmdline[i] == '\0') {
            return true;
        }
    }
    return REPORT(fault, "cmdline", info->cmdline, "must point at a text with an end");
}
