/*
 * test_pagetable.c - page tables against a model that remembers every request: what is mapped
 * where, with which rights, in pages how large, and what is left when memory runs out half-way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/pagetable.h"

#define KIB           1024ull
#define MIB           (1024 * KIB)
#define GIB           (1024 * MIB)
#define PAGE          4096ull
#define TABLES_MAX    4096
#define REQUESTS      60
#define ROUNDS        200
#define BASE          0xFFFF800000000000ull
#define SPACE         (6 * GIB)
#define FIRST_TABLE   0x100000000000ull /* where the made-up tables lie */
#define READ_ONLY     (PAGE_PRESENT | PAGE_NO_EXECUTE)
#define READ_WRITE    (PAGE_PRESENT | PAGE_WRITABLE | PAGE_GLOBAL)
#define SMALL_FROM(l) ((l) == 1 ? PAGE : (l) == 2 ? 2 * MIB : GIB)

static uint64_t memory[TABLES_MAX][PAGETABLE_ENTRIES];
static unsigned tables_used, tables_limit;

static uint64_t new_table(void)
{
    if (tables_used == tables_limit) {
        return PAGETABLE_NO_FRAME;
    }
    memset(memory[tables_used], 0, sizeof(memory[0]));
    return FIRST_TABLE + PAGE * tables_used++;
}

static uint64_t *reach(uint64_t phys)
{
    return phys - FIRST_TABLE < PAGE * tables_used ? memory[(phys - FIRST_TABLE) / PAGE] : NULL;
}

static struct pagetable tables = {.new_table = new_table, .reach = reach};

static void start(unsigned largest_level)
{
    tables_used = 0;
    tables_limit = TABLES_MAX;
    tables.largest_level = largest_level;
    tables.root = new_table();
}

/* ---- The model: the newest request that covers an address decides ------------------------------
 */

struct asked {
    uint64_t virt, phys, size, flags;
};

static struct asked asked[REQUESTS];
static unsigned asked_count;

static const struct asked *model(uint64_t virt)
{
    for (unsigned i = asked_count; i-- > 0;) {
        if (virt - asked[i].virt < asked[i].size) {
            return asked[i].flags == 0 ? NULL : &asked[i];
        }
    }
    return NULL;
}

static bool same(uint64_t virt, const struct asked *wanted)
{
    struct walk walk;
    unsigned end = pagetable_walk(&tables, virt, &walk);

    if (wanted == NULL) {
        return end >= 1 && end <= 4 && walk.page_size == 0;
    }
    uint64_t entry = walk.step[walk.count - 1].entry;
    uint64_t bits = PAGE_PRESENT | PAGE_WRITABLE | PAGE_GLOBAL | PAGE_NO_EXECUTE | PAGE_USER;

    /* Bit 7 of a small page is another bit: it would change how the page is cached. */
    return end == WALK_MAPPED && !!(entry & PAGE_LARGE) == (walk.page_size > PAGE) &&
           walk.phys == wanted->phys + (virt - wanted->virt) && (entry & bits) == wanted->flags &&
           walk.writable == !!(wanted->flags & PAGE_WRITABLE) &&
           walk.executable == !(wanted->flags & PAGE_NO_EXECUTE) && !walk.user;
}

static void check(uint64_t virt)
{
    if (virt - BASE < SPACE && !same(virt, model(virt))) {
        fail_msg("%llx is not mapped as asked, request %u", (unsigned long long)virt, asked_count);
    }
}

static uint64_t pick(uint64_t below)
{
    return ((uint64_t)rand() << 24 ^ (uint64_t)rand()) % below;
}

/* All edges of requests, and some places between. */
static void check_all(void)
{
    for (unsigned i = 0; i < asked_count; i++) {
        uint64_t end = asked[i].virt + asked[i].size;

        check(asked[i].virt - 1);
        check(asked[i].virt);
        check(end - 1);
        check(end);
        check(asked[i].virt + pick(asked[i].size));
        check(BASE + pick(SPACE));
    }
}

static struct asked random_request(void)
{
    static const uint64_t grains[] = {PAGE, PAGE, 2 * MIB, GIB};
    static const uint64_t rights[] = {READ_ONLY, READ_WRITE, PAGE_PRESENT, 0};
    uint64_t grain = grains[pick(4)];
    uint64_t most = SPACE / grain < 1024 ? SPACE / grain : 1024;
    struct asked request = {.virt = BASE + pick(SPACE / grain) * grain,
                            .phys = pick((1ull << 40) / grain) * grain,
                            .size = (1 + pick(most)) * grain,
                            .flags = rights[pick(4)]};

