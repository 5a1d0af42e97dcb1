/*
 * bootinfo.h - what stage 2 hands to the kernel.
 *
 * RDI holds the physical address of a struct bootinfo (BOOTINFO_BASE) when the kernel is entered.
 * It lies in low memory with everything it points to, and is the kernel's to copy before it gives
 * that memory away. docs/boot.md states the machine's whole state at the hand-over.
 */
#ifndef SECTOR0_BOOTINFO_H
#define SECTOR0_BOOTINFO_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define BOOTINFO_MAGIC   0x00004F464E493053 /* "S0INFO\0\0" */
#define BOOTINFO_VERSION 1
#define TIMELINE_MAX     64

/* How stage 2 reads the disk. */
#define READ_EDD    0 /* many sectors a call, AH=42h */
#define READ_SINGLE 1 /* one sector a call, AH=42h */
#define READ_CHS    2 /* one sector a call, AH=02h */

/* What opened A20. */
#define A20_ALREADY_ON 0
#define A20_INT15      1
#define A20_PORT92     2
#define A20_KBC        3

/* Where the memory map came from. */
#define MAP_E820 0
#define MAP_E801 1
#define MAP_88   2

/* bootinfo.flags */
#define BOOT_FLAG_COM1         1  /* COM1 answers, 115200 8N1 */
#define BOOT_FLAG_E9           2  /* port E9 answers */
#define BOOT_FLAG_FALLBACK     4  /* the preferred slot was refused, this is the other one */
#define BOOT_FLAG_PINNED       8  /* the Merkle root is pinned in stage 2 */
#define BOOT_FLAG_MANIFEST_BAD 16 /* one manifest copy was refused */
#define BOOT_FLAG_MENU         32 /* someone used the menu */

struct e820_entry {
    uint64_t base;   /* bytes */
    uint64_t length; /* bytes */
    uint32_t type;   /* E820_* */
    uint32_t attr;   /* ACPI 3.0 extended attributes, 1 if the BIOS gave none */
};
_Static_assert(sizeof(struct e820_entry) == E820_ENTRY_SIZE, "raw entries are 24 bytes apart");

#define E820_USABLE   1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4
#define E820_UNUSABLE 5

struct timeline_entry {
    uint32_t step;     /* number in TOUR_STEPS */
    uint32_t reserved; /* zero */
    uint64_t tsc;      /* when the step began */
};

/*
 * What stage 1 leaves for stage 2, at STAGE1_RECORD_BASE: it sets SP to STACK_TOP and pushes these,
 * the last one first. A push needs
 * no address, and stage 1 has no byte to spare.
 */
struct __attribute__((packed)) stage1_record {
    uint64_t tsc;        /* at the first instructions */
    uint8_t drive;       /* the BIOS drive that stage 2 was read from */
    uint8_t drive_given; /* DL as the BIOS gave it */
    uint8_t scratch;     /* AL of the last failed INT 13h, meaningless */
    uint8_t status;      /* AH of the last failed INT 13h, 0 if none failed */
};
_Static_assert(STAGE1_RECORD_BASE + sizeof(struct stage1_record) == STACK_TOP, "on the stack");

struct bootinfo {
    uint64_t magic;          /*   0 BOOTINFO_MAGIC */
    uint32_t version;        /*   8 BOOTINFO_VERSION */
    uint32_t size;           /*  12 sizeof(struct bootinfo) */
    uint32_t flags;          /*  16 BOOT_FLAG_* */
    uint8_t drive;           /*  20 BIOS drive number */
    uint8_t drive_given;     /*  21 DL at 7C00 */
    uint8_t stage1_status;   /*  22 AH of stage 1's last failed INT 13h, 0 = none failed */
    uint8_t read_method;     /*  23 READ_*, the worst that stage 2 needed */
    uint8_t slot;            /*  24 kernel slot, 0 = A, 1 = B */
    uint8_t a20_method;      /*  25 A20_* */
    uint8_t map_source;      /*  26 MAP_* */
    uint8_t partition_count; /*  27 used entries of the partition table */
    uint32_t disk_signature; /*  28 LBA 0, offset 440 */
    uint32_t mbr_crc32c;     /*  32 of LBA 0's 512 bytes as read from the disk, inverted form */
    uint32_t low_memory_kib; /*  36 INT 12h */
    uint32_t ebda_segment;   /*  40 word at 40:0E */
    uint32_t retries;        /*  44 INT 13h calls of stage 2 that failed and were repeated */

