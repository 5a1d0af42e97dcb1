/*
 * test_vmap.c - areas of virtual memory over real page tables and made-up frames: what is mapped,
 * that nothing lies beside it, that everything comes back, also when memory runs out half-way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fakes/panic.h"

/* It has no way to forget its areas, so it is made new for each test by including it. */
#include "kernel/mm/vmap.c"

#define TABLES_MAX  256
#define FRAMES_MAX  4096
#define FIRST_FRAME 0x1000000ull
#define FIRST_TABLE 0x7000000000ull
#define DATA        (PAGE_PRESENT | PAGE_WRITABLE | PAGE_NO_EXECUTE)
#define STEPS       20000
#define AREAS_MAX   40

static uint64_t memory[TABLES_MAX][PAGETABLE_ENTRIES];
static unsigned tables_used, tables_limit;
static bool frame_used[FRAMES_MAX];
static unsigned frames_used, frames_limit;
static unsigned invalidated;
static bool just_invalidated; /* and no frame has gone back since */

static uint64_t new_table(void)
{
    return tables_used < tables_limit ? FIRST_TABLE + PAGE_SIZE * tables_used++
                                      : PAGETABLE_NO_FRAME;
}

static uint64_t *reach(uint64_t phys)
{
    return memory[(phys - FIRST_TABLE) / PAGE_SIZE];
}

static struct pagetable tables = {.new_table = new_table, .reach = reach};

uint64_t *paging_entry(uint64_t address)
{
    assert_true(address - VMAP_BASE < VMAP_SIZE);
    return pagetable_entry(&tables, address);
}

uint64_t paging_physical_end(void)
{
    return 1ull << 48;
}

unsigned paging_walk(uint64_t address, struct walk *walk)
{
    return pagetable_walk(&tables, address, walk);
}

uint64_t paging_data_flags(enum vmap_cache cache)
{
    return DATA | (uint64_t)cache << 3;
}

uint64_t frame_alloc(unsigned order, unsigned flags)
{
    assert_int_equal(order, 0);
    assert_int_equal(flags, 0);
    for (unsigned i = 0; i < FRAMES_MAX && frames_used < frames_limit; i++) {
        if (!frame_used[i]) {
            frame_used[i] = true;
            frames_used++;
            return FIRST_FRAME + i * FRAME_SIZE;
        }
    }
    return FRAME_NONE;
}

/* What the allocator says it has; the truth may be less by the time it is asked for frames. */
static uint64_t frames_said = UINT64_MAX;

void frame_get_stats(struct frame_stats *stats)
{
    stats->free = frames_said;
}

/* A frame may go back only when the CPU has forgotten the page that showed it. */
void frame_free(uint64_t phys, unsigned order)
{
    unsigned i = (unsigned)((phys - FIRST_FRAME) / FRAME_SIZE);

    assert_int_equal(order, 0);
    assert_true(i < FRAMES_MAX && frame_used[i]);
    assert_true(just_invalidated);
    just_invalidated = false;
    frame_used[i] = false;
    frames_used--;
}

void fake_invalidate_page(uint64_t address)
{
    struct walk walk;

    assert_int_not_equal(paging_walk(address, &walk), WALK_MAPPED);
    invalidated++;
    just_invalidated = true;
}

static void start(void)
{
    memset(memory, 0, sizeof(memory));
    memset(frame_used, 0, sizeof(frame_used));
    memset(first_free, 0, sizeof(first_free));
    space_used = 1;
    memory_pages = 0;
    lock = (struct spinlock)SPINLOCK("vmap");
    fake_spin_locks_held = 0;
    tables_used = frames_used = invalidated = 0;
    tables_limit = TABLES_MAX;
    frames_limit = FRAMES_MAX;
    tables.root = new_table();
    tables.largest_level = 1;
}

static uint64_t entry_of(const void *address)
{
    struct walk walk;

    return paging_walk((uintptr_t)address, &walk) == WALK_MAPPED ? walk.step[3].entry : 0;
}

/* ---- Single calls ------------------------------------------------------------------------------
 */

