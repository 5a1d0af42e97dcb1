/*
 * test_kasan.c - the shadow of memory against a model of every byte: what is forbidden is noticed
 * at any address and size, what is allowed is not; and nothing else is looked at.
 */
#define KERNEL_DEBUG 1
#define KERNEL_KASAN 1

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The test has a sanitizer of its own, whose these are. */
#define __asan_handle_no_return kernel_handle_no_return
#define __asan_memcpy           kernel_memcpy
#define __asan_memmove          kernel_memmove
#define __asan_memset           kernel_memset

#include "kernel/mm/kasan.c"
#include "tests/fakes/memory.h"
#include "tests/fakes/panic.h"

#define BASE  0x200000ull
#define BYTES 4096u
#define STEPS 20000

static struct mem_map map;
static bool no_memory;

const struct mem_map *memory_map(void)
{
    return &map;
}

bool mem_type_is_ram(uint32_t type)
{
    return type == E820_USABLE;
}

bool paging_map_fresh(uint64_t address, uint64_t size)
{
    if (!no_memory) {
        fake_memory_map_at(address, size);
    }
    return !no_memory;
}

/* One free block, of two frames, behind what the tests use. */
#define FREE_BLOCK (BASE + 0x8000)

void frame_visit_free(void (*visit)(uint64_t phys, unsigned order))
{
    visit(FREE_BLOCK, 1);
}

void log_line(const char *area, const char *text, ...)
{
    (void)area;
    (void)text;
}

void heap_caller_text(const void *address, char *text, size_t size)
{
    format_string(text, size, "caller %p", address);
}

void heap_debug_describe(const void *address, char *text, size_t size)
{
    (void)address;
    format_string(text, size, ", whose it is");
}

static int start(void **state)
{
    (void)state;
    map = (struct mem_map){.count = 2};
    map.range[0] = (struct mem_range){.base = BASE, .length = 0x10000, .type = E820_USABLE};
    map.range[1] =
        (struct mem_range){.base = BASE + 0x10000, .length = 0x10000, .type = E820_RESERVED};
    no_memory = false;
    kasan_start();
    return 0;
}

static char *at(size_t offset)
{
    return (char *)phys_to_virt(BASE) + offset;
}

/* Is an access refused? The report turns the checks off, so they are started again. */
static bool refused(size_t offset, size_t size)
{
    uint64_t before = watched;
    volatile bool panicked = true;

    fake_panic_expected = true;
    if (setjmp(fake_panic_return) == 0) {
        kasan_check(at(offset), size, "read", NULL);
        panicked = false;
    }
    fake_panic_expected = false;
    watched = before;
    return panicked;
}

static void test_against_every_byte(void **state)
{
    static bool allowed[BYTES];

    (void)state;
    srand(9);
    kasan_forbid(at(0), BYTES);
    for (unsigned step = 0; step < STEPS; step++) {
        size_t offset = (size_t)rand() % (BYTES / 8) * 8;
        size_t size = (size_t)rand() % 100;
        size_t end = offset + size < BYTES ? offset + size : BYTES;
        bool allow = rand() % 2;

        if (allow) {
            kasan_allow(at(offset), end - offset);
        } else {
            kasan_forbid(at(offset), end - offset);
        }
        for (size_t i = offset; i < ((end + 7) & ~(size_t)7); i++) {
            allowed[i] = allow && i < end;
        }
        offset = (size_t)rand() % (BYTES - 64);
        size = (size_t)rand() % 40;
        bool expected = false;

        for (size_t i = offset; i < offset + size; i++) {
            expected = expected || !allowed[i];
        }
        assert_int_equal(refused(offset, size), expected);
    }
}

