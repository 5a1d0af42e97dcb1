/*
 * e820.c - see e820.h.
 *
 * The map is made from the bottom up, one boundary at a time: at an address, look through all
 * entries for the type that wins there and for the next address at which any entry begins or ends;
 * up to that address nothing changes. That is quadratic in the number of entries, of which machines
 * have about ten, and it needs neither sorting nor memory.
 */
#include "kernel/mm/e820.h"

#define MEM_NONE         0u /* nobody said anything */
#define CONVENTIONAL_END 0xA0000
#define PAGE_MASK        (~(uint64_t)(MEM_PAGE - 1))

/* An entry as a pair of addresses; empty if start == end. */
struct span {
    uint64_t start, end;
};

/* How restrictive a type is; the higher one wins. */
static unsigned rank(uint32_t type)
{
    switch (type) {
    case MEM_NONE:
        return 0;
    case E820_USABLE:
        return 1;
    case MEM_LOADER:
        return 2;
    case MEM_KERNEL:
        return 3;
    case E820_ACPI:
        return 4;
    case E820_NVS:
        return 5;
    case E820_UNUSABLE:
        return 7;
    default:
        return 6;
    }
}

/* Types that we do not know are as good as reserved. */
static uint32_t known_type(uint32_t type)
{
    return rank(type) == rank(E820_RESERVED) || type == MEM_NONE ? E820_RESERVED : type;
}

/* Where ENTRY counts: cut to the address space, and to whole pages unless it is usable. */
static struct span span_of(const struct e820_entry *entry)
{
    struct span span = {entry->base, MEM_ADDRESS_END};

    if (entry->length == 0 || entry->base >= MEM_ADDRESS_END) {
        return (struct span){0, 0};
    }
    if (entry->length < MEM_ADDRESS_END - entry->base) {
        span.end = entry->base + entry->length;
    }
    if (entry->type != E820_USABLE) {
        span.start &= PAGE_MASK;
        span.end = (span.end + MEM_PAGE - 1) & PAGE_MASK;
    }
    return span;
}

/* The type that wins at ADDRESS; *NEXT is set to where that may change, or to MEM_ADDRESS_END. */
static uint32_t type_at(const struct e820_entry *raw, size_t count, uint64_t address,
                        uint64_t *next)
{
    uint32_t winner = MEM_NONE;

    *next = MEM_ADDRESS_END;
    for (size_t i = 0; i < count; i++) {
        struct span span = span_of(&raw[i]);
        uint32_t type = known_type(raw[i].type);

        if (span.start > address && span.start < *next) {
            *next = span.start;
        }
        if (span.start <= address && address < span.end) {
            if (span.end < *next) {
                *next = span.end;
            }
            if (rank(type) > rank(winner)) {
                winner = type;
            }
        }
    }
    return winner;
}

/* Add what is left of [start, end) in whole pages. Returns false if there is no room. */
static bool add_range(struct mem_map *map, uint64_t start, uint64_t end, uint32_t type)
{
    start = (start + MEM_PAGE - 1) & PAGE_MASK;
    end &= PAGE_MASK;
    if (type == MEM_NONE || start >= end) {
        return true;
    }
    if (map->count == MEM_RANGES_MAX) {
        map->full = true;
        return false;
    }
    map->range[map->count++] =
        (struct mem_range){.base = start, .length = end - start, .type = type};
    return true;
}

void e820_clean(struct mem_map *map, const struct e820_entry *raw, size_t count)
{
    uint64_t start = 0; /* of the range that is being gathered */
    uint64_t next;

    map->count = 0;
    map->full = false;
    uint32_t type = type_at(raw, count, 0, &next);

    /*
     * Usable pieces that touch are joined before they shrink to whole pages, so that a page which
     * two entries share is not lost.
     */
    while (next < MEM_ADDRESS_END) {
        uint64_t here = next;
        uint32_t type_here = type_at(raw, count, here, &next);

        if (type_here != type) {
            if (!add_range(map, start, here, type)) {
                return;
            }
            start = here;
            type = type_here;
        }
    }
    add_range(map, start, MEM_ADDRESS_END, type);
}

bool mem_type_is_ram(uint32_t type)
{
    return type != MEM_NONE && rank(type) < rank(E820_RESERVED);
}

const char *e820_type_name(uint32_t type)
{
    switch (type) {
    case E820_USABLE:
        return "usable";
    case E820_RESERVED:
        return "reserved";
    case E820_ACPI:
        return "ACPI";
    case E820_NVS:
        return "NVS";
    case E820_UNUSABLE:
        return "unusable";
    case MEM_LOADER:
        return "loader";
    case MEM_KERNEL:
        return "kernel";
    default:
        return "unknown";
    }
}

uint64_t e820_low_memory_end(const struct e820_entry *raw, size_t count, uint32_t low_kib,
                             uint32_t ebda_segment)
{
    uint64_t end = (uint64_t)low_kib * 1024;
    uint64_t ebda = (uint64_t)ebda_segment * 16;
    uint64_t next = 0;

    if (end > CONVENTIONAL_END) {
        end = CONVENTIONAL_END;
    }
    if (ebda >= LOW_MEMORY_NEEDED && ebda < end) {
        end = ebda;
    }
    /* In the map: the first byte above page 0 that is not usable. */
    for (uint64_t at = MEM_PAGE; at < end; at = next) {
        if (type_at(raw, count, at, &next) != E820_USABLE) {
            return at;
        }
    }
    return end;
}

uint64_t e820_total(const struct mem_map *map, uint32_t type, uint64_t *largest)
{
    uint64_t total = 0, longest = 0;

    for (size_t i = 0; i < map->count; i++) {
        if (map->range[i].type == type) {
            total += map->range[i].length;
            if (map->range[i].length > longest) {
                longest = map->range[i].length;
            }
        }
    }
    if (largest != NULL) {
        *largest = longest;
    }
    return total;
}
