/*
 * test_heap.c - the heap as it is in the default build, on made-up memory: random work against a
 * model that knows every byte, memory that runs out at each point, and every kind of misuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/cpu/cpu.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/heap_internal.h"
#include "kernel/symbols.h"
#include "tests/fakes/memory.h"
#include "tests/fakes/panic.h"
#include "tests/fakes/vmalloc.h"

#define MIB         0x100000ull
#define BASE        (1 * MIB)
#define SIZE        (16 * MIB)
#define HELD_MAX    3000
#define STEPS       400000
#define CLASSES_MAX 40
#define RECORD_SIZE 40 /* struct virtual_object */

bool fake_interrupts_on = true;

bool symbols_find(uint64_t address, struct symbol *symbol)
{
    (void)address;
    *symbol = (struct symbol){.function = "guilty", .offset = 0x11, .file = "it.c", .line = 34};
    return true;
}

static int start(void **state)
{
    (void)state;
    fake_memory_map(BASE, SIZE);
    frame_add(BASE, SIZE);
    return 0;
}

static uint64_t free_frames(void)
{
    struct frame_stats stats;

    frame_get_stats(&stats);
    return stats.free;
}

static void drain(void)
{
    spin_lock(&heap_lock);
    heap_drain();
    spin_unlock(&heap_lock);
}

/* What a panic in the middle of the heap leaves behind. */
static void after_panic(void)
{
    heap_lock = (struct spinlock)SPINLOCK("heap");
    fake_spin_locks_held = 0;
    fake_interrupts_on = true;
}

/* ---- Random work against a model --------------------------------------------------------------
 */

static struct held {
    uint8_t *object;
    size_t size;
    size_t class_index;
    bool is_virtual;
    uint8_t seed;
} held[HELD_MAX];
static size_t held_count;
static uint64_t model_live[CLASSES_MAX], model_peak[CLASSES_MAX], model_allocated[CLASSES_MAX];

static void fill(struct held *h)
{
    h->seed = (uint8_t)rand();
    for (size_t i = 0; i < h->size; i += i < 256 ? 1 : 61) {
        h->object[i] = (uint8_t)(h->seed + i);
    }
    h->object[h->size - 1] = h->seed;
}

static void check_bytes(const struct held *h, size_t size)
{
    for (size_t i = 0; i < size; i += i < 256 ? 1 : 61) {
        if (i != h->size - 1) {
            assert_int_equal(h->object[i], (uint8_t)(h->seed + i));
        }
    }
}

/* The class of objects of SIZE, by what heap_get_stats says of the classes. */
static size_t class_of(size_t size)
{
    struct heap_class_stats stats;
    size_t index = 0;

    for (heap_get_stats(0, &stats); stats.size != 0 && stats.size < size;) {
        heap_get_stats(++index, &stats);
    }
    return index;
}

static void model_count(size_t index)
{
    model_live[index]++;
    model_allocated[index]++;
    if (model_live[index] > model_peak[index]) {
        model_peak[index] = model_live[index];
    }
}

/* For an object in virtual memory the heap keeps a record, in the heap. */
static void model_add(struct held *h, size_t align)
{
    h->class_index = align > 4096 ? heap_class_count() - 1 : class_of(kmalloc_size(h->object));
    h->is_virtual = kmalloc_size(h->object) > 4 * MIB;
    model_count(h->class_index);
    if (h->is_virtual) {
        model_count(class_of(RECORD_SIZE));
    }
}

static void model_remove(size_t class_index, bool is_virtual)
{
    model_live[class_index]--;
    model_live[class_of(RECORD_SIZE)] -= is_virtual;
}

static size_t random_size(void)
{
    switch (rand() % 16) {
    case 0:
        return 1 + (size_t)rand() % 20000;
    case 1:
        return 1 + (size_t)rand() % 8;
    case 2:
        return rand() % 50 ? 4096 : 1 + (size_t)rand() % (6 * MIB);
    default:
        return 1 + (size_t)rand() % (rand() % 4 ? 500 : 4096);
    }
}