    /* EDD facts: zero where the BIOS has no EDD. */
    uint8_t edd_version;    /*  48 AH of 41h */
    uint8_t reserved0;      /*  49 zero */
    uint16_t edd_api;       /*  50 CX of 41h */
    uint16_t edd_flags;     /*  52 information flags of 48h */
    uint16_t sector_size;   /*  54 bytes, 512 */
    uint64_t disk_sectors;  /*  56 of 48h, 0 = unknown */
    uint16_t chs_cylinders; /*  64 of 08h, 0 = not asked */
    uint8_t chs_heads;      /*  66 0 = not asked; 255 means 255 or 256 */
    uint8_t chs_sectors;    /*  67 per track */

    uint32_t manifest_copy;   /*  68 0 or 1 */
    uint64_t manifest_seq;    /*  72 */
    uint32_t kernel_length;   /*  80 bytes loaded at KERNEL_PHYS */
    uint32_t kernel_mem_size; /*  84 bytes owned at KERNEL_PHYS, .bss zeroed */
    uint8_t merkle_root[32];  /*  88 as verified */
    uint64_t read_tsc;        /* 120 cycles spent reading the kernel */
    uint64_t verify_tsc;      /* 128 cycles spent copying and hashing it */

    uint64_t cmdline;    /* 136 physical address, NUL-terminated, < CMDLINE_SIZE */
    uint64_t e820;       /* 144 physical address of struct e820_entry[] */
    uint32_t e820_count; /* 152 1 to E820_MAX */

    /* VGA state as the BIOS left it. */
    uint8_t vga_mode;          /* 156 INT 10h AH=0F */
    uint8_t vga_columns;       /* 157 */
    uint8_t vga_rows;          /* 158 */
    uint8_t vga_cursor_row;    /* 159 */
    uint8_t vga_cursor_column; /* 160 */
    uint8_t reserved1;         /* 161 zero */
    uint16_t vga_crtc_port;    /* 162 3D4h colour, 3B4h monochrome */

    /* CPU facts. */
    uint32_t cpuid_max;     /* 164 highest basic leaf */
    uint32_t cpuid_ext_max; /* 168 highest extended leaf */
    uint32_t cpuid_1_edx;   /* 172 */
    uint32_t cpuid_1_ecx;   /* 176 */
    uint32_t cpuid_ext_edx; /* 180 leaf 80000001h */
    char cpu_vendor[12];    /* 184 */

    uint32_t timeline_count;                      /* 196 1 to TIMELINE_MAX */
    struct timeline_entry timeline[TIMELINE_MAX]; /* 200 */
    uint8_t reserved2[92];                        /* zero */
    uint32_t crc32c;                              /* of all bytes before it, inverted form */
};
_Static_assert(offsetof(struct bootinfo, edd_version) == 48, "bootinfo layout");
_Static_assert(offsetof(struct bootinfo, merkle_root) == 88, "bootinfo layout");
_Static_assert(offsetof(struct bootinfo, cmdline) == 136, "bootinfo layout");
_Static_assert(offsetof(struct bootinfo, timeline) == 200, "bootinfo layout");
_Static_assert(offsetof(struct bootinfo, crc32c) + 4 == sizeof(struct bootinfo), "no padding");
_Static_assert(sizeof(struct bootinfo) <= BOOTINFO_END - BOOTINFO_BASE, "bootinfo fits its region");

#endif
