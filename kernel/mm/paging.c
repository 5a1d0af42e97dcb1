/*
 * paging.c - see paging.h. [SDM3 4.5, 4.6, 4.10, 12.12]
 *
 * The first tables are built while the CPU is on the loader's, which show the low 1 GiB at
 * KERNEL_VIRT_BASE: frames for tables are taken from there. These tables hold the image, the low
 * window and what is RAM below 1 GiB; the CPU is switched to them, and the rest is added in place.
 */
#include "kernel/mm/paging.h"

#include <stddef.h>

#include "kernel/cpu/cpu.h"
#include "kernel/image.h"
#include "kernel/mm/address.h"
#include "kernel/mm/early.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/memory.h"
#include "kernel/mm/ram.h"
#include "kernel/panic.h"
#include "kernel/sched/spinlock.h"
#include "kernel/string.h"

#define LOADER_WINDOW         (1ull << 30) /* what the loader's tables show at KERNEL_VIRT_BASE */
#define ADDRESS_BITS_AT_LEAST 36           /* physical; what CPUs have that do not tell */
#define VIDEO_START           0xA0000
#define VIDEO_END             0xC0000

/*
 * The page attribute table: what the bits PAGE_CACHE_DISABLE, PAGE_WRITE_THROUGH of an entry choose
 * from. As after a reset, but that write combining stands where write through was.
 */
#define PAT_WRITE_BACK       6ull
#define PAT_WRITE_COMBINING  1ull
#define PAT_UNCACHED_BY_MTRR 7ull /* the MTRRs may still say write combining */
#define PAT_UNCACHED         0ull
#define PAT_HALF                                                                                   \
    (PAT_WRITE_BACK | PAT_WRITE_COMBINING << 8 | PAT_UNCACHED_BY_MTRR << 16 | PAT_UNCACHED << 24)
#define PAT_VALUE (PAT_HALF | PAT_HALF << 32)

static uint64_t new_table(void);
static uint64_t *reach_by_loader(uint64_t phys);
static uint64_t *reach(uint64_t phys);

static struct spinlock lock = SPINLOCK("page tables"); /* guards making tables, and stats */
static struct pagetable tables = {.new_table = new_table, .reach = reach_by_loader};
static struct paging_stats stats;
static uint64_t no_execute; /* PAGE_NO_EXECUTE, or 0 on a CPU that would call it reserved */
static bool has_pat;
static uint64_t physical_end;

static uint64_t new_table(void)
{
    uint64_t frame = ram_take_frame();

    if (frame == FRAME_NONE) {
        return PAGETABLE_NO_FRAME;
    }
    memset(tables.reach(frame), 0, PAGE_SIZE);
    stats.tables++;
    return frame;
}

static uint64_t *reach_by_loader(uint64_t phys)
{
    return phys < LOADER_WINDOW ? low_to_virt(phys) : NULL;
}

static uint64_t *reach(uint64_t phys)
{
    return phys_to_virt(phys);
}

/* For walks through tables that may be broken: only what the direct map shows. */
static uint64_t *reach_if_ram(uint64_t phys)
{
    return memory_is_ram(phys) ? phys_to_virt(phys) : NULL;
}

bool paging_map(uint64_t virt, uint64_t phys, uint64_t size, uint64_t flags)
{
    return pagetable_map(&tables, virt, phys, size, flags);
}

/* Without this piece the kernel cannot go on. */
static void map_surely(uint64_t virt, uint64_t phys, uint64_t size, uint64_t flags)
{
    if (!pagetable_map(&tables, virt, phys, size, flags)) {
        PANIC("no memory for page tables: %llu KiB usable below 1 GiB are too few",
              (unsigned long long)(e820_total(memory_map(), E820_USABLE, NULL) / 1024));
    }
}

/* Map one part of the image, at its own address and in the direct map, where nothing executes. */
static void map_part(const char *start, const char *end, uint64_t flags)
{
    uint64_t phys = virt_to_phys(start);
    uint64_t size = (uint64_t)(end - start);

    map_surely(KERNEL_VIRT_BASE + phys, phys, size, flags);
    map_surely(DIRECT_BASE + phys, phys, size, flags == 0 ? 0 : flags | no_execute);
}

static void map_image(void)
{
    const char *const guards[] = {boot_stack_guard, double_fault_stack_guard, nmi_stack_guard,
                                  machine_check_stack_guard};
    uint64_t constants = PAGE_PRESENT | PAGE_GLOBAL | no_execute;

    map_part(kernel_start, kernel_text_start, constants);
    map_part(kernel_text_start, kernel_text_end, PAGE_PRESENT | PAGE_GLOBAL);
    map_part(kernel_text_end, kernel_symbols_start, constants | PAGE_WRITABLE);
    map_part(kernel_symbols_start, kernel_bss_start, constants);
    map_part(kernel_bss_start, kernel_end, constants | PAGE_WRITABLE);
    for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
        map_part(guards[i], guards[i] + PAGE_SIZE, 0);
    }
}

/*
 * The low window. Video memory must not be cached; the MTRRs say so on every PC, but firmware that
 * turns them off is known. The kind of uncached that lets an MTRR say write combining is the faster
 * one.
 */
static void map_low_window(void)
{
    uint64_t data = paging_data_flags(VMAP_WRITE_BACK);

    map_surely(KERNEL_VIRT_BASE + PAGE_SIZE, PAGE_SIZE, VIDEO_START - PAGE_SIZE, data);
    map_surely(KERNEL_VIRT_BASE + VIDEO_START, VIDEO_START, VIDEO_END - VIDEO_START,
               data | PAGE_CACHE_DISABLE);
    map_surely(KERNEL_VIRT_BASE + VIDEO_END, VIDEO_END, KERNEL_PHYS - VIDEO_END, data);
}