static void test_vmalloc(void **state)
{
    void *guarded = NULL;

    (void)state;
    start();
    char *area = vmalloc(4 * PAGE_SIZE - 5);

    assert_non_null(area);
    assert_int_equal((uintptr_t)area % PAGE_SIZE, 0);
    assert_int_equal(frames_used, 4);
    assert_int_equal(entry_of(area - 1), 0);
    assert_int_equal(entry_of(area + 4 * PAGE_SIZE), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(entry_of(area + i * PAGE_SIZE) & ~PAGE_ADDRESS, DATA);
    }
    assert_true(vmap_is_guard((uintptr_t)area - 1, &guarded));
    assert_ptr_equal(guarded, area);
    assert_true(vmap_is_guard((uintptr_t)area - PAGE_SIZE, &guarded));
    assert_false(vmap_is_guard((uintptr_t)area - PAGE_SIZE - 1, &guarded));
    assert_false(vmap_is_guard((uintptr_t)area, &guarded));
    assert_false(vmap_is_guard((uintptr_t)area + 4 * PAGE_SIZE, &guarded));
    vfree(area);
    assert_int_equal(frames_used, 0);
    assert_int_equal(invalidated, 4);
    assert_false(vmap_is_guard((uintptr_t)area - 1, &guarded));
    vfree(NULL);
}

static void test_vmap(void **state)
{
    (void)state;
    start();
    char *area = vmap(0xFEB00123456, 2 * PAGE_SIZE, VMAP_UNCACHED);

    assert_int_equal((uintptr_t)area % PAGE_SIZE, 0x456);
    assert_int_equal(entry_of(area), 0xFEB00123000 | DATA | (uint64_t)VMAP_UNCACHED << 3);
    assert_int_equal(entry_of(area + 2 * PAGE_SIZE) & PAGE_ADDRESS, 0xFEB00125000);
    assert_int_equal(entry_of(area + 3 * PAGE_SIZE), 0);
    vunmap(area);
    assert_int_equal(entry_of(area), 0);
    assert_int_equal(frames_used, 0);
}

static void test_refusals(void **state)
{
    char *memory_area, *device;

    (void)state;
    start();
    assert_null(vmalloc(0));
    assert_null(vmalloc(SIZE_MAX));
    assert_null(vmalloc(VMAP_SIZE));
    assert_null(vmap(0, 0, VMAP_UNCACHED));
    assert_null(vmap(0, SIZE_MAX, VMAP_UNCACHED));
    assert_null(vmap(UINT64_MAX, 2, VMAP_UNCACHED));
    assert_null(vmap((1ull << 48) - PAGE_SIZE, PAGE_SIZE + 1, VMAP_UNCACHED));
    assert_null(vmap(1ull << 48, 1, VMAP_UNCACHED));
    assert_non_null(vmap((1ull << 48) - PAGE_SIZE, PAGE_SIZE, VMAP_UNCACHED));
    memory_area = vmalloc(1);
    device = vmap(PAGE_SIZE, 1, VMAP_UNCACHED);
    EXPECT_PANIC("vfree of", vfree(device));
    EXPECT_PANIC("vunmap of", vunmap(memory_area));
    EXPECT_PANIC("vfree of", vfree(memory_area + 1));
    EXPECT_PANIC("vfree of", vfree(memory_area + PAGE_SIZE));
    EXPECT_PANIC("vfree of", vfree((void *)8));
    EXPECT_PANIC("vfree of", vfree((void *)(uintptr_t)(VMAP_BASE + VMAP_SIZE)));
    vfree(memory_area);
    EXPECT_PANIC("vfree of", vfree(memory_area));
    vunmap(device);
    EXPECT_PANIC("vunmap of", vunmap(device));
}

/* The same sizes again and again take no more space and no more tables. */
static void test_reuse(void **state)
{
    (void)state;
    start();
    vfree(vmalloc(4 * PAGE_SIZE));
    vfree(vmalloc(30 * PAGE_SIZE));
    uint64_t space = space_used;

    for (unsigned i = 0; i < 100; i++) {
        void *a = vmalloc(4 * PAGE_SIZE), *b = vmalloc((16 + i % 15) * PAGE_SIZE);

        vfree(a);
        vfree(b);
    }
    assert_int_equal(space_used, space);
}

static void test_space_ends(void **state)
{
    (void)state;
    start();
    space_used = SPACE_PAGES - 9;
    char *last = vmalloc(7 * PAGE_SIZE);

    assert_non_null(last);
    assert_true((uintptr_t)last + 8 * PAGE_SIZE <= VMAP_BASE + VMAP_SIZE);
    assert_null(vmalloc(1));
    vfree(last);
    assert_ptr_equal(vmalloc(4 * PAGE_SIZE), last); /* a smaller one of the same order */
}

