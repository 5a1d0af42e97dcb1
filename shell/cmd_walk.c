/* cmd_walk.c - walk: how the CPU finds an address in the page tables, entry by entry. [SDM3 4.5] */
#include "kernel/console.h"
#include "kernel/mm/paging.h"
#include "kernel/mm/vmap.h"
#include "shell/commands.h"

static const char *const level_names[] = {"PML4E", "PDPTE", "PDE", "PTE"}; /* as they are read */

/* Read TEXT, hexadecimal with or without 0x, at most 64 bits. Returns false if it is not that. */
static bool parse_hex(const char *text, uint64_t *value)
{
    *value = 0;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
    }
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        char lower = (char)(*text | 0x20);
        unsigned digit = (unsigned)(*text >= '0' && *text <= '9'   ? *text - '0'
                                    : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                                   : 16);
        if (digit == 16 || *value >> 60 != 0) {
            return false;
        }
        *value = *value << 4 | digit;
    }
    return true;
}

static void print_flags(uint64_t entry, bool large_possible)
{
    static const struct {
        uint8_t bit;
        char name[9];
    } names[] = {{1, "writable"}, {2, "user"},  {3, "PWT"},    {4, "PCD"}, {5, "accessed"},
                 {6, "dirty"},    {7, "large"}, {8, "global"}, {63, "NX"}};

    if (!(entry & PAGE_PRESENT)) {
        kprintf(" not present");
        return;
    }
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (entry >> names[i].bit & 1) {
            kprintf(" %s", names[i].bit != 7 || large_possible ? names[i].name : "PAT");
        }
    }
}

static void print_steps(const struct walk *walk)
{
    for (unsigned i = 0; i < walk->count; i++) {
        const struct walk_step *step = &walk->step[i];

        kprintf("%-5s %llx[%u] = %016llx", level_names[i], (unsigned long long)step->table,
                step->index, (unsigned long long)step->entry);
        print_flags(step->entry, i < PAGETABLE_LEVELS - 1);
        kprintf("\n");
    }
}

static void print_page(uint64_t address, const struct walk *walk)
{
    static const char *const sizes[] = {"1 GiB", "2 MiB", "4 KiB"}; /* by how deep they lie */

    kprintf("%016llx is physical %llx, in a page of %s, r%c%c%s\n", (unsigned long long)address,
            (unsigned long long)walk->phys, sizes[walk->count - 2], walk->writable ? 'w' : '-',
            walk->executable ? 'x' : '-', walk->user ? ", the user's" : "");
}

/* ADDRESS is not mapped, because the last entry of WALK is not present. */
static int print_hole(const char *name, uint64_t address, const struct walk *walk)
{
    void *area;

    if (vmap_is_guard(address, &area)) {
        return command_error(name, "%016llx is in the guard page below the area at %p",
                             (unsigned long long)address, area);
    }
    return command_error(name, "%016llx is not mapped: its %s is not present",
                         (unsigned long long)address, level_names[walk->count - 1]);
}

int command_walk(int argc, char **argv)
{
    uint64_t address;
    struct walk walk;

    if (argc != 2) {
        return command_usage(argv[0]);
    }
    if (!parse_hex(argv[1], &address)) {
        return command_error(argv[0], "%s: not a hexadecimal number of 64 bits", argv[1]);
    }
    unsigned end = paging_walk(address, &walk);

    print_steps(&walk);
    switch (end) {
    case WALK_MAPPED:
        print_page(address, &walk);
        return STATUS_OK;
    case WALK_NOT_CANONICAL:
        return command_error(argv[0], "%016llx is not canonical: bits 48 to 63 differ from bit 47",
                             (unsigned long long)address);
    case WALK_LOST:
        return command_error(argv[0], "the %s leads out of memory", level_names[walk.count - 1]);
    default:
        return print_hole(argv[0], address, &walk);
    }
}
