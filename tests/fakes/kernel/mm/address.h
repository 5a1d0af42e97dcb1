/*
 * address.h - stands in front of kernel/mm/address.h in unit tests and the host's benchmark:
 * physical memory, the array of frames and large allocations lie at fixed addresses of the host's
 * own address space, so that the code under test is compiled as in the kernel. What of it exists is
 * said by fake_memory_map in tests/fakes/memory.h.
 */
#ifndef SECTOR0_FAKES_ADDRESS_H
#define SECTOR0_FAKES_ADDRESS_H

#include <stdint.h>

#define PAGE_SIZE   4096

#ifndef DIRECT_BASE
#define DIRECT_BASE 0x0000200000000000ull
#endif
#define DIRECT_SIZE 0x0000100000000000ull
#define FRAMES_BASE 0x0000400000000000ull
#define VMAP_BASE   0x0000500000000000ull
#define VMAP_SIZE   0x0000004000000000ull
#define SHADOW_BASE 0x0000600000000000ull

static inline void *phys_to_virt(uint64_t phys)
{
    return (void *)(uintptr_t)(DIRECT_BASE + phys);
}

static inline uint64_t virt_to_phys(const void *virt)
{
    return (uint64_t)(uintptr_t)virt - DIRECT_BASE;
}

#endif
