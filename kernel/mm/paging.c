/*
 * paging.c - see paging.h. [SDM3 4.5]
 *
 * The loader's tables are changed in place: its PML4, the page directory pointers of the upper
 * half, and the one page directory (1 GiB) that both halves share. Only the page tables of the
 * split pages are new; there are enough for every place the loader accepts a kernel at.
 */
#include "kernel/mm/paging.h"

#include <stddef.h>
#include <stdint.h>

#include "kernel/cpu/cpu.h"
#include "kernel/image.h"
#include "kernel/panic.h"

#define PAGE_PRESENT    (1ull << 0)
#define PAGE_WRITABLE   (1ull << 1)
#define PAGE_LARGE      (1ull << 7)
#define PAGE_NO_EXECUTE (1ull << 63)
#define PAGE_ADDRESS    0x000FFFFFFFFFF000ull

#define TABLE_ENTRIES   512
#define LARGE_PAGE_SIZE 0x200000ull

/* One page table for each 2 MiB below the limit that kernels must end at. */
#define SPLIT_MAX ((KERNEL_PHYS_LIMIT + LARGE_PAGE_SIZE - 1) / LARGE_PAGE_SIZE)

static uint64_t tables[SPLIT_MAX][TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));

static uint64_t no_execute; /* PAGE_NO_EXECUTE, or 0 on a CPU that would call it reserved */

static uint64_t *table_behind(uint64_t entry)
{
    return phys_to_virt(entry & PAGE_ADDRESS);
}

static uint64_t *top_table(void)
{
    return phys_to_virt(cpu_read_cr3() & PAGE_ADDRESS);
}

/* The page directory of the 1 GiB at KERNEL_VIRT_BASE. */
static uint64_t *kernel_directory(void)
{
    uint64_t pml4e = top_table()[KERNEL_VIRT_BASE >> 39 & (TABLE_ENTRIES - 1)];
    uint64_t pdpte = table_behind(pml4e)[KERNEL_VIRT_BASE >> 30 & (TABLE_ENTRIES - 1)];

    ASSERT((pml4e & PAGE_PRESENT) && (pdpte & PAGE_PRESENT), "PML4E %llx, PDPTE %llx",
           (unsigned long long)pml4e, (unsigned long long)pdpte);
    return table_behind(pdpte);
}

static bool inside(uint64_t phys, const char *start, const char *end)
{
    return phys >= virt_to_phys(start) && phys < virt_to_phys(end);
}

/* The rights of the 4 KiB page at PHYS; 0 if it is not to be mapped. */
static uint64_t page_rights(uint64_t phys)
{
    if (phys == 0 || phys == virt_to_phys(boot_stack_guard) ||
        phys == virt_to_phys(double_fault_stack_guard) || phys == virt_to_phys(nmi_stack_guard) ||
        phys == virt_to_phys(machine_check_stack_guard)) {
        return 0;
    }
    if (inside(phys, kernel_text_start, kernel_text_end)) {
        return PAGE_PRESENT;
    }
    if (inside(phys, kernel_start, kernel_text_start)) {
        return PAGE_PRESENT | no_execute;
    }
    return PAGE_PRESENT | PAGE_WRITABLE | no_execute;
}

/* Replace large page INDEX of DIRECTORY by 512 small ones. */
static void split(uint64_t *directory, size_t index)
{
    uint64_t *table = tables[index];

    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t phys = index * LARGE_PAGE_SIZE + i * PAGE_SIZE;
        uint64_t rights = page_rights(phys);

        table[i] = rights == 0 ? 0 : phys | rights;
    }
    directory[index] = virt_to_phys(table) | PAGE_PRESENT | PAGE_WRITABLE;
}

void paging_protect_kernel(bool has_nx)
{
    uint64_t *directory = kernel_directory();
    size_t split_count = (virt_to_phys(kernel_end) + LARGE_PAGE_SIZE - 1) / LARGE_PAGE_SIZE;

    ASSERT(split_count <= SPLIT_MAX, "kernel ends at %p", (void *)kernel_end);
    if (has_nx) {
        cpu_write_msr(MSR_EFER, cpu_read_msr(MSR_EFER) | EFER_NXE);
        no_execute = PAGE_NO_EXECUTE;
    }
    for (size_t i = 0; i < split_count; i++) {
        split(directory, i);
    }
    for (size_t i = split_count; i < TABLE_ENTRIES; i++) {
        directory[i] |= no_execute;
    }
    top_table()[0] = 0;
    /* The Bochs BIOS leaves the caches off. */
    cpu_write_cr0((cpu_read_cr0() | CR0_WP) &
                  ~(uint64_t)(CR0_CACHE_DISABLE | CR0_NOT_WRITE_THROUGH));
    cpu_write_cr3(cpu_read_cr3()); /* forget what the CPU remembers of the old tables */
}
