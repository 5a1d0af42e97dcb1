/*
 * test_paging.c - the kernel's page tables as they are: every forbidden access really faults, with
 * the error code that says why; and no entry of any table allows what must not be.
 */
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/probe.h"
#include "kernel/cpu/trap.h"
#include "kernel/image.h"
#include "kernel/mm/memory.h"
#include "kernel/mm/paging.h"
#include "tests/kernel/guest_test.h"

/* Bits of a page fault's error code [SDM3 4.7]. */
#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_FETCH   16u

#define OPCODE_RET 0xC3

static const char *const guards[] = {boot_stack_guard, double_fault_stack_guard, nmi_stack_guard,
                                     machine_check_stack_guard};
#define GUARDS (sizeof(guards) / sizeof(guards[0]))

static uint64_t direct(const void *in_image)
{
    return DIRECT_BASE + virt_to_phys(in_image);
}

/* ---- Single accesses, which fault with an ERROR code ------------------------------------------
 */

static void read_at(void *address)
{
    __asm__ volatile("movb (%0), %%al" : : "r"(address) : "rax", "memory");
}

static void write_at(void *address)
{
    __asm__ volatile("movb $0, (%0)" : : "r"(address) : "memory");
}

/* Changes nothing, in case nothing forbids it. */
static void rewrite_at(void *address)
{
    __asm__ volatile("movb (%0), %%al; movb %%al, (%0)" : : "r"(address) : "rax", "memory");
}

static void call_at(void *address)
{
    __asm__ volatile("call *%0" : : "r"(address) : "memory");
}

static void must_fault(void (*access)(void *), uint64_t address, uint64_t error, const char *what)
{
    struct trap_frame frame = {.vector = 0};
    uint64_t cr2 = 0;
    bool done = cpu_probe(access, (void *)(uintptr_t)address, &frame, &cr2);

    CHECK(!done, "%s, %llx", what, (unsigned long long)address);
    CHECK(frame.vector == EXCEPTION_PAGE_FAULT, "%s: vector %llu", what,
          (unsigned long long)frame.vector);
    CHECK(cr2 == address, "%s: CR2 %llx", what, (unsigned long long)cr2);
    CHECK(frame.error == error, "%s: error code %llx", what, (unsigned long long)frame.error);
}

static bool has_nx(void)
{
    return (cpu_read_msr(MSR_EFER) & EFER_NXE) != 0;
}

GUEST_TEST(paging_code_is_not_writable)
{
    must_fault(rewrite_at, (uintptr_t)kernel_text_start, PF_PRESENT | PF_WRITE,
               "first of the code");
    must_fault(rewrite_at, (uintptr_t)kernel_text_end - 1, PF_PRESENT | PF_WRITE,
               "last of the code");
    must_fault(rewrite_at, direct(kernel_text_start), PF_PRESENT | PF_WRITE, "its alias");
    must_fault(rewrite_at, direct(kernel_text_end) - 1, PF_PRESENT | PF_WRITE, "the alias's end");
}

GUEST_TEST(paging_constants_are_not_writable)
{
    must_fault(rewrite_at, (uintptr_t)kernel_start, PF_PRESENT | PF_WRITE, "kernel header");
    must_fault(rewrite_at, (uintptr_t)kernel_text_start - 1, PF_PRESENT | PF_WRITE,
               "last constant");
    must_fault(rewrite_at, direct(kernel_start), PF_PRESENT | PF_WRITE, "the header's alias");
    must_fault(rewrite_at, direct(kernel_text_start) - 1, PF_PRESENT | PF_WRITE, "the alias's end");
}

static void do_nothing(void *argument)
{
    (void)argument;
}

GUEST_TEST(paging_data_is_not_executable)
{
    static uint8_t code_in_data[] = {OPCODE_RET};
    static const uint8_t code_in_constants[] = {OPCODE_RET};
    uint8_t code_on_stack[] = {OPCODE_RET};
    uint64_t window = KERNEL_VIRT_BASE + LOW_MEMORY_NEEDED;

    if (!has_nx()) {
        guest_test_skip("this CPU has no NX");
    }
    must_fault(call_at, (uintptr_t)code_in_data, PF_PRESENT | PF_FETCH, "data");
    must_fault(call_at, (uintptr_t)code_in_constants, PF_PRESENT | PF_FETCH, "constants");
    must_fault(call_at, (uintptr_t)code_on_stack, PF_PRESENT | PF_FETCH, "the stack");
    must_fault(call_at, direct(code_in_data), PF_PRESENT | PF_FETCH, "data in the direct map");
    must_fault(call_at, direct((const void *)(uintptr_t)do_nothing), PF_PRESENT | PF_FETCH,
               "code in the direct map");
    must_fault(call_at, window, PF_PRESENT | PF_FETCH, "the low window");
}