    if (pick(2) == 0) {
        request.phys = request.virt - BASE; /* as in a direct map: as large as can be */
    }
    if (request.size > BASE + SPACE - request.virt) {
        request.size = BASE + SPACE - request.virt;
    }
    return request;
}

static bool map(struct asked request)
{
    return pagetable_map(&tables, request.virt, request.phys, request.size, request.flags);
}

static void test_against_model(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        start(1 + round % 3);
        asked_count = 0;
        for (unsigned i = 0; i < REQUESTS; i++) {
            struct asked request = random_request();

            if (request.size / SMALL_FROM(tables.largest_level) > 4096) {
                request.size = 4096 * SMALL_FROM(tables.largest_level);
            }
            if (tables_used > TABLES_MAX / 2) {
                break;
            }
            assert_true(map(request));
            asked[asked_count++] = request;
        }
        check_all();
    }
}

/* ---- The largest pages -------------------------------------------------------------------------
 */

static uint64_t page_size(uint64_t virt)
{
    struct walk walk;

    assert_int_equal(pagetable_walk(&tables, virt, &walk), WALK_MAPPED);
    return walk.page_size;
}

static void test_largest_pages(void **state)
{
    (void)state;
    start(3);
    assert_true(pagetable_map(&tables, BASE + PAGE, PAGE, 4 * GIB + 2 * MIB, READ_WRITE));
    assert_int_equal(page_size(BASE + PAGE), PAGE);
    assert_int_equal(page_size(BASE + 2 * MIB - 1), PAGE);
    assert_int_equal(page_size(BASE + 2 * MIB), 2 * MIB);
    assert_int_equal(page_size(BASE + GIB - 1), 2 * MIB);
    assert_int_equal(page_size(BASE + GIB), GIB);
    assert_int_equal(page_size(BASE + 4 * GIB - 1), GIB);
    assert_int_equal(page_size(BASE + 4 * GIB), 2 * MIB);
    assert_int_equal(page_size(BASE + 4 * GIB + 2 * MIB), PAGE);
    assert_int_equal(tables_used, 6); /* PML4, PDPT, two PDs, a PT at each end */
    start(2);
    assert_true(pagetable_map(&tables, BASE, 0, 2 * GIB, READ_WRITE));
    assert_int_equal(page_size(BASE + GIB), 2 * MIB);
    /* Physical addresses must fit, too. */
    start(3);
    assert_true(pagetable_map(&tables, BASE, 2 * MIB, GIB, READ_WRITE));
    assert_int_equal(page_size(BASE), 2 * MIB);
    assert_true(pagetable_map(&tables, BASE + GIB, PAGE, 2 * MIB, READ_WRITE));
    assert_int_equal(page_size(BASE + GIB), PAGE);
}

/* One page taken out of 1 GiB splits it twice, and leaves the rest as it was. */
static void test_split(void **state)
{
    (void)state;
    start(3);
    assert_true(pagetable_map(&tables, BASE, GIB, GIB, READ_WRITE));
    assert_int_equal(tables_used, 2);
    assert_true(pagetable_map(&tables, BASE + 5 * MIB, GIB + 5 * MIB, PAGE, READ_ONLY));
    assert_int_equal(tables_used, 4);
    asked[0] = (struct asked){BASE, GIB, GIB, READ_WRITE};
    asked[1] = (struct asked){BASE + 5 * MIB, GIB + 5 * MIB, PAGE, READ_ONLY};
    asked_count = 2;
    for (uint64_t virt = BASE; virt < BASE + GIB; virt += 64 * KIB) {
        check(virt);
    }
    check_all();
    assert_int_equal(page_size(BASE), 2 * MIB);
    assert_int_equal(page_size(BASE + 4 * MIB), PAGE);
    /* Unmapping all of it makes no tables, and keeps those there are. */
    assert_true(pagetable_map(&tables, BASE, 0, 2 * GIB, 0));
    assert_int_equal(tables_used, 4);
    asked[2] = (struct asked){BASE, 0, 2 * GIB, 0};
    asked_count = 3;
    check_all();
    assert_true(pagetable_map(&tables, BASE + 5 * MIB, PAGE, PAGE, READ_ONLY));
    assert_int_equal(tables_used, 4);
}