static void random_take(void)
{
    struct held *h = &held[held_count];
    size_t align = HEAP_ALIGN;

    h->size = random_size();
    switch (rand() % 8) {
    case 0:
        align = (size_t)1 << rand() % 15;
        h->object = kmalloc_aligned(h->size, align);
        break;
    case 1:
        h->object = kcalloc(1, h->size);
        for (size_t i = 0; h->object != NULL && i < h->size; i++) {
            assert_int_equal(h->object[i], 0);
        }
        break;
    default:
        h->object = kmalloc(h->size);
    }
    if (h->object == NULL) {
        return;
    }
    assert_int_equal((uintptr_t)h->object % (align > HEAP_ALIGN ? align : HEAP_ALIGN), 0);
    assert_true(kmalloc_size(h->object) >= h->size);
    fill(h);
    model_add(h, align);
    held_count++;
}

static void random_give(void)
{
    struct held *h = &held[(size_t)rand() % held_count];

    check_bytes(h, h->size);
    kfree(h->object);
    model_remove(h->class_index, h->is_virtual);
    *h = held[--held_count];
}

static void random_resize(void)
{
    struct held *h = &held[(size_t)rand() % held_count];
    size_t size = random_size();
    uint8_t *object = krealloc(h->object, size);

    if (object == NULL) {
        check_bytes(h, h->size);
        return;
    }
    bool moved = object != h->object;

    h->object = object;
    check_bytes(h, size < h->size ? size : h->size - 1);
    h->size = size;
    fill(h);
    if (moved) {
        struct held old = *h;

        model_add(h, HEAP_ALIGN); /* the new one was there before the old one went */
        model_remove(old.class_index, old.is_virtual);
    }
}

static void check_against_model(void)
{
    for (size_t i = 0; i < heap_class_count(); i++) {
        struct heap_class_stats stats;

        heap_get_stats(i, &stats);
        assert_int_equal(stats.live, model_live[i]);
        assert_int_equal(stats.peak, model_peak[i]);
        assert_int_equal(stats.allocated, model_allocated[i]);
        assert_true(stats.frames * FRAME_SIZE >= stats.live * stats.size);
    }
    heap_check();
    assert_true(fake_interrupts_on);
    assert_int_equal(fake_spin_locks_held, 0);
}

static void test_random_work_against_the_model(void **state)
{
    uint64_t before = free_frames();

    (void)state;
    kfree(kmalloc(1)); /* makes the classes */
    model_allocated[0] = model_peak[0] = 1;
    srand(42);
    for (unsigned step = 0; step < STEPS; step++) {
        bool mostly_take = step / 4000 % 2 == 0;

        if (held_count == 0 || (held_count < HELD_MAX && (rand() % 8 < 5) == mostly_take)) {
            random_take();
        } else if (rand() % 8 == 0) {
            random_resize();
        } else {
            random_give();
        }
        if (step % 2000 == 0) {
            check_against_model();
        }
    }
    while (held_count > 0) {
        random_give();
    }
    check_against_model();
    drain();
    assert_int_equal(free_frames(), before);
    assert_int_equal(fake_areas, 0);
}

/* ---- Memory that runs out ---------------------------------------------------------------------
 */

/* All the memory there is, in objects of SIZE: how many bytes, and that all of it comes back. */
static uint64_t fill_memory(size_t size)
{
    uint64_t before = free_frames(), got = 0;
    void **chain = NULL, **object;

    while ((object = kmalloc(size)) != NULL) {
        *object = chain;
        chain = object;
        got += size;
    }
    heap_check();
    assert_null(kmalloc(size));
    while (chain != NULL) {
        object = *chain;
        kfree(chain);
        chain = object;
    }
    drain();
    assert_int_equal(free_frames(), before);
    return got;
}

static void test_all_memory_can_be_had_and_comes_back(void **state)
{
    (void)state;
    drain();
    for (size_t size = 16; size <= 65536; size += size / 2 / 16 * 16 + 16) {
        uint64_t bytes = fill_memory(size);
        uint64_t wanted = size <= 4096 ? SIZE / 4 * 3 : SIZE / 2 * size / ((size | 4095) + 1);

        if (bytes < wanted) {
            fail_msg("%zu bytes: only %llu of %llu", size, (unsigned long long)bytes, SIZE);
        }
    }
    assert_true(fill_memory(16) > SIZE / 20 * 19);
    assert_true(fill_memory(4096) > SIZE / 20 * 19);
    assert_true(fill_memory(4 * MIB) >= SIZE - 4 * MIB);
}

