/*
 * manifest.h - what mkdisk writes into the boot area and the loader reads back.
 *
 * All fields are little-endian. Everything here is hostile until stage2/manifest.c has checked it.
 */
#ifndef SECTOR0_MANIFEST_H
#define SECTOR0_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define MANIFEST_MAGIC   "S0BOOT\0" /* 8 bytes with the literal's own NUL */
#define MANIFEST_VERSION 1
#define KERNEL_MAGIC     "S0KERNL" /* 8 bytes with the literal's own NUL */
#define MERKLE_ROOT_SIZE 32

/* Bytes 4-10 of stage 1, filled in by mkdisk. Packed: it starts at an even offset, crc at 7. */
struct __attribute__((packed)) stage1_patch {
    uint8_t sectors; /* length of stage 2, 1 to STAGE2_MAX_SECTORS */
    uint16_t end;    /* STAGE2_BASE + sectors * 512 */
    uint32_t crc32c; /* register before the final inversion, over sectors * 512 bytes */
};
_Static_assert(sizeof(struct stage1_patch) == STAGE1_PATCH_SIZE, "stage 1 has 7 patched bytes");

struct boot_slot {
    uint32_t first_lba;
    uint32_t sectors;    /* capacity */
    uint32_t length;     /* bytes used; 0 = empty */
    uint32_t mem_size;   /* length + .bss, a multiple of 4 KiB */
    uint64_t load_phys;  /* always KERNEL_PHYS */
    uint64_t entry_virt; /* first instruction, KERNEL_VIRT <= entry < KERNEL_VIRT + length */
    uint8_t merkle_root[MERKLE_ROOT_SIZE];
};
_Static_assert(sizeof(struct boot_slot) == 64, "boot_slot is 64 bytes on disk");
_Static_assert(offsetof(struct boot_slot, merkle_root) == 32, "boot_slot layout");

struct manifest {
    char magic[8];     /* MANIFEST_MAGIC */
    uint32_t version;  /* MANIFEST_VERSION */
    uint32_t size;     /* sizeof(struct manifest) */
    uint64_t seq;      /* from 1; the valid copy with the higher one wins, copy 0 when equal */
    uint8_t preferred; /* slot to try first, 0 or 1 */
    uint8_t menu;      /* 0: the menu opens on request only; 1: it also waits menu_timeout_s */
    uint16_t menu_timeout_s;
    uint32_t reserved0; /* zero */
    struct boot_slot slot[SLOT_COUNT];
    char cmdline[CMDLINE_SIZE]; /* NUL-terminated inside */
    uint8_t reserved1[92];      /* zero */
    uint32_t crc32c;            /* of bytes 0-507, the usual inverted form */
};
_Static_assert(sizeof(struct manifest) == SECTOR_SIZE, "a manifest is one sector");
_Static_assert(offsetof(struct manifest, slot) == 32, "manifest layout");
_Static_assert(offsetof(struct manifest, cmdline) == 160, "manifest layout");
_Static_assert(offsetof(struct manifest, crc32c) == 508, "manifest layout");

/* The first 32 bytes of kernel.bin, inside the verified bytes; the manifest must say the same. */
struct kernel_header {
    char magic[8];     /* KERNEL_MAGIC */
    uint32_t length;   /* bytes of kernel.bin */
    uint32_t mem_size; /* length + .bss, rounded up to 4 KiB */
    uint64_t entry_virt;
    uint64_t reserved; /* zero */
};
_Static_assert(sizeof(struct kernel_header) == 32, "kernel_header is 32 bytes");

struct __attribute__((packed)) mbr_partition {
    uint8_t status; /* 80h active, 00h not */
    uint8_t chs_first[3];
    uint8_t type; /* 0 = unused entry */
    uint8_t chs_last[3];
    uint32_t first_lba;
    uint32_t sectors;
};
_Static_assert(sizeof(struct mbr_partition) == MBR_ENTRY_SIZE, "partition entry is 16 bytes");

#endif
