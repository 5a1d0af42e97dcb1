/*
 * test_heap_debug.c - the heap as it is in debug builds: red zones, what is written after a
 * release, and who is named for it.
 */
#define KERNEL_DEBUG 1

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/mm/heap.h"
#include "kernel/symbols.h"
#include "tests/fakes/memory.h"
#include "tests/fakes/panic.h"
#include "tests/fakes/vmalloc.h"

/* The heap is compiled here, so that it is a debug build whatever the other units are. */
#include "kernel/mm/heap.c"
#include "kernel/mm/heap_check.c"
#include "kernel/mm/heap_debug.c"

#define MIB      0x100000ull
#define BASE     (1 * MIB)
#define SIZE     (16 * MIB)
#define STEPS    60000
#define HELD_MAX 500

bool fake_interrupts_on = true;
static char printed[2000];

bool symbols_find(uint64_t address, struct symbol *symbol)
{
    *symbol = (struct symbol){.offset = 0x11, .file = "it.c", .line = 34};
    strcpy(symbol->function, address == 0xA110C - 1 ? "taker" : "guilty");
    return true;
}

void kprintf(const char *text, ...)
{
    size_t used = strlen(printed);
    va_list arguments;

    va_start(arguments, text);
    format_string_va(printed + used, sizeof(printed) - used, text, arguments);
    va_end(arguments);
}

static int start(void **state)
{
    (void)state;
    fake_memory_map(BASE, SIZE);
    frame_add(BASE, SIZE);
    return 0;
}

static void after_panic(void)
{
    heap_lock = (struct spinlock)SPINLOCK("heap");
    lock = (struct spinlock)SPINLOCK("heap debug");
    fake_spin_locks_held = 0;
    fake_interrupts_on = true;
}

static void *taken(size_t size)
{
    return heap_debug_take(size, HEAP_ALIGN, (void *)0xA110C);
}

static uint64_t free_frames(void)
{
    struct frame_stats stats;

    heap_debug_flush();
    spin_lock(&heap_lock);
    heap_drain();
    spin_unlock(&heap_lock);
    frame_get_stats(&stats);
    return stats.free;
}

static void test_random_work(void **state)
{
    static uint8_t *object[HELD_MAX];
    static size_t size[HELD_MAX];
    uint64_t before = free_frames();

    (void)state;
    srand(5);
    for (unsigned step = 0; step < STEPS; step++) {
        size_t i = (size_t)rand() % HELD_MAX;
        size_t align = (size_t)16 << rand() % 9;

        if (object[i] != NULL) {
            assert_int_equal(object[i][0], (uint8_t)i);
            assert_int_equal(object[i][size[i] - 1], (uint8_t)i);
        }
        if (rand() % 4 == 0 && object[i] != NULL) {
            size_t keep = size[i];

            size[i] = 1 + (size_t)rand() % 9000;
            object[i] = krealloc(object[i], size[i]);
            assert_int_equal(object[i][0], (uint8_t)i);
            assert_true(keep > size[i] || object[i][keep - 1] == (uint8_t)i);
        } else {
            kfree(object[i]);
            size[i] = 1 + (size_t)rand() % (rand() % 8 ? 600 : 9000);
            object[i] = kmalloc_aligned(size[i], align);
            assert_int_equal((uintptr_t)object[i] % align, 0);
            assert_int_equal(object[i][size[i] / 2], NEW);
        }
        assert_int_equal(kmalloc_size(object[i]), size[i]);
        memset(object[i], (int)i, size[i]);
        if (step % 1000 == 0) {
            heap_check();
        }
    }
    for (size_t i = 0; i < HELD_MAX; i++) {
        kfree(object[i]);
    }
    heap_check();
    assert_int_equal(free_frames(), before);
}

/* A write AT bytes from the beginning of an object of SIZE, outside of it, is noticed. */
static void check_write(size_t size, int at)
{
    uint8_t *object = taken(size);

    object[at] ^= 1;
    if (at >= 0) {
        EXPECT_PANIC("something wrote behind the end of object", kfree(object));
        assert_non_null(strstr(fake_panic_text, "by guilty+0x12 (it.c:34); allocated by "
                                                "taker+0x12 (it.c:34)"));
    } else {
        EXPECT_PANIC("something wrote in front of it", kfree(object));
    }
    after_panic();
    EXPECT_PANIC("something wrote", heap_check());
    after_panic();
    object[at] ^= 1;
    kfree(object);
}