static void test_ready_objects_are_given_up_when_memory_is_short(void **state)
{
    static uint64_t frames[SIZE / FRAME_SIZE];
    size_t count = 0;
    void *object = kmalloc(100);

    (void)state;
    kfree(object); /* its slab has no object in use, but it is not the frames' */
    while ((frames[count] = frame_alloc(0, 0)) != FRAME_NONE) {
        count++;
    }
    void *other = kmalloc(1000);

    assert_non_null(other);
    kfree(other);
    void *large = kmalloc(4097);

    assert_null(large);
    while (count > 0) {
        frame_free(frames[--count], 0);
    }
}

/* With FRAMES free frames: whatever can be done is done, the rest is refused, nothing is lost. */
static void work_with(size_t free_wanted)
{
    static uint64_t frames[SIZE / FRAME_SIZE];
    size_t count = 0;

    drain();
    uint64_t before = free_frames();

    while (free_frames() > free_wanted) {
        frames[count++] = frame_alloc(0, 0);
    }
    void *small = kmalloc(64), *page = kmalloc(4096), *large = kmalloc(3 * 4096);
    void *wide = kmalloc_aligned(100, 65536), *zeroed = kcalloc(10, 300);
    uint8_t *virtual = kmalloc(5 * MIB), *grown = krealloc(small, 2000);

    if (grown == NULL) {
        kfree(small);
    }
    kfree(grown);
    kfree(page);
    kfree(large);
    kfree(wide);
    kfree(zeroed);
    kfree(virtual);
    while (count > 0) {
        frame_free(frames[--count], 0);
    }
    drain();
    heap_check();
    assert_int_equal(free_frames(), before);
    assert_int_equal(fake_areas, 0);
}

static void test_out_of_memory_at_each_allocation(void **state)
{
    (void)state;
    for (size_t frames = 0; frames < 60; frames++) {
        for (fake_areas_max = 0; fake_areas_max < 2; fake_areas_max++) {
            work_with(frames);
        }
    }
    fake_areas_max = 1000;
}

/* ---- Edges ------------------------------------------------------------------------------------
 */

static void test_sizes_at_the_edges(void **state)
{
    void *object = kmalloc(1);

    (void)state;
    kfree(NULL);
    assert_null(kmalloc(0));
    assert_null(kmalloc_aligned(0, 4096));
    assert_null(kcalloc(0, 10));
    assert_null(kcalloc(SIZE_MAX / 2, 3));
    assert_null(kmalloc(SIZE_MAX));
    assert_null(kmalloc(SIZE_MAX - 4000));
    assert_null(krealloc(object, SIZE_MAX));
    assert_int_equal(kmalloc_size(object), 16);
    assert_null(krealloc(object, 0));
    object = krealloc(NULL, 4096);
    assert_int_equal(kmalloc_size(object), 4096);
    assert_int_equal((uintptr_t)object % 4096, 0);
    object = krealloc(object, 4097);
    assert_int_equal(kmalloc_size(object), 8192);
    kfree(object);
    EXPECT_PANIC("align 24", kmalloc_aligned(1, 24));
    EXPECT_PANIC("align 0", kmalloc_aligned(1, 0));
    EXPECT_PANIC("align 8388608", kmalloc_aligned(1, 8 * MIB));
}

static void test_every_alignment_of_every_size(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 4 * MIB; align *= 2) {
        for (size_t size = 1; size < 20000; size += size / 16 + 1) {
            void *object = kmalloc_aligned(size, align);

            assert_non_null(object);
            assert_int_equal((uintptr_t)object % align, 0);
            assert_true(kmalloc_size(object) >= size);
            kfree(object);
        }
    }
    void *virtual = kmalloc_aligned(5 * MIB, MIB);

    assert_int_equal((uintptr_t) virtual % MIB, 0);
    assert_int_equal(kmalloc_size(virtual), 5 * MIB);
    kfree(virtual);
    assert_int_equal(fake_areas, 0);
}

static void test_an_object_may_hold_the_mark(void **state)
{
    uint64_t *object = kmalloc(64), *other = kmalloc(64);

    (void)state;
    *object = *other = HEAP_MARK;
    kfree(object);
    kfree(other);
    heap_check();
}

