/*
 * manifest.h - is this manifest, is this slot fit to boot from? Pure functions: no disk, no BIOS,
 * no global variable. Stage 2 and mkdisk ask the same code. Context: any.
 *
 * Everything on the disk is hostile until these have said 0. All arithmetic is in 64 bits.
 */
#ifndef SECTOR0_STAGE2_MANIFEST_H
#define SECTOR0_STAGE2_MANIFEST_H

#include "../include/bootinfo.h"
#include "../include/manifest.h"

/* enum loader_error: E_NAME = code, for every error of include/loader_errors.h. */
#include "../include/loader_errors.h"
#define LOADER_ERROR_ENUM(code, name, text, advice) E_##name = (code),
enum loader_error { LOADER_ERRORS(LOADER_ERROR_ENUM) };
#undef LOADER_ERROR_ENUM

/* What a slot must fit into. */
struct slot_limits {
    uint64_t end_lba;             /* first partition or end of the disk, whichever is lower */
    const struct e820_entry *map; /* raw entries, any order */
    uint32_t map_count;
};

/* What a refusal for want of memory can say. */
struct slot_memory {
    uint32_t needed_kib;  /* at KERNEL_PHYS */
    uint32_t present_kib; /* usable in one piece at KERNEL_PHYS */
};

/* Return 0 if the sector M is a valid manifest, else one of E_MANIFEST_*. */
int manifest_check(const struct manifest *m);

/*
 * Return which of COUNT manifests to use: the one whose STATUS is 0 with the highest sequence
 * number, the first of equals; -1 if there is none.
 */
int manifest_newest(const struct manifest *m, const uint32_t *status, int count);

/*
 * Return 0 if slot INDEX of the valid manifest M may be loaded within LIMITS, else one of E_SLOT_*;
 * for E_SLOT_MEMORY, and only then, MEMORY is filled in.
 */
int slot_judge(const struct manifest *m, unsigned index, const struct slot_limits *limits,
               struct slot_memory *memory);

/*
 * Return how many bytes from START on are usable without a gap: inside one usable entry of the map
 * and touched by no entry of another type.
 */
uint64_t map_usable_from(const struct e820_entry *map, uint32_t count, uint64_t start);

#endif
