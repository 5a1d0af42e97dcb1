/*
 * address.h - the kernel's address space, and how physical and virtual addresses belong together.
 *
 *   0000000000000000-00007FFFFFFFFFFF  nothing: every null pointer faults, whatever its offset
 *   FFFF800000000000 DIRECT_BASE       all of RAM, physical 0 first; RW-, page 0 unmapped, the
 *                                      kernel's code and constants R--
 *   FFFFC00000000000 FRAMES_BASE       struct frame of every frame of RAM, mapped where RAM is
 *   FFFFD00000000000 VMAP_BASE         thread stacks, devices, large allocations (vmap.h)
 *   FFFFE00000000000 SHADOW_BASE       KASAN's shadow of the direct map, in such builds only
 *   FFFFFFFF80000000 KERNEL_VIRT_BASE  physical 4 KiB to 1 MiB, RW-: the BIOS's data, video memory
 *   FFFFFFFF80100000 KERNEL_VIRT       the kernel's image: R--, R-X, RW-
 *
 * Portable: unit tests put an address.h of their own in front, in which physical memory is an
 * array.
 */
#ifndef SECTOR0_KERNEL_MM_ADDRESS_H
#define SECTOR0_KERNEL_MM_ADDRESS_H

#include <stdint.h>

#include "include/layout.h"

#define PAGE_SIZE   4096

#define DIRECT_BASE 0xFFFF800000000000ull
#define DIRECT_SIZE 0x0000400000000000ull /* 64 TiB: RAM beyond it is not used */
#define FRAMES_BASE 0xFFFFC00000000000ull
#define VMAP_BASE   0xFFFFD00000000000ull
#define VMAP_SIZE   0x0000004000000000ull /* 256 GiB */
#define SHADOW_BASE 0xFFFFE00000000000ull

/* The kernel's view of RAM at physical address PHYS. Context: any, once paging has started. */
static inline void *phys_to_virt(uint64_t phys)
{
    return (void *)(uintptr_t)(DIRECT_BASE + phys);
}

/* The physical address behind VIRT, in the direct map or the kernel's image. Context: any. */
static inline uint64_t virt_to_phys(const void *virt)
{
    uint64_t address = (uint64_t)(uintptr_t)virt;

    return address >= KERNEL_VIRT_BASE ? address - KERNEL_VIRT_BASE : address - DIRECT_BASE;
}

#endif