/* ---- Misuse -----------------------------------------------------------------------------------
 */

static void test_second_release(void **state)
{
    uint8_t *object = kmalloc(100), *large = kmalloc(10000);
    char text[64];

    (void)state;
    kfree(object);
    snprintf(text, sizeof(text), "second release of object 0x%016llx of 112 bytes",
             (unsigned long long)(uintptr_t)object);
    EXPECT_PANIC(text, kfree(object));
    assert_non_null(strstr(fake_panic_text, "by guilty+0x12 (it.c:34)"));
    after_panic();
    void *kept = kmalloc(100); /* the slab stays when the rest of it is given back */

    object = kmalloc(100);
    kfree(object);
    drain();
    EXPECT_PANIC(text + sizeof("second release of object 0x0123456789abcdef") - 1, kfree(object));
    after_panic();
    kfree(kept);
    kfree(large);
    EXPECT_PANIC("release of what is no object", kfree(large));
    after_panic();
}

static void test_release_of_what_is_no_object(void **state)
{
    uint8_t *object = kmalloc(48), *large = kmalloc(10000);
    uint64_t frame = frame_alloc(0, 0);
    int local;

    (void)state;
    EXPECT_PANIC("inside object", kfree(object + 16));
    after_panic();
    EXPECT_PANIC("inside object", kfree(object + 1));
    after_panic();
    /* 85 objects of 48 bytes leave 16 bytes of a page. */
    EXPECT_PANIC("no object", kfree((void *)(((uintptr_t)object | 4095) - 15)));
    after_panic();
    EXPECT_PANIC("no object", kfree(large + 4096));
    after_panic();
    EXPECT_PANIC("no object", kfree(large + 16));
    after_panic();
    EXPECT_PANIC("no object", kfree(phys_to_virt(frame)));
    after_panic();
    EXPECT_PANIC("no object", kfree(phys_to_virt(BASE + SIZE)));
    after_panic();
    EXPECT_PANIC("no object", kfree(&local));
    after_panic();
    EXPECT_PANIC("no object", kfree((void *)8));
    after_panic();
    frame_free(frame, 0);
    kfree(object);
    kfree(large);
}

static void test_damage_to_free_objects(void **state)
{
    (void)state;
    for (size_t word = 0; word < 2; word++) {
        for (int drained = 0; drained < 2; drained++) {
            uint64_t *kept = kmalloc(200), *object = kmalloc(200), saved;
            char text[64];

            kfree(object);
            if (drained) {
                drain();
            } else if (word == 1) {
                kfree(kept);
                continue; /* an object that is ready has no link */
            }
            snprintf(text, sizeof(text), "something wrote to free object 0x%016llx of 208 bytes",
                     (unsigned long long)(uintptr_t)object);
            saved = object[word];
            object[word] = 7;
            EXPECT_PANIC(text, heap_check());
            after_panic();
            EXPECT_PANIC(text, kmalloc(200));
            after_panic();
            object[word] = saved;
            kfree(kept);
        }
    }
}

static void test_overflow_into_a_free_object(void **state)
{
    uint64_t *object = kmalloc(512);

    (void)state;
    drain();
    object[64] = 1; /* the object behind it is free: either word is its mark, or its slab's end */
    if ((uintptr_t)(object + 64) % 4096 != 0) {
        EXPECT_PANIC("something wrote to free object", heap_check());
        after_panic();
        object[64] = HEAP_MARK;
    }
    kfree(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_work_against_the_model),
        cmocka_unit_test(test_all_memory_can_be_had_and_comes_back),
        cmocka_unit_test(test_ready_objects_are_given_up_when_memory_is_short),
        cmocka_unit_test(test_out_of_memory_at_each_allocation),
        cmocka_unit_test(test_sizes_at_the_edges),
        cmocka_unit_test(test_every_alignment_of_every_size),
        cmocka_unit_test(test_an_object_may_hold_the_mark),
        cmocka_unit_test(test_second_release),
        cmocka_unit_test(test_release_of_what_is_no_object),
        cmocka_unit_test(test_damage_to_free_objects),
        cmocka_unit_test(test_overflow_into_a_free_object),
    };

    return cmocka_run_group_tests_name("heap", tests, start, NULL);
}
