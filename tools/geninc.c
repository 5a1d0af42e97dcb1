/*
 * geninc.c - prints, as NASM source, what C headers say: structure offsets, the boot steps and the
 * loader's error texts. The plain numbers of include/layout.h come through the preprocessor instead
 * (see the Makefile). Runs on the host; all shared structures have the same layout everywhere.
 */
#include <stdio.h>
#include <string.h>

#include "../include/bootinfo.h"
#include "../include/loader_errors.h"
#include "../include/manifest.h"
#include "../include/tour.h"

#define OFFSET(type, field)                                                                        \
    printf("%%define %s_%s %zu\n", #type, #field, offsetof(struct type, field))
#define NUMBER(name) printf("%%define %s %llu\n", #name, (unsigned long long)(name))

static void print_structures(void)
{
    OFFSET(stage1_record, tsc), OFFSET(stage1_record, drive), OFFSET(stage1_record, drive_given);
    OFFSET(stage1_record, status), OFFSET(stage1_record, scratch);

    OFFSET(bootinfo, magic), OFFSET(bootinfo, version), OFFSET(bootinfo, size);
    OFFSET(bootinfo, flags), OFFSET(bootinfo, drive), OFFSET(bootinfo, drive_given);
    OFFSET(bootinfo, stage1_status), OFFSET(bootinfo, read_method), OFFSET(bootinfo, slot);
    OFFSET(bootinfo, a20_method), OFFSET(bootinfo, map_source), OFFSET(bootinfo, partition_count);
    OFFSET(bootinfo, disk_signature), OFFSET(bootinfo, mbr_crc32c);
    OFFSET(bootinfo, low_memory_kib), OFFSET(bootinfo, ebda_segment), OFFSET(bootinfo, retries);
    OFFSET(bootinfo, edd_version), OFFSET(bootinfo, edd_api), OFFSET(bootinfo, edd_flags);
    OFFSET(bootinfo, sector_size), OFFSET(bootinfo, disk_sectors);
    OFFSET(bootinfo, chs_cylinders), OFFSET(bootinfo, chs_heads), OFFSET(bootinfo, chs_sectors);
    OFFSET(bootinfo, manifest_copy), OFFSET(bootinfo, manifest_seq);
    OFFSET(bootinfo, kernel_length), OFFSET(bootinfo, kernel_mem_size);
    OFFSET(bootinfo, merkle_root), OFFSET(bootinfo, read_tsc), OFFSET(bootinfo, verify_tsc);
    OFFSET(bootinfo, cmdline), OFFSET(bootinfo, e820), OFFSET(bootinfo, e820_count);
    OFFSET(bootinfo, vga_mode), OFFSET(bootinfo, vga_columns), OFFSET(bootinfo, vga_rows);
    OFFSET(bootinfo, vga_cursor_row), OFFSET(bootinfo, vga_cursor_column);
    OFFSET(bootinfo, vga_crtc_port), OFFSET(bootinfo, cpuid_max), OFFSET(bootinfo, cpuid_ext_max);
    OFFSET(bootinfo, cpuid_1_edx), OFFSET(bootinfo, cpuid_1_ecx), OFFSET(bootinfo, cpuid_ext_edx);
    OFFSET(bootinfo, cpu_vendor), OFFSET(bootinfo, timeline_count), OFFSET(bootinfo, timeline);
    OFFSET(bootinfo, crc32c);
    printf("%%define bootinfo_sizeof %zu\n", sizeof(struct bootinfo));

    OFFSET(manifest, menu), OFFSET(manifest, menu_timeout_s);
    OFFSET(boot_slot, first_lba), OFFSET(boot_slot, length), OFFSET(boot_slot, entry_virt);
}

static void print_constants(void)
{
    NUMBER(BOOTINFO_MAGIC), NUMBER(BOOTINFO_VERSION), NUMBER(TIMELINE_MAX);
    NUMBER(READ_EDD), NUMBER(READ_SINGLE), NUMBER(READ_CHS);
    NUMBER(A20_ALREADY_ON), NUMBER(A20_INT15), NUMBER(A20_PORT92), NUMBER(A20_KBC);
    NUMBER(MAP_E820), NUMBER(MAP_E801), NUMBER(MAP_88);
    NUMBER(BOOT_FLAG_COM1), NUMBER(BOOT_FLAG_E9), NUMBER(BOOT_FLAG_FALLBACK);
    NUMBER(BOOT_FLAG_PINNED), NUMBER(BOOT_FLAG_MANIFEST_BAD), NUMBER(BOOT_FLAG_MENU);
    NUMBER(E820_USABLE), NUMBER(E820_RESERVED);
    printf("%%define KERNEL_MAGIC_0 0x%02x%02x%02x%02x\n", KERNEL_MAGIC[3], KERNEL_MAGIC[2],
           KERNEL_MAGIC[1], KERNEL_MAGIC[0]);
    printf("%%define KERNEL_MAGIC_1 0x%02x%02x%02x%02x\n", KERNEL_MAGIC[7], KERNEL_MAGIC[6],
           KERNEL_MAGIC[5], KERNEL_MAGIC[4]);
}

static void print_error(unsigned code, const char *name, const char *text)
{
    printf("%%define E_%s %u\n", name, code);
    printf("%%macro ERROR_TEXT_%s 0\n    db %u, ", name, code);
    for (const char *c = text; *c != '\0'; c++) {
        printf("%u,", (unsigned char)*c);
    }
    printf("0 ; %s\n%%endmacro\n", text);
}

int main(void)
{
    printf("; Made by tools/geninc.c from include/*.h. Do not edit.\n");
    print_structures();
    print_constants();

#define STEP(number, name, text)                                                                   \
    printf("%%define TOUR_%s %u\n%%define TOURLABEL_%s tour_%02u_%s\n", #name, number, #name,      \
           number, #name);
    TOUR_STEPS(STEP)

#define ERROR(code, name, text, advice) print_error(code, #name, text);
    LOADER_ERRORS(ERROR)

    /* The table of all texts, in one macro: stage 2 puts it where its constants are. */
    printf("%%macro ERROR_TEXTS 0\n");
#define ENTRY(code, name, text, advice)                                                            \
    if (code >= 10) {                                                                              \
        printf("    ERROR_TEXT_%s\n", #name);                                                      \
    }
    LOADER_ERRORS(ENTRY)
    printf("    db 0\n%%endmacro\n");
    return 0;
}
