/*
 * pagetable.h - the CPU's page tables as a data structure: map, unmap, split and walk.
 * [SDM3 4.5, AMD2 5.3]
 *
 *   PML4 (level 4) -> page directory pointers (3) -> page directory (2) -> page table (1)
 *
 * An entry of level 1 maps 4 KiB; one of level 2 or 3 with PAGE_LARGE maps 2 MiB or 1 GiB.
 * Rights add up on the way down, so tables allow everything and the last entry decides.
 *
 * Portable, and without a state of its own: how tables are allocated and reached is the caller's.
 * Tables are never given back: a part of the address space that was used once is used again.
 * Whoever changes what is mapped tells the CPU (cpu_invalidate_page), and guards the tables against
 * others.
 */
#ifndef SECTOR0_KERNEL_MM_PAGETABLE_H
#define SECTOR0_KERNEL_MM_PAGETABLE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_PRESENT       (1ull << 0)
#define PAGE_WRITABLE      (1ull << 1)
#define PAGE_USER          (1ull << 2)
#define PAGE_WRITE_THROUGH (1ull << 3) /* with the next one: an index into the PAT */
#define PAGE_CACHE_DISABLE (1ull << 4)
#define PAGE_ACCESSED      (1ull << 5)
#define PAGE_DIRTY         (1ull << 6)
#define PAGE_LARGE         (1ull << 7) /* levels 2 and 3; bit 2 of the PAT index on level 1 */
#define PAGE_GLOBAL        (1ull << 8) /* survives a change of CR3 */
#define PAGE_NO_EXECUTE    (1ull << 63)
#define PAGE_ADDRESS       0x000FFFFFFFFFF000ull

#define PAGETABLE_LEVELS   4
#define PAGETABLE_ENTRIES  512
#define PAGETABLE_NO_FRAME UINT64_MAX

/* How many bytes an entry of LEVEL spans: 4 KiB, 2 MiB, 1 GiB, 512 GiB. */
#define PAGETABLE_SPAN(level) (1ull << (9 * ((level)-1) + 12))

struct pagetable {
    uint64_t root;                     /* physical address of the PML4 */
    unsigned largest_level;            /* of pages: 1, 2 or 3 */
    uint64_t (*new_table)(void);       /* a zeroed frame's address, or PAGETABLE_NO_FRAME */
    uint64_t *(*reach)(uint64_t phys); /* where the table at PHYS is; NULL: it is no memory */
};

/*
 * Map [VIRT, VIRT + SIZE), page aligned, to [PHYS, PHYS + SIZE), with the bits FLAGS in the entries
 * (PAGE_LARGE is added by itself), in the largest pages that fit and that no table stands in the
 * way of. FLAGS 0: unmap it. What was mapped there before is replaced; larger pages that stick out
 * are split. Returns false if there was no frame for a table: then a first part of the range is as
 * asked, the rest as before.
 */
bool pagetable_map(const struct pagetable *tables, uint64_t virt, uint64_t phys, uint64_t size,
                   uint64_t flags);

/*
 * The entry of level 1 for VIRT, which stays where it is for ever. Missing tables are made. Returns
 * NULL if there is no frame for one, or VIRT is inside a large page.
 */
uint64_t *pagetable_entry(const struct pagetable *tables, uint64_t virt);

/* How a walk ended, if not at the entry of level 1 to 4 that is not present. */
#define WALK_MAPPED        0
#define WALK_NOT_CANONICAL 5 /* bits 48 to 63 of the address are not all like bit 47 */
#define WALK_LOST          6 /* the last entry read points at a table that is no memory */

struct walk_step {
    uint64_t table; /* physical address */
    unsigned index;
    uint64_t entry;
};

struct walk {
    unsigned count; /* of entries that were read; step[0] is the PML4's */
    struct walk_step step[PAGETABLE_LEVELS];
    /* Only if the address is mapped: */
    uint64_t phys;      /* of the address itself */
    uint64_t page_size; /* bytes */
    bool writable, executable, user;
};

/*
 * Translate ADDRESS as the CPU does and note each step in *WALK. Returns WALK_MAPPED, the level (4
 * to 1) whose entry is not present, or one of the other ends above. Allocates nothing, changes
 * nothing: for a panic, too.
 */
unsigned pagetable_walk(const struct pagetable *tables, uint64_t address, struct walk *walk);

#endif
