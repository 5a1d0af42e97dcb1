/*
 * paging.h - the kernel's own page tables, which make the address space that address.h draws.
 *
 * No page is writable and executable, none is the user's; code and constants have no writable alias
 * either. (On a CPU without NX everything that can be read can be executed.)
 */
#ifndef SECTOR0_KERNEL_MM_PAGING_H
#define SECTOR0_KERNEL_MM_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "include/bootinfo.h"
#include "kernel/mm/pagetable.h"
#include "kernel/mm/vmap.h"

/*
 * Build the tables, switch to them, and turn on what the CPU has to make them count: WP, NX, global
 * pages, SMEP, SMAP, UMIP. Memory of the map that cannot be used (it is not there, lies beyond the
 * direct map, or there is no room for its struct frames) is taken out of the map, and logged.
 * Afterwards the loader's memory is free, and only the addresses of address.h work.
 * Context: start-up, own GDT and IDT loaded, memory_start done.
 */
void paging_start(const struct bootinfo *info);

/* pagetable_map in these tables, without telling the CPU. Context: start-up. */
bool paging_map(uint64_t virt, uint64_t phys, uint64_t size, uint64_t flags);

/*
 * Map fresh, zeroed frames at [ADDRESS, ADDRESS + SIZE), rounded out to pages, RW-; pages that are
 * mapped already stay. Returns false if memory is short. Context: start-up.
 */
bool paging_map_fresh(uint64_t address, uint64_t size);

/*
 * The entry of level 1 for ADDRESS, one of address.h's that no large page spans; its tables are
 * made if they are missing. It stays where it is for ever. Returns NULL if memory is short.
 * Context: any but an interrupt.
 */
uint64_t *paging_entry(uint64_t address);

/* What an entry for a page of data says besides its address, with its memory cached like CACHE. */
uint64_t paging_data_flags(enum vmap_cache cache);

/* The first physical address that the CPU does not have. Context: any. */
uint64_t paging_physical_end(void);

/* pagetable_walk through the tables in use, by memory that is there. Context: any, a panic too. */
unsigned paging_walk(uint64_t address, struct walk *walk);

struct paging_stats {
    uint64_t tables;        /* frames that are page tables */
    uint64_t frame_records; /* frames that hold the struct frames */
};

/* Context: any. */
void paging_get_stats(struct paging_stats *stats);

#endif
