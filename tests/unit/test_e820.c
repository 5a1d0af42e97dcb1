/*
 * test_e820.c - the cleaned memory map against a model that looks at every 512 bytes one by one,
 * over thousands of random maps; and the named cases of our list. Hazards: M6 to M11.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/e820.h"

#define MAPS            20000
#define GRAIN           512u /* random entries begin and end at multiples of this */
#define GRAINS_PER_PAGE (MEM_PAGE / GRAIN)
#define PAGES           64u
#define GRAINS          (PAGES * GRAINS_PER_PAGE)
#define HIGH_BASE       (MEM_ADDRESS_END - PAGES * MEM_PAGE) /* where maps at the top begin */

static struct mem_map map;

static unsigned pick(unsigned count)
{
    return (unsigned)rand() % count;
}

/* The order of types in e820.h, written down a second time. */
static unsigned strength(uint32_t type)
{
    static const uint32_t order[] = {E820_USABLE, MEM_LOADER,    MEM_KERNEL,   E820_ACPI,
                                     E820_NVS,    E820_RESERVED, E820_UNUSABLE};

    for (unsigned i = 0; i < 7; i++) {
        if (order[i] == type) {
            return i + 1;
        }
    }
    return strength(E820_RESERVED);
}

/* ---- The model: what each page must be --------------------------------------------------------
 */

struct model {
    unsigned page[PAGES]; /* strength of what wins, 0: nothing */
};

/* Does ENTRY hold the grain at ADDRESS? Wrapping lengths reach to the end of the address space. */
static bool holds(const struct e820_entry *entry, uint64_t address)
{
    return entry->length > 0 && address >= entry->base && address - entry->base < entry->length;
}

static void make_model(struct model *model, const struct e820_entry *raw, size_t count,
                       uint64_t base)
{
    for (unsigned page = 0; page < PAGES; page++) {
        unsigned covered = 0, other = 0;

        for (unsigned grain = 0; grain < GRAINS_PER_PAGE; grain++) {
            uint64_t address = base + page * MEM_PAGE + grain * GRAIN;
            bool usable = false;

            for (size_t i = 0; i < count; i++) {
                if (holds(&raw[i], address)) {
                    unsigned here = strength(raw[i].type);

                    usable |= here == 1;
                    if (here > 1 && here > other) {
                        other = here;
                    }
                }
            }
            covered += usable;
        }
        model->page[page] = other != 0 ? other : covered == GRAINS_PER_PAGE;
    }
}

static void check_form(void)
{
    uint64_t end = 0;

    for (size_t i = 0; i < map.count; i++) {
        const struct mem_range *range = &map.range[i];

        assert_int_equal(range->base % MEM_PAGE, 0);
        assert_int_equal(range->length % MEM_PAGE, 0);
        assert_true(range->length > 0 && range->base >= end);
        assert_true(range->base + range->length <= MEM_ADDRESS_END);
        if (i > 0 && range->base == end) {
            assert_int_not_equal(range->type, map.range[i - 1].type); /* merged */
        }
        end = range->base + range->length;
    }
}

static void check_against_model(const struct e820_entry *raw, size_t count, uint64_t base,
                                unsigned seed)
{
    struct model model;

    e820_clean(&map, raw, count);
    check_form();
    assert_false(map.full);
    make_model(&model, raw, count, base);
    for (unsigned page = 0; page < PAGES; page++) {
        uint64_t address = base + page * MEM_PAGE;
        unsigned got = 0;

        for (size_t i = 0; i < map.count; i++) {
            if (address - map.range[i].base < map.range[i].length) {
                got = strength(map.range[i].type);
            }
        }
        if (got != model.page[page]) {
            fail_msg("seed %u: page %u is %u, must be %u", seed, page, got, model.page[page]);
        }
    }
}

static uint64_t random_length(void)
{
    switch (pick(8)) {
    case 0:
        return 0;
    case 1:
        return ~0ull - pick(3) * GRAIN; /* wraps */
    case 2:
        return pick(PAGES) * MEM_PAGE;
    default:
        return pick(GRAINS / 2) * GRAIN;
    }
}