/* The RAM that tables are made of must be in the direct map before the loader's window goes. */
static void map_first_ram(void)
{
    const struct mem_map *map = memory_map();

    for (size_t i = 0; i < map->count; i++) {
        const struct mem_range *range = &map->range[i];

        if (range->type == E820_USABLE && range->base < LOADER_WINDOW) {
            uint64_t room = LOADER_WINDOW - range->base;

            map_surely(DIRECT_BASE + range->base, range->base,
                       range->length < room ? range->length : room,
                       paging_data_flags(VMAP_WRITE_BACK));
        }
    }
}

/* What must be set before tables that use it are loaded. */
static void prepare_cpu(const struct bootinfo *info)
{
    /* The Bochs BIOS leaves the caches off. */
    cpu_write_cr0((cpu_read_cr0() | CR0_WP) &
                  ~(uint64_t)(CR0_CACHE_DISABLE | CR0_NOT_WRITE_THROUGH));
    if (info->cpuid_ext_edx & CPUID_EXT_EDX_NX) {
        cpu_write_msr(MSR_EFER, cpu_read_msr(MSR_EFER) | EFER_NXE);
        no_execute = PAGE_NO_EXECUTE;
    }
    has_pat = (info->cpuid_1_edx & CPUID_1_EDX_PAT) != 0;
    if (has_pat) {
        cpu_write_msr(MSR_PAT, PAT_VALUE);
    }
    tables.largest_level = info->cpuid_ext_edx & CPUID_EXT_EDX_1GB ? 3 : 2;
}

/* Global pages after the switch, so that nothing of the loader's tables can be remembered. */
static void protect_cpu(const struct bootinfo *info)
{
    uint64_t cr4 = cpu_read_cr4();

    if (info->cpuid_1_edx & CPUID_1_EDX_PGE) {
        cr4 |= CR4_PGE;
    }
    if (info->cpuid_max >= CPUID_FEATURES) {
        struct cpuid_result features = cpu_cpuid(CPUID_FEATURES, 0);

        cr4 |= features.ebx & CPUID_7_EBX_SMEP ? CR4_SMEP : 0;
        cr4 |= features.ebx & CPUID_7_EBX_SMAP ? CR4_SMAP : 0;
        cr4 |= features.ecx & CPUID_7_ECX_UMIP ? CR4_UMIP : 0;
    }
    cpu_write_cr4(cr4);
}

/* Entries for addresses beyond what the CPU has have reserved bits set: their use faults. */
static void find_physical_end(const struct bootinfo *info)
{
    unsigned bits = info->cpuid_ext_max >= CPUID_EXT_ADDRESS_SIZES
                        ? cpu_cpuid(CPUID_EXT_ADDRESS_SIZES, 0).eax & 0xFF
                        : ADDRESS_BITS_AT_LEAST;

    physical_end = 1ull << bits;
}

void paging_start(const struct bootinfo *info)
{
    prepare_cpu(info);
    find_physical_end(info);
    early_start(memory_map(), LOADER_WINDOW);
    tables.root = new_table();
    ASSERT(tables.root != PAGETABLE_NO_FRAME, "no usable memory below 1 GiB");
    map_image();
    map_low_window();
    map_first_ram();
    cpu_write_cr3(tables.root);
    tables.reach = reach;
    protect_cpu(info);
    stats.frame_records = ram_map_all(physical_end);
}

uint64_t *paging_entry(uint64_t address)
{
    spin_lock(&lock);
    uint64_t *entry = pagetable_entry(&tables, address);

    spin_unlock(&lock);
    return entry;
}

/* Let ENTRY show a new page of zeroes, unless it shows one already. */
static bool fill_entry(uint64_t *entry)
{
    uint64_t frame;

    if (*entry & PAGE_PRESENT) {
        return true;
    }
    frame = ram_take_frame();
    if (frame == FRAME_NONE) {
        return false;
    }
    memset(phys_to_virt(frame), 0, PAGE_SIZE);
    *entry = frame | paging_data_flags(VMAP_WRITE_BACK);
    return true;
}

bool paging_map_fresh(uint64_t address, uint64_t size)
{
    uint64_t end = address + size;

    for (uint64_t page = address & ~(uint64_t)(PAGE_SIZE - 1); page < end; page += PAGE_SIZE) {
        uint64_t *entry = paging_entry(page);

        if (entry == NULL || !fill_entry(entry)) {
            return false;
        }
    }
    return true;
}

uint64_t paging_physical_end(void)
{
    return physical_end;
}

uint64_t paging_data_flags(enum vmap_cache cache)
{
    uint64_t flags = PAGE_PRESENT | PAGE_WRITABLE | PAGE_GLOBAL | no_execute;

    if (cache == VMAP_WRITE_BACK) {
        return flags;
    }
    if (cache == VMAP_WRITE_COMBINING && has_pat) {
        return flags | PAGE_WRITE_THROUGH; /* see PAT_VALUE */
    }
    return flags | PAGE_CACHE_DISABLE | PAGE_WRITE_THROUGH;
}

unsigned paging_walk(uint64_t address, struct walk *walk)
{
    struct pagetable in_use = tables;

    in_use.root = cpu_read_cr3() & PAGE_ADDRESS;
    if (in_use.reach == reach) {
        in_use.reach = reach_if_ram;
    }
    return pagetable_walk(&in_use, address, walk);
}

void paging_get_stats(struct paging_stats *out)
{
    *out = stats;
}
