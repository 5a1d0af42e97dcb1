/*
 * e820.h - makes a memory map that can be relied on out of what a BIOS says. Portable, no state; a
 * unit test compares it with a byte by byte model over thousands of random maps.
 *
 * BIOS maps come unsorted, overlapping, with empty, wrapping and unknown entries, and with holes
 * inside usable memory. The result is sorted, does not overlap, consists of whole pages, and says
 * "usable" only where every byte of a page was said to be usable and nobody said anything else.
 */
#ifndef SECTOR0_KERNEL_MM_E820_H
#define SECTOR0_KERNEL_MM_E820_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/bootinfo.h"

#define MEM_RANGES_MAX  160
#define MEM_PAGE        4096
#define MEM_ADDRESS_END 0x10000000000000 /* 2^52: no x86-64 CPU has more physical addresses */

/* The kernel's own marks, beside the BIOS's E820_* types. */
#define MEM_LOADER 0x80000001u /* page 0, and what the loader used */
#define MEM_KERNEL 0x80000002u

struct mem_range {
    uint64_t base;   /* bytes, page aligned */
    uint64_t length; /* bytes, a multiple of MEM_PAGE, not 0 */
    uint32_t type;   /* E820_USABLE ... E820_UNUSABLE, MEM_LOADER or MEM_KERNEL */
};

struct mem_map {
    size_t count;
    bool full; /* there were more ranges: what lies above the last one is not in the map */
    struct mem_range range[MEM_RANGES_MAX];
};

/*
 * Fill MAP from COUNT raw entries. Where entries overlap, the most restrictive type wins:
 *
 *   usable < loader < kernel < ACPI < NVS < reserved, and every unknown type < unusable
 *
 * All but usable ranges grow outward to whole pages, usable ones shrink inward. Empty entries are
 * skipped, addresses beyond MEM_ADDRESS_END are cut off. The ACPI attributes do not count: a BIOS
 * that leaves them 0 would lose all its memory. When MAP is full, memory is lost from the top; what
 * is in the map stays true.
 */
void e820_clean(struct mem_map *map, const struct e820_entry *raw, size_t count);

/* Whether there is RAM behind TYPE, in use or not. */
bool mem_type_is_ram(uint32_t type);

/* A short name for a type, at most 8 characters: "usable", "reserved", ... */
const char *e820_type_name(uint32_t type);

/*
 * The first byte after usable low memory: the smallest of what the map, INT 12h (LOW_KIB) and the
 * extended BIOS data area (EBDA_SEGMENT) say, because BIOSes disagree with themselves. The segment
 * is ignored where the loader itself has already run, as it cannot be right there.
 */
uint64_t e820_low_memory_end(const struct e820_entry *raw, size_t count, uint32_t low_kib,
                             uint32_t ebda_segment);

/* Bytes of TYPE in MAP, and the longest single range of it in *LARGEST if that is not NULL. */
uint64_t e820_total(const struct mem_map *map, uint32_t type, uint64_t *largest);

#endif