static void test_the_report(void **state)
{
    (void)state;
    kasan_forbid(at(64), 64);
    kasan_allow(at(64), 13);
    __asan_load8_noabort(at(64));
    __asan_store1_noabort(at(76));
    EXPECT_PANIC("kasan: write of 4 bytes at 0x000020000020004a, by caller 0x",
                 __asan_store4_noabort(at(74)));
    assert_non_null(strstr(fake_panic_text, ", whose it is"));
    EXPECT_PANIC("panic", __asan_store4_noabort(at(74)); PANIC("a panic looks at what it likes"));
}

static void test_each_call_of_the_compiler(void **state)
{
    (void)state;
    kasan_forbid(at(128), 64);
    EXPECT_PANIC("read of 1 bytes", __asan_load1_noabort(at(128)));
    start(NULL);
    kasan_forbid(at(128), 64);
    EXPECT_PANIC("read of 2 bytes", __asan_load2_noabort(at(127)));
    start(NULL);
    kasan_forbid(at(128), 64);
    EXPECT_PANIC("read of 16 bytes", __asan_load16_noabort(at(120)));
    start(NULL);
    kasan_forbid(at(128), 64);
    EXPECT_PANIC("write of 1000 bytes", __asan_storeN_noabort(at(0), 1000));
    start(NULL);
    kasan_forbid(at(128), 64);
    EXPECT_PANIC("read of 9 bytes", __asan_loadN_noabort(at(120), 9));
    start(NULL);
}

static void test_free_frames(void **state)
{
    size_t free = FREE_BLOCK - BASE;

    (void)state;
    assert_false(refused(free - 8, 8));
    assert_false(refused(free + 2 * FRAME_SIZE, 8));
    assert_true(refused(free, 1));
    EXPECT_PANIC(", in a frame that nobody has allocated",
                 __asan_load8_noabort(at(free + 2 * FRAME_SIZE - 8)));
    start(NULL);
    kasan_allow(at(free), FRAME_SIZE);
    kasan_forbid_as(at(free), FRAME_SIZE, KASAN_FREE_FRAME);
    EXPECT_PANIC(", in a frame that was released", __asan_store2_noabort(at(free - 1)));
}

static void test_an_expected_access_goes_on(void **state)
{
    struct kasan_report report = {0};

    (void)state;
    kasan_forbid(at(64), 64);
    kasan_allow(at(64), 13);
    kasan_expect(&report);
    __asan_loadN_noabort(at(64), 13);
    assert_int_equal(report.size, 0);
    __asan_store8_noabort(at(72));
    __asan_load1_noabort(at(80));
    kasan_expect(NULL);
    assert_true(report.write);
    assert_int_equal(report.size, 8);
    assert_int_equal(report.address, (uintptr_t)at(72));
    assert_int_equal(report.bad, (uintptr_t)at(77));
    assert_int_equal(report.shadow, 5);
}

static void test_what_has_no_shadow_is_not_looked_at(void **state)
{
    int local = 0;

    (void)state;
    kasan_check(&local, sizeof(local), "read", NULL);
    kasan_check(at(0x10000), 8, "read", NULL);
    kasan_forbid(&local, sizeof(local));
    kasan_forbid(at(0x10000), 8);
    kasan_check(at(0x10000), 8, "read", NULL);
}

static void test_without_memory_nothing_is_checked(void **state)
{
    (void)state;
    watched = 0;
    no_memory = true;
    kasan_start();
    kasan_forbid(at(0), 8);
    kasan_check(at(0), 8, "read", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_against_every_byte, start),
        cmocka_unit_test_setup(test_the_report, start),
        cmocka_unit_test_setup(test_each_call_of_the_compiler, start),
        cmocka_unit_test_setup(test_free_frames, start),
        cmocka_unit_test_setup(test_an_expected_access_goes_on, start),
        cmocka_unit_test_setup(test_what_has_no_shadow_is_not_looked_at, start),
        cmocka_unit_test_setup(test_without_memory_nothing_is_checked, start),
    };

    return cmocka_run_group_tests_name("kasan", tests, NULL, NULL);
}
