/*
 * memory.h - makes parts of the made-up physical memory of tests/fakes/kernel/mm/address.h exist.
 */
#ifndef SECTOR0_FAKES_MEMORY_H
#define SECTOR0_FAKES_MEMORY_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kernel/mm/frame.h"

static inline void fake_memory_map_at(uint64_t address, uint64_t length)
{
    void *wanted = (void *)(uintptr_t)address;

    if (mmap(wanted, length, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != wanted) {
        perror("mmap");
        abort();
    }
}

/*
 * Let physical memory from PHYS to PHYS + LENGTH exist, zeroed, and the part of the array of frames
 * that frame.h asks for. What was there is forgotten.
 */
static inline void fake_memory_map(uint64_t phys, uint64_t length)
{
    uint64_t first = phys / FRAME_BLOCK_MAX;
    uint64_t after = (phys + length + FRAME_BLOCK_MAX - 1) / FRAME_BLOCK_MAX;

    fake_memory_map_at(DIRECT_BASE + phys, length);
    fake_memory_map_at(FRAMES_BASE + first * FRAME_ARRAY_PART, (after - first) * FRAME_ARRAY_PART);
}

#endif
