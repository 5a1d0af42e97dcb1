/* cmd_memory.c - e820 and mem: the memory map. */
#include "kernel/console.h"
#include "kernel/image.h"
#include "kernel/mm/memory.h"
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
    kprintf("%-22s %12llu KiB  %9llu.%llu MiB\n", what, (unsigned long long)(bytes / 1024),
            (unsigned long long)(bytes >> 20), (unsigned long long)((bytes & 0xFFFFF) * 10 >> 20));
}

int command_mem(int argc, char **argv)
{
    const struct mem_map *map = memory_map();
    uint64_t largest;
    uint64_t usable = e820_total(map, E820_USABLE, &largest);

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    print_amount("usable", usable);
    print_amount("  largest range", largest);
    print_amount("kernel image", e820_total(map, MEM_KERNEL, NULL));
    print_amount("  code", (uint64_t)(kernel_text_end - kernel_text_start));
    print_amount("loader", e820_total(map, MEM_LOADER, NULL));
    print_amount("ACPI tables", e820_total(map, E820_ACPI, NULL) + e820_total(map, E820_NVS, NULL));
    print_amount("reserved addresses", e820_total(map, E820_RESERVED, NULL));
    print_amount("unusable", e820_total(map, E820_UNUSABLE, NULL));
    kprintf("usable low memory ends at %05llx\n", (unsigned long long)memory_low_end());
    return STATUS_OK;
}
