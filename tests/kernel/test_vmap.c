/*
 * test_vmap.c - virtual areas and memory for devices on the real page tables: what is written is
 * kept, what lies beside faults, what was given back faults, and nothing is lost.
 */
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/probe.h"
#include "kernel/cpu/trap.h"
#include "kernel/mm/address.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/paging.h"
#include "kernel/mm/vmap.h"
#include "tests/kernel/guest_test.h"

#define PAGES      5
#define ROUNDS     200
#define OPCODE_RET 0xC3

static void write_at(void *address)
{
    __asm__ volatile("movb $1, (%0)" : : "r"(address) : "memory");
}

static void call_at(void *address)
{
    __asm__ volatile("call *%0" : : "r"(address) : "memory");
}

static bool faults(void (*access)(void *), void *address)
{
    struct trap_frame frame;
    uint64_t cr2 = 0;

    return !cpu_probe(access, address, &frame, &cr2) && frame.vector == EXCEPTION_PAGE_FAULT &&
           cr2 == (uintptr_t)address;
}

static uint64_t free_frames(void)
{
    struct frame_stats stats;

    frame_get_stats(&stats);
    return stats.free;
}

GUEST_TEST(vmalloc_is_guarded_memory)
{
    vfree(vmalloc(PAGES * PAGE_SIZE)); /* makes the page tables, which stay */
    uint64_t before = free_frames();
    uint64_t *area = vmalloc(PAGES * PAGE_SIZE);
    size_t words = PAGES * PAGE_SIZE / sizeof(*area);
    void *guarded = NULL;

    CHECK(area != NULL, "no memory");
    for (size_t i = 0; i < words; i++) {
        area[i] = i * 0x9E3779B97F4A7C15;
    }
    for (size_t i = 0; i < words; i++) {
        CHECK(area[i] == i * 0x9E3779B97F4A7C15, "word %zu", i);
    }
    CHECK(faults(write_at, (char *)area - 1), "just below");
    CHECK(faults(write_at, (char *)area + PAGES * PAGE_SIZE), "just above");
    CHECK(vmap_is_guard((uintptr_t)area - 8, &guarded) && guarded == area, "%p", guarded);
    if (cpu_read_msr(MSR_EFER) & EFER_NXE) {
        *(volatile uint8_t *)area = OPCODE_RET;
        CHECK(faults(call_at, area), "execution");
    }
    vfree(area);
    CHECK(faults(write_at, area), "after vfree");
    CHECK(free_frames() == before, "%llu frames are gone",
          (unsigned long long)(before - free_frames()));
}

/* The frames of an area come from anywhere, and each is shown once. */
GUEST_TEST(vmalloc_of_many_sizes)
{
    static uint8_t *areas[ROUNDS];
    uint64_t before;

    for (unsigned round = 0; round < 2; round++) { /* the first one makes the page tables */
        before = free_frames();
        for (unsigned i = 0; i < ROUNDS; i++) {
            areas[i] = vmalloc((i % 9 + 1) * PAGE_SIZE);
            CHECK(areas[i] != NULL, "area %u", i);
            for (unsigned page = 0; page <= i % 9; page++) {
                areas[i][page * PAGE_SIZE] = (uint8_t)(i + page);
            }
        }
        for (unsigned i = 0; i < ROUNDS; i++) {
            for (unsigned page = 0; page <= i % 9; page++) {
                CHECK(areas[i][page * PAGE_SIZE] == (uint8_t)(i + page), "area %u", i);
            }
            vfree(areas[i]);
        }
    }
    CHECK(free_frames() == before, "%llu frames are gone",
          (unsigned long long)(before - free_frames()));
}

/* Asking for more than there is gives nothing, and takes nothing but page tables. */
GUEST_TEST(vmalloc_of_too_much)
{
    struct frame_stats stats;

    frame_get_stats(&stats);
    if (stats.total > 64 * 256) {
        guest_test_skip("takes too long with more than 64 MiB");
    }
    CHECK(vmalloc((stats.total + 1) * FRAME_SIZE) == NULL, "given");
    CHECK(vmalloc(VMAP_SIZE * 2) == NULL, "given");
    uint64_t before = free_frames();

    CHECK(vmalloc((stats.total + 1) * FRAME_SIZE) == NULL, "given");
    CHECK(free_frames() == before, "%llu frames are gone",
          (unsigned long long)(before - free_frames()));
}

/* Page tables stay when an area goes; they must not cut what comes back into small pieces. */
GUEST_TEST(vmalloc_leaves_large_blocks)
{
    struct frame_stats before, after;
    const unsigned largest = FRAME_ORDERS - 1;

    frame_get_stats(&before);
    if (before.total > 64 * 256) {
        guest_test_skip("takes too long with more than 64 MiB");
    }
    void *most = vmalloc((before.free - before.free / 16) * FRAME_SIZE);

    CHECK(most != NULL, "%llu frames are free", (unsigned long long)before.free);
    vfree(most);
    frame_get_stats(&after);
    CHECK(after.free_blocks[largest] + 2 >= before.free_blocks[largest],
          "%llu blocks of 4 MiB left of %llu", (unsigned long long)after.free_blocks[largest],
          (unsigned long long)before.free_blocks[largest]);
}

GUEST_TEST(vmap_shows_physical_memory)
{
    uint64_t frame = frame_alloc(1, 0);
    uint64_t *ram = phys_to_virt(frame);

    CHECK(frame != FRAME_NONE, "no memory");
    for (enum vmap_cache cache = VMAP_WRITE_BACK; cache <= VMAP_WRITE_COMBINING; cache++) {
        uint64_t *view = vmap(frame + 24, 2 * FRAME_SIZE - 24, cache);

        CHECK(view != NULL && (uintptr_t)view % PAGE_SIZE == 24, "%p", (void *)view);
        ram[3] = 0x1111 + cache;
        cpu_flush_cache_line(&ram[3]);
        CHECK(view[0] == 0x1111 + cache, "read %llx", (unsigned long long)view[0]);
        view[1] = 0x2222 + cache;
        cpu_flush_cache_line(&view[1]);
        CHECK(ram[4] == 0x2222 + cache, "read %llx", (unsigned long long)ram[4]);
        CHECK(faults(write_at, (char *)view - 24 + 2 * FRAME_SIZE), "just above");
        vunmap(view);
        CHECK(faults(write_at, view), "after vunmap");
    }
    frame_free(frame, 1);
    CHECK(vmap(paging_physical_end(), 1, VMAP_UNCACHED) == NULL, "beyond what the CPU has");
    CHECK(vmap(paging_physical_end() - 1, 2, VMAP_UNCACHED) == NULL, "partly beyond");
}

GUEST_TEST(dma_memory_is_contiguous_zeroed_and_low)
{
    uint64_t before = free_frames();

    for (size_t size = 512; size <= 4 << 20; size *= 3) {
        uint64_t phys = 0, aligned = PAGE_SIZE;
        uint8_t *memory = dma_alloc(size, &phys);

        while (aligned < size) {
            aligned *= 2;
        }
        CHECK(memory != NULL, "%zu bytes", size);
        CHECK(phys % aligned == 0 && phys + size <= 1ull << 32, "at %llx",
              (unsigned long long)phys);
        CHECK(memory == phys_to_virt(phys), "%p", (void *)memory);
        for (size_t i = 0; i < size; i++) {
            CHECK(memory[i] == 0, "byte %zu", i);
        }
        memory[0] = memory[size - 1] = 0xFF;
        dma_free(memory, size);
    }
    CHECK(free_frames() == before, "%llu frames are gone",
          (unsigned long long)(before - free_frames()));
}
