/*
 * memory.h - which memory this machine has, and what of it is taken.
 */
#ifndef SECTOR0_KERNEL_MM_MEMORY_H
#define SECTOR0_KERNEL_MM_MEMORY_H

#include "kernel/bootinfo.h"
#include "kernel/mm/e820.h"

/*
 * Make the cleaned map from the BIOS's entries and our own marks, and log its totals. FACTS must
 * stay in memory. Context: start-up.
 */
void memory_start(const struct boot_facts *facts);

/* The cleaned map. Context: any, after memory_start. */
const struct mem_map *memory_map(void);

/*
 * Let range INDEX of the map end at END, since what lies behind cannot be used. If nothing is left
 * the range becomes unusable. Context: start-up.
 */
void memory_cut(size_t index, uint64_t end);

/* Whether PHYS is in memory that the direct map shows. Context: any, after paging_start. */
bool memory_is_ram(uint64_t phys);

/* The first byte after usable low memory. Context: any, after memory_start. */
uint64_t memory_low_end(void);

#endif
