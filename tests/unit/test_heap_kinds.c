/*
 * test_heap_kinds.c - the two simple heaps: objects are aligned, inside the region, and never
 * overlap; what is given back can be had again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/heap_kinds.h"

#define REGION_SIZE 65536
#define SLOTS       64
#define STEPS       20000

static _Alignas(16) unsigned char region[REGION_SIZE];
static const struct heap_kind *const kinds[] = {&heap_bump, &heap_first_fit};

static uint64_t state = 42;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

struct object {
    unsigned char *at;
    size_t size;
};

static void fill(struct object *object, unsigned char byte)
{
    assert_int_equal((uintptr_t)object->at % 16, 0);
    assert_true(object->at >= region && object->at + object->size <= region + REGION_SIZE);
    memset(object->at, byte, object->size);
}

static void check(const struct object *object, unsigned char byte)
{
    for (size_t i = 0; i < object->size; i++) {
        assert_int_equal(object->at[i], byte);
    }
}

/* Objects of random sizes come and go; each is full of its own number, which nobody may change. */
static void test_objects_keep_their_bytes(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < 2; k++) {
        struct object objects[SLOTS] = {{NULL, 0}};

        kinds[k]->start(region, REGION_SIZE);
        for (unsigned step = 0; step < STEPS; step++) {
            unsigned i = (unsigned)(next_random() % SLOTS);

            if (objects[i].at != NULL) {
                check(&objects[i], (unsigned char)i);
                kinds[k]->free(region, objects[i].at);
            }
            objects[i].size = 1 + next_random() % 700;
            objects[i].at = kinds[k]->alloc(region, objects[i].size);
            if (objects[i].at != NULL) {
                fill(&objects[i], (unsigned char)i);
            }
        }
    }
}

/* When everything has been given back, the whole region is one piece again. */
static void test_everything_comes_back(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < 2; k++) {
        void *objects[SLOTS];
        size_t count = 0;

        kinds[k]->start(region, REGION_SIZE);
        while (count < SLOTS && (objects[count] = kinds[k]->alloc(region, 900)) != NULL) {
            count++;
        }
        assert_true(count > 50);
        for (size_t i = 0; i < count; i++) {
            kinds[k]->free(region, objects[(i * 37) % count]); /* in no particular order */
        }
        assert_non_null(kinds[k]->alloc(region, REGION_SIZE - 64));
    }
}

/* A hole between two objects is used by whoever fits, and by nobody else. */
static void test_first_fit_takes_the_first_hole(void **unused)
{
    void *object[4];

    (void)unused;
    heap_first_fit.start(region, REGION_SIZE);
    for (int i = 0; i < 4; i++) {
        object[i] = heap_first_fit.alloc(region, 100);
    }
    heap_first_fit.free(region, object[1]);
    assert_ptr_not_equal(heap_first_fit.alloc(region, 200), object[1]);
    assert_ptr_equal(heap_first_fit.alloc(region, 50), object[1]);
    heap_first_fit.free(region, object[2]);
    heap_first_fit.free(region, object[1]);
    assert_ptr_equal(heap_first_fit.alloc(region, 200), object[1]); /* the two are one */
}

static void test_bump_starts_over_when_empty(void **unused)
{
    (void)unused;
    heap_bump.start(region, REGION_SIZE);
    void *first = heap_bump.alloc(region, 10);
    void *second = heap_bump.alloc(region, 10);

    heap_bump.free(region, first);
    assert_ptr_not_equal(heap_bump.alloc(region, 10), first);
    heap_bump.free(region, second);
    heap_bump.free(region, second);
    assert_ptr_equal(heap_bump.alloc(region, 10), first);
}

static void test_no_room_is_said(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < 2; k++) {
        kinds[k]->start(region, REGION_SIZE);
        assert_null(kinds[k]->alloc(region, 0));
        assert_null(kinds[k]->alloc(region, REGION_SIZE));
        assert_null(kinds[k]->alloc(region, SIZE_MAX));
        assert_null(kinds[k]->alloc(region, SIZE_MAX - 20));
        kinds[k]->free(region, NULL);
        assert_non_null(kinds[k]->alloc(region, REGION_SIZE - 64));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_keep_their_bytes),
        cmocka_unit_test(test_everything_comes_back),
        cmocka_unit_test(test_first_fit_takes_the_first_hole),
        cmocka_unit_test(test_bump_starts_over_when_empty),
        cmocka_unit_test(test_no_room_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
