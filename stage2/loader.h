/*
 * loader.h - what the 32-bit C of stage 2 shares with its 16-bit assembly. The variables are
 * defined in load.asm and print.asm; the functions are called through call32 (modes.asm), or
 * directly from 32-bit assembly.
 */
#ifndef SECTOR0_LOADER_H
#define SECTOR0_LOADER_H

#include "../lib/crc32c.h"
#include "../lib/merkle.h"
#include "manifest.h"

/* Fixed places of include/layout.h, named by the linker script. */
extern struct bootinfo bootinfo;
extern char cmdline[CMDLINE_SIZE];
extern const struct e820_entry memory_map[E820_MAX];
extern const struct manifest manifests[MANIFEST_COPIES];
extern const uint8_t bounce[BOUNCE_END - BOUNCE_BASE];
extern uint64_t page_tables[PAGE_TABLES_COUNT][512];
extern uint8_t kernel[KERNEL_PHYS_LIMIT - KERNEL_PHYS];

extern uint32_t error_args[8];                    /* what the % in a text stand for */
extern uint32_t manifest_status[MANIFEST_COPIES]; /* E_* of each copy, 0 = valid */
extern const struct manifest *manifest;           /* the copy that won */
extern uint32_t slot_choice;                      /* slot to try first */
extern uint32_t slot_index;                       /* slot being tried */
extern const struct boot_slot *slot;              /* the same */
extern uint32_t piece_offset;                     /* bytes of the kernel that are in place */
extern uint32_t piece_sectors;                    /* sectors in the bounce buffer */
extern const uint8_t stage2_pin[MERKLE_ROOT_SIZE];

uint32_t disk_facts(void);
uint32_t manifest_choose(void);
uint32_t slot_check(void);
uint32_t piece_take(void);
uint32_t kernel_verify(void);

/* Fill all PAGE_TABLES_COUNT pages (paging.c). */
void page_tables_build(void);

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

#endif
