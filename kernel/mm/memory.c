/*
 * memory.c - see memory.h.
 *
 * The kernel's marks go into the same pot as the BIOS's entries, so that one rule decides
 * everywhere:
 *
 *   00000-00FFF  page 0: the BIOS's vectors and data, and where a null pointer leads
 *   01000-2FFFF  the loader's areas, which are free when paging has started
 *   low end-FFFFF  what is above usable low memory: BIOS data, video memory, ROMs
 *   100000-      the kernel's image with .bss
 */
#include "kernel/mm/memory.h"

#include "kernel/image.h"
#include "kernel/log.h"

#define MARKS   3
#define ONE_MIB 0x100000

static struct e820_entry entries[E820_MAX + MARKS];
static struct mem_map map;
static uint64_t low_end;

void memory_start(const struct boot_facts *facts)
{
    size_t count = facts->info.e820_count;

    low_end = e820_low_memory_end(facts->e820, count, facts->info.low_memory_kib,
                                  facts->info.ebda_segment);
    for (size_t i = 0; i < count; i++) {
        entries[i] = facts->e820[i];
    }
    entries[count++] =
        (struct e820_entry){.base = 0, .length = LOW_MEMORY_NEEDED, .type = MEM_LOADER};
    entries[count++] =
        (struct e820_entry){.base = low_end, .length = ONE_MIB - low_end, .type = E820_RESERVED};
    entries[count++] = (struct e820_entry){
        .base = KERNEL_PHYS, .length = (uint64_t)(kernel_end - kernel_start), .type = MEM_KERNEL};
    e820_clean(&map, entries, count);

    log_line("memory", "%llu KiB usable, kernel %llu KiB; map: %u raw, %zu clean%s",
             (unsigned long long)(e820_total(&map, E820_USABLE, NULL) / 1024),
             (unsigned long long)(e820_total(&map, MEM_KERNEL, NULL) / 1024),
             facts->info.e820_count, map.count, map.full ? ", map full: memory lost" : "");
}

const struct mem_map *memory_map(void)
{
    return &map;
}

void memory_cut(size_t index, uint64_t end)
{
    struct mem_range *range = &map.range[index];

    if (end > range->base) {
        range->length = end - range->base;
    } else {
        range->type = E820_UNUSABLE;
    }
}

bool memory_is_ram(uint64_t phys)
{
    for (size_t i = 0; i < map.count; i++) {
        if (phys - map.range[i].base < map.range[i].length) {
            return mem_type_is_ram(map.range[i].type) && phys >= MEM_PAGE;
        }
    }
    return false;
}

uint64_t memory_low_end(void)
{
    return low_end;
}
