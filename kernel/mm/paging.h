/*
 * paging.h - gives each part of the kernel the access it needs, and nothing more.
 *
 * The loader hands over 2 MiB pages that allow everything. Those that hold the kernel are split:
 *
 *   code      R-X         constants  R--         data, .bss, the rest of memory  RW-
 *   page 0, and the guard page below each stack: not mapped
 *
 * and the lower half of the address space, which the loader needed, is unmapped as a whole, so that
 * every null pointer faults, however large the offset behind it.
 */
#ifndef SECTOR0_KERNEL_MM_PAGING_H
#define SECTOR0_KERNEL_MM_PAGING_H

#include <stdbool.h>

/*
 * Set all that up, in the loader's page tables. HAS_NX: the CPU knows pages that cannot be
 * executed. Afterwards only addresses from KERNEL_VIRT_BASE on work. Context: start-up, own GDT and
 * IDT loaded.
 */
void paging_protect_kernel(bool has_nx);

#endif