/* With fewer and fewer tables left: a first part is new, the rest is old. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (unsigned limit = 1; limit < 12; limit++) {
        start(3);
        assert_true(pagetable_map(&tables, BASE, 0, GIB, READ_WRITE));
        asked[0] = (struct asked){BASE, 0, GIB, READ_WRITE};
        asked[1] = (struct asked){BASE + GIB - 3 * MIB, GIB + PAGE, 7 * MIB, READ_ONLY};
        tables_limit = tables_used + limit - 1;
        bool done = map(asked[1]);
        bool in_new = true;

        assert_true(done == (limit > 6)); /* PD and two PTs split, PD and two PTs new */
        for (uint64_t virt = asked[1].virt; virt < asked[1].virt + asked[1].size; virt += PAGE) {
            asked_count = 2;
            if (!same(virt, model(virt))) {
                in_new = false;
            }
            if (!in_new) {
                asked_count = 1;
                check(virt);
            }
        }
        assert_true(in_new == done);
    }
}

static void test_entry(void **state)
{
    uint64_t *entry, *again;

    (void)state;
    start(2);
    entry = pagetable_entry(&tables, BASE + 7 * PAGE);
    assert_non_null(entry);
    assert_int_equal(tables_used, 4);
    *entry = 0x5000 | READ_WRITE;
    asked[0] = (struct asked){BASE + 7 * PAGE, 0x5000, PAGE, READ_WRITE};
    asked_count = 1;
    check_all();
    again = pagetable_entry(&tables, BASE + 7 * PAGE + 9);
    assert_ptr_equal(again, entry);
    assert_true(pagetable_map(&tables, BASE + 2 * MIB, 0, 2 * MIB, READ_WRITE));
    assert_null(pagetable_entry(&tables, BASE + 3 * MIB));
    tables_limit = tables_used;
    assert_null(pagetable_entry(&tables, BASE + GIB));
    assert_non_null(pagetable_entry(&tables, BASE));
}

static void test_walk(void **state)
{
    struct walk walk;

    (void)state;
    start(1);
    assert_int_equal(pagetable_walk(&tables, 0x0000800000000000, &walk), WALK_NOT_CANONICAL);
    assert_int_equal(walk.count, 0);
    assert_int_equal(pagetable_walk(&tables, 0xFFFF7FFFFFFFFFFF, &walk), WALK_NOT_CANONICAL);
    assert_int_equal(pagetable_walk(&tables, 0x00007FFFFFFFFFFF, &walk), 4);
    assert_int_equal(walk.count, 1);
    assert_int_equal(walk.step[0].index, 255);
    assert_true(pagetable_map(&tables, BASE + GIB, 0x123000, PAGE, READ_ONLY));
    assert_int_equal(pagetable_walk(&tables, BASE, &walk), 3);
    assert_int_equal(pagetable_walk(&tables, BASE + GIB + 2 * MIB, &walk), 2);
    assert_int_equal(pagetable_walk(&tables, BASE + GIB + PAGE, &walk), 1);
    assert_int_equal(pagetable_walk(&tables, BASE + GIB + 0xABC, &walk), WALK_MAPPED);
    assert_int_equal(walk.phys, 0x123ABC);
    assert_int_equal(walk.step[0].table, tables.root);
    assert_int_equal(walk.step[1].index, 1);
    /* Rights of tables count: an entry above that forbids writing forbids it below. */
    assert_true(pagetable_map(&tables, BASE + GIB, 0x123000, PAGE, READ_WRITE | PAGE_USER));
    pagetable_walk(&tables, BASE + GIB, &walk);
    assert_true(walk.writable && walk.executable && !walk.user);
    memory[0][256] &= ~PAGE_WRITABLE;
    memory[0][256] |= PAGE_NO_EXECUTE;
    pagetable_walk(&tables, BASE + GIB, &walk);
    assert_true(!walk.writable && !walk.executable);
    /* Bit 12 of a large page is no part of its address. */
    memory[1][1] = GIB | 0x1000 | PAGE_LARGE | READ_WRITE;
    assert_int_equal(pagetable_walk(&tables, BASE + GIB + 5, &walk), WALK_MAPPED);
    assert_int_equal(walk.phys, GIB + 5);
    /* An entry that points nowhere ends the walk, and is shown. */
    memory[1][1] = 0x666000 | PAGE_PRESENT;
    assert_int_equal(pagetable_walk(&tables, BASE + GIB, &walk), WALK_LOST);
    assert_int_equal(walk.count, 2);
    assert_int_equal(walk.step[1].entry, 0x666000 | PAGE_PRESENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model), cmocka_unit_test(test_largest_pages),
        cmocka_unit_test(test_split),         cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_entry),         cmocka_unit_test(test_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
