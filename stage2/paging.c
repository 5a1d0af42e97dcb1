/*
 * paging.c - the seven pages of page tables that the kernel starts on. [SDM3 4.5]
 *
 *     PML4[0]   -> PDPT low  [0..3]  -> PD 0..3    0 - 4 GiB at 0, 2 MiB pages
 *     PML4[511] -> PDPT high [510]   -> PD 0       0 - 1 GiB again at KERNEL_VIRT_BASE
 *
 * Always 4 GiB, whatever the memory map says: its highest entry may be at 1 TiB. Present, writable,
 * write-back, supervisor; no bit that a CPU without NX or PAT would not know.
 */
#include "loader.h"

#define ENTRIES           512
#define PAGE_SIZE         4096
#define PTE_P             (1u << 0)
#define PTE_RW            (1u << 1)
#define PTE_PS            (1u << 7) /* a 2 MiB page */
#define LARGE_PAGE        0x200000u
#define LOW_DIRECTORIES   4
#define KERNEL_PML4_INDEX 511
#define KERNEL_PDPT_INDEX 510

enum { PML4, PDPT_LOW, PD, PDPT_HIGH = PD + LOW_DIRECTORIES, TABLES };
_Static_assert(TABLES == PAGE_TABLES_COUNT, "layout.h counts the tables");
_Static_assert(PAGE_TABLES_BASE + TABLES * PAGE_SIZE == PAGE_TABLES_END, "layout.h has their room");

static uint64_t pointer_to(unsigned table)
{
    return (uint32_t)page_tables[table] | PTE_P | PTE_RW;
}

void page_tables_build(void)
{
    memset(page_tables, 0, sizeof page_tables);
    page_tables[PML4][0] = pointer_to(PDPT_LOW);
    page_tables[PML4][KERNEL_PML4_INDEX] = pointer_to(PDPT_HIGH);
    page_tables[PDPT_HIGH][KERNEL_PDPT_INDEX] = pointer_to(PD);
    for (unsigned i = 0; i < LOW_DIRECTORIES; i++) {
        page_tables[PDPT_LOW][i] = pointer_to(PD + i);
    }
    for (uint32_t page = 0; page < LOW_DIRECTORIES * ENTRIES; page++) {
        page_tables[PD + page / ENTRIES][page % ENTRIES] =
            (uint64_t)page * LARGE_PAGE | PTE_P | PTE_RW | PTE_PS;
    }
}