static void test_writes_beside_an_object(void **state)
{
    (void)state;
    for (size_t size = 1; size < 100; size += 7) {
        for (int at = -8; at < (int)size + 16; at = at == -1 ? (int)size : at + 1) {
            check_write(size, at);
        }
    }
}

static void test_writes_after_the_release(void **state)
{
    uint8_t *object = taken(300);

    (void)state;
    object[299] = 1;
    kfree(object);
    for (size_t at = 0; at < 300; at += 13) {
        object[at] ^= 0x80;
        EXPECT_PANIC("something wrote after its release to object", heap_check());
        assert_non_null(strstr(fake_panic_text, "allocated by taker"));
        assert_non_null(strstr(fake_panic_text, "released by guilty"));
        after_panic();
        object[at] ^= 0x80;
    }
    object[17] = 0;
    EXPECT_PANIC(
        "something wrote after its release",
        for (unsigned i = 0; i < 10000; i++) { kfree(kmalloc(100)); });
    after_panic();
    heap_debug_flush();
}

static void test_second_release(void **state)
{
    uint8_t *object = taken(40), *large = taken(100000);

    (void)state;
    kfree(object);
    EXPECT_PANIC("second release of object", kfree(object));
    assert_non_null(strstr(fake_panic_text, "of 40 bytes, by guilty+0x12 (it.c:34); allocated by "
                                            "taker+0x12 (it.c:34); released by guilty"));
    after_panic();
    kfree(large);
    EXPECT_PANIC("second release of object", kfree(large));
    after_panic();
    EXPECT_PANIC("no object", kmalloc_size((void *)16));
    after_panic();
    EXPECT_PANIC("no object", kfree(object + 1));
    after_panic();
    object = taken(400);
    EXPECT_PANIC("no object", kfree(object + 128));
    after_panic();
    kfree(object);
}

static void test_memory_that_waits_is_given_up(void **state)
{
    void **chain = NULL, **object;
    uint64_t before = free_frames();
    size_t first = 0, second = 0;

    (void)state;
    assert_null(kmalloc(SIZE_MAX));
    assert_null(kmalloc(SIZE_MAX / 2 + 1));
    assert_null(kmalloc(0));
    while ((object = kmalloc(2000)) != NULL) {
        *object = chain;
        chain = object;
        first++;
    }
    for (unsigned i = 0; i < 50; i++) {
        object = *chain;
        kfree(chain);
        chain = object;
    }
    while ((object = kmalloc(2000)) != NULL) {
        *object = chain;
        chain = object;
        second++;
    }
    assert_int_equal(second, 50);
    while (chain != NULL) {
        object = *chain;
        kfree(chain);
        chain = object;
    }
    assert_int_equal(free_frames(), before);
}

static void test_leaks_are_listed_by_caller(void **state)
{
    void *small[3], *large = kmalloc(5000);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        small[i] = taken(10);
    }
    heap_report_leaks();
    assert_string_equal(printed, "objects      bytes  allocated by\n"
                                 "      1       5000  guilty+0x12 (it.c:34)\n"
                                 "      3         30  taker+0x12 (it.c:34)\n");
    for (unsigned i = 0; i < 3; i++) {
        kfree(small[i]);
    }
    kfree(large);
}

static void test_more_callers_than_fit(void **state)
{
    void *object[CALLERS_MAX + 9];

    (void)state;
    for (uintptr_t i = 0; i < CALLERS_MAX + 9; i++) {
        object[i] = heap_debug_take(1, HEAP_ALIGN, (void *)(i + 1));
    }
    printed[0] = '\0';
    heap_report_leaks();
    assert_non_null(strstr(printed, "     10         10  others\n"));
    for (uintptr_t i = 0; i < CALLERS_MAX + 9; i++) {
        kfree(object[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_work),
        cmocka_unit_test(test_writes_beside_an_object),
        cmocka_unit_test(test_writes_after_the_release),
        cmocka_unit_test(test_second_release),
        cmocka_unit_test(test_memory_that_waits_is_given_up),
        cmocka_unit_test(test_leaks_are_listed_by_caller),
        cmocka_unit_test(test_more_callers_than_fit),
    };

    return cmocka_run_group_tests_name("heap_debug", tests, start, NULL);
}