static void run_random_maps(uint64_t base)
{
    static const uint32_t types[] = {1, 1, 1, 1, 1,  2,          2,          3,
                                     4, 5, 0, 6, 12, 0xFFFFFFFF, MEM_LOADER, MEM_KERNEL};
    struct e820_entry raw[16];

    for (unsigned seed = 1; seed <= MAPS; seed++) {
        srand(seed);
        size_t count = pick(13);

        for (size_t i = 0; i < count; i++) {
            raw[i] = (struct e820_entry){.base = base + pick(GRAINS) * GRAIN,
                                         .length = random_length(),
                                         .type = types[pick(16)],
                                         .attr = pick(4)};
        }
        check_against_model(raw, count, base, seed);
    }
}

static void test_random_maps_at_the_bottom(void **state)
{
    (void)state;
    run_random_maps(0);
}

static void test_random_maps_at_the_top(void **state)
{
    (void)state;
    run_random_maps(HIGH_BASE);
}

/* Usable pieces side by side: together they make whole pages that none of them has alone. */
static void test_split_usable_memory(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 2000; seed++) {
        struct e820_entry raw[40];
        size_t count = 0;
        uint64_t at = 0;

        srand(seed);
        while (count < 40 && at < GRAINS * GRAIN) {
            uint64_t length = (1 + pick(20)) * GRAIN;

            raw[count++] = (struct e820_entry){at, length, pick(12) ? E820_USABLE : 2, 1};
            at += length;
        }
        check_against_model(raw, count, 0, seed);
    }
}

/* ---- Named cases ------------------------------------------------------------------------------
 */

#define CLEAN(...)                                                                                 \
    do {                                                                                           \
        const struct e820_entry raw_[] = {__VA_ARGS__};                                            \
        e820_clean(&map, raw_, sizeof(raw_) / sizeof(raw_[0]));                                    \
    } while (0)

#define EXPECT_RANGE(index, base_, end_, type_)                                                    \
    do {                                                                                           \
        assert_true((index) < map.count);                                                          \
        assert_int_equal(map.range[index].base, base_);                                            \
        assert_int_equal(map.range[index].base + map.range[index].length, end_);                   \
        assert_int_equal(map.range[index].type, type_);                                            \
    } while (0)

static void test_m6_attributes_do_not_drop_memory(void **state)
{
    (void)state;
    CLEAN({0, 0x10000, 1, 0}, {0x100000, 0x100000, 1, 0});
    assert_int_equal(map.count, 2);
    CLEAN({0, 0x10000, 1, 1}, {0x100000, 0x100000, 1, 0});
    assert_int_equal(map.count, 2);
}

static void test_m7_empty_unknown_wrapping(void **state)
{
    (void)state;
    CLEAN({0x1000, 0, 2, 1}, {0, 0x4000, 1, 1}, {0x2000, 0x1000, 77, 1});
    assert_int_equal(map.count, 3);
    EXPECT_RANGE(1, 0x2000, 0x3000, E820_RESERVED);
    CLEAN({~0ull - 0xFFF, 0x2000, 1, 1}); /* nothing below the end of the address space */
    assert_int_equal(map.count, 0);
    CLEAN({0x100000, ~0ull, 1, 1});
    EXPECT_RANGE(0, 0x100000, MEM_ADDRESS_END, E820_USABLE);
    CLEAN({~0ull, ~0ull, 2, 1}, {MEM_ADDRESS_END, 0x1000, 1, 1});
    assert_int_equal(map.count, 0);
}

static void test_m8_full(void **state)
{
    struct e820_entry raw[E820_MAX];
    uint64_t top;

    (void)state;
    for (size_t i = 0; i < E820_MAX; i++) { /* from the top down, with gaps: one range each */
        raw[i] = (struct e820_entry){(E820_MAX - i) * 0x2000, 0x1000, 1, 1};
    }
    e820_clean(&map, raw, E820_MAX);
    assert_true(map.full);
    assert_int_equal(map.count, MEM_RANGES_MAX);
    check_form();
    top = map.range[MEM_RANGES_MAX - 1].base;
    assert_int_equal(top, MEM_RANGES_MAX * 0x2000); /* the lowest ones are kept */
    e820_clean(&map, raw + E820_MAX - MEM_RANGES_MAX, MEM_RANGES_MAX);
    assert_false(map.full);
    assert_int_equal(map.count, MEM_RANGES_MAX);
}