GUEST_TEST(paging_null_and_page_0_are_not_mapped)
{
    static const uint64_t places[] = {
        0, 8, 4095, DIRECT_BASE, DIRECT_BASE + 4095, KERNEL_VIRT_BASE, KERNEL_VIRT_BASE + 4095};

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        must_fault(read_at, places[i], 0, "read of page 0");
        must_fault(write_at, places[i], PF_WRITE, "write to page 0");
    }
    must_fault(call_at, 0, has_nx() ? PF_FETCH : 0, "call of a null pointer");
}

GUEST_TEST(paging_lower_half_is_not_mapped)
{
    static const uint64_t places[] = {0x1000,   BOOTINFO_BASE, 0xB8000,     KERNEL_PHYS,
                                      0x200000, 0xFEE00000,    0x100000000, 0x00007FFFFFFFFFFF};

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        must_fault(read_at, places[i], 0, "read in the lower half");
        must_fault(write_at, places[i], PF_WRITE, "write in the lower half");
    }
}

GUEST_TEST(paging_guard_pages_fault)
{
    for (unsigned i = 0; i < GUARDS; i++) {
        must_fault(write_at, (uintptr_t)guards[i], PF_WRITE, "first of a guard page");
        must_fault(write_at, (uintptr_t)guards[i] + PAGE_SIZE - 1, PF_WRITE, "last of a guard");
        must_fault(read_at, direct(guards[i]), 0, "its alias");
        CHECK(cpu_probe(read_at, (void *)(guards[i] + PAGE_SIZE), NULL, NULL), "stack %u", i);
    }
}

/* ---- All tables, entry by entry ----------------------------------------------------------------
 */

/* One page as the tables map it, with the rights that all levels leave. */
struct leaf {
    uint64_t virt, phys, size;
    bool writable, executable, user;
};

static bool overlaps(const struct leaf *leaf, const char *start, const char *end)
{
    return leaf->phys < virt_to_phys(end) && virt_to_phys(start) < leaf->phys + leaf->size;
}

static void check_leaf(const struct leaf *leaf)
{
    unsigned long long at = leaf->virt;

    CHECK(!leaf->user, "%llx is the user's", at);
    CHECK(leaf->phys != 0, "%llx is physical page 0", at);
    CHECK(leaf->virt >> 63, "%llx is in the lower half", at);
    if (leaf->writable) {
        CHECK(!leaf->executable || !has_nx(), "%llx is writable and executable", at);
        CHECK(!overlaps(leaf, kernel_start, kernel_text_end), "%llx is a way to write code", at);
    }
    if (leaf->executable && has_nx()) {
        CHECK(leaf->virt >= (uintptr_t)kernel_text_start && leaf->virt < (uintptr_t)kernel_text_end,
              "%llx is executable", at);
    }
    for (unsigned i = 0; i < GUARDS; i++) {
        CHECK(!overlaps(leaf, guards[i], guards[i] + PAGE_SIZE), "%llx is a guard page", at);
    }
}

/* Check all pages below TABLE of LEVEL, whose first entry stands for VIRT. Returns how many. */
static uint64_t check_table(uint64_t table, unsigned level, uint64_t virt, struct leaf above)
{
    const uint64_t *entries = phys_to_virt(table);
    uint64_t pages = 0;

    for (unsigned i = 0; i < PAGETABLE_ENTRIES; i++) {
        uint64_t entry = entries[i];
        uint64_t here = virt + i * PAGETABLE_SPAN(level);
        struct leaf leaf = {
            .virt = level == PAGETABLE_LEVELS && i >= PAGETABLE_ENTRIES / 2 ? here | 0xFFFFull << 48
                                                                            : here,
            .phys = entry & PAGE_ADDRESS,
            .size = PAGETABLE_SPAN(level),
            .writable = above.writable && (entry & PAGE_WRITABLE),
            .executable = above.executable && !(entry & PAGE_NO_EXECUTE),
            .user = above.user && (entry & PAGE_USER),
        };

        if (!(entry & PAGE_PRESENT)) {
            continue;
        }
        if (level > 1 && !(entry & PAGE_LARGE)) {
            pages += check_table(leaf.phys, level - 1, leaf.virt, leaf);
        } else {
            check_leaf(&leaf);
            pages++;
        }
    }
    return pages;
}

