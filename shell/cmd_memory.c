/* cmd_memory.c - e820 and mem: the memory map. */
#include "kernel/console.h"
#include "kernel/image.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/memory.h"
#include "kernel/mm/paging.h"
#include "kernel/mm/vmap.h"
#include "shell/commands.h"

/* One half of a line: 13 hex digits are the 52 bits that a physical address can have. */
static void print_range(uint64_t base, uint64_t length, uint32_t type)
{
    kprintf("%013llx-%013llx %-8s", (unsigned long long)base,
            (unsigned long long)(base + length - (length != 0)), e820_type_name(type));
}

int command_e820(int argc, char **argv)
{
    static const char *const sources[] = {"E820", "E801", "88h"};
    const struct boot_facts *facts = command_boot_facts();
    const struct mem_map *map = memory_map();
    size_t raw_count = facts->info.e820_count;

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    kprintf("%-36s  | %s\n", "raw, from the BIOS", "cleaned, what the kernel uses");
    for (size_t i = 0; i < raw_count || i < map->count; i++) {
        if (i < raw_count) {
            print_range(facts->e820[i].base, facts->e820[i].length, facts->e820[i].type);
        } else {
            kprintf("%36s", "");
        }
        kprintf("  | ");
        if (i < map->count) {
            print_range(map->range[i].base, map->range[i].length, map->range[i].type);
        }
        kprintf("\n");
    }
    kprintf("source: INT 15h %s; INT 12h says %u KiB; BIOS data area at %05x\n",
            sources[facts->info.map_source], facts->info.low_memory_kib,
            facts->info.ebda_segment * 16);
    if (map->full) {
        kprintf("the cleaned map is full: memory above its last range is not used\n");
    }
    return STATUS_OK;
}

static void print_amount(const char *what, uint64_t bytes)
{
    kprintf("%-24s %12llu KiB  %9llu.%llu MiB\n", what, (unsigned long long)(bytes / 1024),
            (unsigned long long)(bytes >> 20), (unsigned long long)((bytes & 0xFFFFF) * 10 >> 20));
}

static uint64_t size_of(const char *start, const char *end)
{
    return (uint64_t)(end - start);
}

static void print_image(void)
{
    print_amount("kernel image", size_of(kernel_start, kernel_end));
    print_amount("  constants", size_of(kernel_start, kernel_text_start));
    print_amount("  code", size_of(kernel_text_start, kernel_text_end));
    print_amount("  data", size_of(kernel_text_end, kernel_file_end));
    print_amount("  zeroed data, stacks", size_of(kernel_file_end, kernel_end));
}

/* Who has the RAM that is not free. */
static void print_users(uint64_t used)
{
    struct paging_stats paging;

    paging_get_stats(&paging);
    const uint64_t image = size_of(kernel_start, kernel_end);
    const uint64_t tables = paging.tables * PAGE_SIZE;
    const uint64_t records = paging.frame_records * PAGE_SIZE;
    const uint64_t areas = vmap_memory_used();

    print_image();
    print_amount("page tables", tables);
    print_amount("struct frames", records);
    print_amount("thread stacks, vmalloc", areas);
    print_amount("heap, devices, page 0", used - image - tables - records - areas);
}

int command_mem(int argc, char **argv)
{
    const struct mem_map *map = memory_map();
    uint64_t largest;
    uint64_t usable = e820_total(map, E820_USABLE, &largest);
    uint64_t kernel = e820_total(map, MEM_KERNEL, NULL);
    uint64_t loader = e820_total(map, MEM_LOADER, NULL);
    struct frame_stats frames;

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    frame_get_stats(&frames);
    uint64_t used = usable + kernel + loader - frames.free * FRAME_SIZE;

    print_amount("usable", usable);
    print_amount("  largest range", largest);
    print_users(used);
    print_amount("used", used);
    print_amount("free", frames.free * FRAME_SIZE);
    print_amount("ACPI tables", e820_total(map, E820_ACPI, NULL) + e820_total(map, E820_NVS, NULL));
    print_amount("reserved addresses", e820_total(map, E820_RESERVED, NULL));
    print_amount("unusable", e820_total(map, E820_UNUSABLE, NULL));
    kprintf("usable low memory ends at %05llx\n", (unsigned long long)memory_low_end());
    return STATUS_OK;
}