static void test_m9_one_entry_and_none(void **state)
{
    (void)state;
    CLEAN({0x100000, 0x1000000, 1, 1});
    assert_int_equal(map.count, 1);
    EXPECT_RANGE(0, 0x100000, 0x1100000, E820_USABLE);
    e820_clean(&map, NULL, 0);
    assert_int_equal(map.count, 0);
}

static void test_m10_reserved_hole_splits(void **state)
{
    (void)state;
    CLEAN({0x500010, 0x10, 2, 1}, {0x100000, 0x1000000, 1, 1});
    assert_int_equal(map.count, 3);
    EXPECT_RANGE(0, 0x100000, 0x500000, E820_USABLE);
    EXPECT_RANGE(1, 0x500000, 0x501000, E820_RESERVED);
    EXPECT_RANGE(2, 0x501000, 0x1100000, E820_USABLE);
}

static void test_m11_low_memory_end(void **state)
{
    const struct e820_entry qemu[] = {{0, 0x9FC00, 1, 1}, {0x9FC00, 0x400, 2, 1}};
    const struct e820_entry bochs[] = {{0, 0x9F000, 1, 1}, {0x9F000, 0x1000, 2, 1}};
    const struct e820_entry overlapped[] = {{0, 0xA0000, 1, 1}, {0x80000, 0x8000, 2, 1}};
    const struct e820_entry none[] = {{0x100000, 0x100000, 1, 1}};

    (void)state;
    assert_int_equal(e820_low_memory_end(bochs, 2, 639, 0x9FC0), 0x9F000);   /* E820 decides */
    assert_int_equal(e820_low_memory_end(qemu, 2, 600, 0x9FC0), 600 * 1024); /* INT 12h */
    assert_int_equal(e820_low_memory_end(qemu, 2, 639, 0x9000), 0x90000);    /* the EBDA */
    assert_int_equal(e820_low_memory_end(qemu, 2, 640, 0), 0x9F000); /* no EBDA; reserved grows */
    assert_int_equal(e820_low_memory_end(qemu, 2, 640, 0x0050), 0x9F000); /* nonsense */
    assert_int_equal(e820_low_memory_end(overlapped, 2, 640, 0), 0x80000);
    assert_int_equal(e820_low_memory_end(none, 1, 640, 0), 0x1000);
    assert_int_equal(e820_low_memory_end(overlapped, 1, 5000, 0xFFFF), 0xA0000);
}

static void test_totals(void **state)
{
    uint64_t largest;

    (void)state;
    CLEAN({0, 0x3000, 1, 1}, {0x10000, 0x5000, 1, 1}, {0x20000, 0x1000, 2, 1});
    assert_int_equal(e820_total(&map, E820_USABLE, &largest), 0x8000);
    assert_int_equal(largest, 0x5000);
    assert_int_equal(e820_total(&map, E820_NVS, &largest), 0);
    assert_int_equal(largest, 0);
    assert_int_equal(e820_total(&map, E820_RESERVED, NULL), 0x1000);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(e820_type_name(E820_USABLE), "usable");
    assert_string_equal(e820_type_name(MEM_KERNEL), "kernel");
    assert_string_equal(e820_type_name(99), "unknown");
    for (uint32_t type = 0; type < 10; type++) {
        assert_true(strlen(e820_type_name(type)) <= 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_maps_at_the_bottom),
        cmocka_unit_test(test_random_maps_at_the_top),
        cmocka_unit_test(test_split_usable_memory),
        cmocka_unit_test(test_m6_attributes_do_not_drop_memory),
        cmocka_unit_test(test_m7_empty_unknown_wrapping),
        cmocka_unit_test(test_m8_full),
        cmocka_unit_test(test_m9_one_entry_and_none),
        cmocka_unit_test(test_m10_reserved_hole_splits),
        cmocka_unit_test(test_m11_low_memory_end),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