/* Whatever is short, nothing is kept, and it works again when it is not short. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (unsigned limit = 0; limit < 20; limit++) {
        start();
        frames_limit = limit;
        void *area = vmalloc(12 * PAGE_SIZE);

        assert_true((area != NULL) == (limit >= 12));
        assert_int_equal(frames_used, area != NULL ? 12 : 0);
        frames_limit = FRAMES_MAX;
        assert_non_null(vmalloc(12 * PAGE_SIZE));
        start();
        space_used = 512 - 4; /* the area reaches into a second page table */
        tables_limit = limit % 6;
        area = vmalloc(12 * PAGE_SIZE);
        assert_true((area != NULL) == (tables_limit == 5));
        assert_int_equal(frames_used, area != NULL ? 12 : 0);
        tables_limit = TABLES_MAX;
        assert_non_null(vmalloc(12 * PAGE_SIZE));
    }
}

/* ---- At random ---------------------------------------------------------------------------------
 */

static struct area {
    char *start;
    size_t pages;
    bool device;
} areas[AREAS_MAX];

static void check_area(const struct area *area)
{
    void *guarded = NULL;

    assert_true(vmap_is_guard((uintptr_t)area->start - 1, &guarded));
    assert_ptr_equal(guarded, area->start);
    assert_int_equal(entry_of(area->start + area->pages * PAGE_SIZE), 0);
    for (size_t i = 0; i < area->pages; i++) {
        uint64_t phys = entry_of(area->start + i * PAGE_SIZE) & PAGE_ADDRESS;

        if (area->device) {
            assert_int_equal(phys, area->pages << 32 | i * PAGE_SIZE);
        } else {
            assert_true(frame_used[(phys - FIRST_FRAME) / FRAME_SIZE]);
        }
    }
}

static void step(struct area *area)
{
    if (area->start != NULL) {
        check_area(area);
        (area->device ? vunmap : vfree)(area->start);
        area->start = NULL;
        return;
    }
    area->pages = 1 + (size_t)(rand() % (rand() % 8 == 0 ? 300 : 20));
    area->device = rand() % 2;
    area->start = area->device
                      ? vmap((uint64_t)area->pages << 32, area->pages * PAGE_SIZE, VMAP_UNCACHED)
                      : vmalloc(area->pages * PAGE_SIZE);
    assert_true(area->start != NULL || !area->device);
}

static void test_at_random(void **state)
{
    (void)state;
    srand(7);
    start();
    frames_limit = 1500;
    for (unsigned i = 0; i < STEPS; i++) {
        step(&areas[rand() % AREAS_MAX]);
        assert_int_equal(fake_spin_locks_held, 0);
    }
    size_t owned = 0;

    for (unsigned i = 0; i < AREAS_MAX; i++) {
        if (areas[i].start != NULL) {
            check_area(&areas[i]);
            owned += areas[i].device ? 0 : areas[i].pages;
        }
    }
    assert_int_equal(frames_used, owned);
    assert_int_equal(vmap_memory_used(), owned * PAGE_SIZE);
}

/* Tables stay for ever: what cannot be had makes none, and an area's are made before its frames. */
static void test_tables_come_first(void **state)
{
    (void)state;
    start();
    unsigned at_first = tables_used;

    frames_said = 4 * PAGETABLE_ENTRIES - 1;
    assert_null(vmalloc(4 * PAGETABLE_ENTRIES * PAGE_SIZE));
    assert_int_equal(tables_used, at_first);
    frames_said = UINT64_MAX;
    frames_limit = 0;
    assert_null(vmalloc(4 * PAGETABLE_ENTRIES * PAGE_SIZE));
    unsigned made = tables_used;

    assert_true(made >= at_first + 4);
    assert_null(vmalloc(4 * PAGETABLE_ENTRIES * PAGE_SIZE));
    assert_int_equal(tables_used, made); /* the slot has them already */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vmalloc),    cmocka_unit_test(test_vmap),
        cmocka_unit_test(test_refusals),   cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_space_ends), cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_at_random),  cmocka_unit_test(test_tables_come_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