GUEST_TEST(paging_no_entry_allows_too_much)
{
    struct leaf all = {.writable = true, .executable = true, .user = true};
    uint64_t pages = check_table(cpu_read_cr3() & PAGE_ADDRESS, PAGETABLE_LEVELS, 0, all);

    CHECK(pages > 100, "only %llu pages", (unsigned long long)pages);
}

/* ---- The direct map ----------------------------------------------------------------------------
 */

GUEST_TEST(paging_all_ram_is_in_the_direct_map)
{
    const struct mem_map *map = memory_map();
    struct walk walk;

    for (size_t i = 0; i < map->count; i++) {
        const struct mem_range *range = &map->range[i];
        uint64_t last = range->base + range->length - PAGE_SIZE;
        bool ram = mem_type_is_ram(range->type);

        CHECK((paging_walk(DIRECT_BASE + last, &walk) == WALK_MAPPED) == (ram && last != 0),
              "end of range %zu", i);
        CHECK(!ram || walk.phys == last, "%llx", (unsigned long long)walk.phys);
        if (range->base != 0 && range->base < DIRECT_SIZE) {
            unsigned end = paging_walk(DIRECT_BASE + range->base, &walk);

            CHECK((end == WALK_MAPPED) == ram, "start of range %zu", i);
        }
    }
}

GUEST_TEST(paging_uses_the_largest_pages)
{
    const struct mem_map *map = memory_map();
    uint64_t largest = cpu_cpuid(0x80000001, 0).edx & CPUID_EXT_EDX_1GB ? 1ull << 30 : 1ull << 21;
    struct walk walk;
    unsigned found = 0;

    for (size_t i = 0; i < map->count; i++) {
        uint64_t start = (map->range[i].base + largest - 1) & ~(largest - 1);

        if (map->range[i].type == E820_USABLE &&
            start + largest <= map->range[i].base + map->range[i].length) {
            CHECK(paging_walk(DIRECT_BASE + start, &walk) == WALK_MAPPED, "range %zu", i);
            CHECK(walk.page_size == largest, "%llx", (unsigned long long)walk.page_size);
            found++;
        }
    }
    if (found == 0) {
        guest_test_skip("too little memory for one");
    }
}

GUEST_TEST(paging_walk_of_broken_tables_ends)
{
    uint64_t *entry = paging_entry(VMAP_BASE);
    struct walk walk;

    CHECK(entry != NULL, "no memory");
    uint64_t table = virt_to_phys(entry) & PAGE_ADDRESS;

    CHECK(paging_walk(VMAP_BASE, &walk) == 1 && walk.step[3].table == table, "level %u",
          walk.count);
    uint64_t *directory_entry = phys_to_virt(walk.step[2].table);
    uint64_t before = *directory_entry;

    *directory_entry = 0xFFFFFF000ull << 12 | PAGE_PRESENT; /* no RAM there */
    unsigned end = paging_walk(VMAP_BASE, &walk);

    *directory_entry = before;
    CHECK(end == WALK_LOST, "ended with %u", end);
}

GUEST_TEST(paging_protection_of_the_cpu_is_on)
{
    struct cpuid_result basic = cpu_cpuid(1, 0);
    struct cpuid_result more = cpu_cpuid(0, 0).eax >= CPUID_FEATURES ? cpu_cpuid(CPUID_FEATURES, 0)
                                                                     : (struct cpuid_result){0};
    uint64_t cr0 = cpu_read_cr0(), cr4 = cpu_read_cr4();

    CHECK((cr0 & (CR0_WP | CR0_CACHE_DISABLE | CR0_NOT_WRITE_THROUGH)) == CR0_WP, "CR0 %llx",
          (unsigned long long)cr0);
    CHECK(!(cr4 & CR4_PGE) == !(basic.edx & CPUID_1_EDX_PGE), "PGE");
    CHECK(!(cr4 & CR4_SMEP) == !(more.ebx & CPUID_7_EBX_SMEP), "SMEP");
    CHECK(!(cr4 & CR4_SMAP) == !(more.ebx & CPUID_7_EBX_SMAP), "SMAP");
    CHECK(!(cr4 & CR4_UMIP) == !(more.ecx & CPUID_7_ECX_UMIP), "UMIP");
    CHECK(!(cpu_cpuid(0x80000001, 0).edx & CPUID_EXT_EDX_NX) == !has_nx(), "NX");
}
