/*
 * test_frame.c - the buddy allocator over made-up memory on both sides of 4 GiB, against a model
 * that knows the owner of every frame and looks for free blocks by trying every place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fakes/memory.h"
#include "tests/fakes/panic.h"

#define MIB         0x100000ull
#define LOW_BASE    (16 * MIB - 5 * FRAME_SIZE) /* ragged on purpose */
#define LOW_FRAMES  (3 * 1024 + 11)
#define HIGH_BASE   0x100000000ull
#define HIGH_FRAMES 1500
#define FRAMES      (LOW_FRAMES + HIGH_FRAMES)
#define STEPS       60000
#define HELD_MAX    4000

/* frame.c has no way to forget its memory, so it is made new for each test by including it. */
#include "kernel/mm/frame.c"

static void start(bool low, bool high)
{
    below_4g = above_4g = (struct zone){.orders = 0};
    total_frames = free_frames = end = 0;
    fake_spin_locks_held = 0;
    lock = (struct spinlock)SPINLOCK("frames");
    fake_memory_map(LOW_BASE, (uint64_t)LOW_FRAMES * FRAME_SIZE);
    fake_memory_map(HIGH_BASE, (uint64_t)HIGH_FRAMES * FRAME_SIZE);
    if (low) {
        frame_add(LOW_BASE, (uint64_t)LOW_FRAMES * FRAME_SIZE);
    }
    if (high) {
        frame_add(HIGH_BASE, (uint64_t)HIGH_FRAMES * FRAME_SIZE);
    }
}

/* ---- The model --------------------------------------------------------------------------------
 */

static bool used[FRAMES]; /* the low frames, then the high ones */

static bool is_ram(uint64_t phys)
{
    return (phys >= LOW_BASE && phys < LOW_BASE + (uint64_t)LOW_FRAMES * FRAME_SIZE) ||
           (phys >= HIGH_BASE && phys < HIGH_BASE + (uint64_t)HIGH_FRAMES * FRAME_SIZE);
}

static bool *model_of(uint64_t phys)
{
    assert_true(is_ram(phys));
    return phys >= HIGH_BASE ? &used[LOW_FRAMES + (phys - HIGH_BASE) / FRAME_SIZE]
                             : &used[(phys - LOW_BASE) / FRAME_SIZE];
}

static void model_set(uint64_t phys, size_t count, bool to)
{
    for (size_t i = 0; i < count; i++) {
        bool *frame = model_of(phys + i * FRAME_SIZE);

        assert_int_not_equal(*frame, to);
        *frame = to;
    }
}

static bool block_is_free(uint64_t phys, unsigned order)
{
    for (uint64_t at = phys; at < phys + ORDER_BYTES(order); at += FRAME_SIZE) {
        if (!is_ram(at) || *model_of(at)) {
            return false;
        }
    }
    return true;
}

/* Free blocks of ORDER that are not inside a larger one, between FROM and TO; at least ENOUGH. */
static uint64_t model_blocks(uint64_t from, uint64_t to, unsigned order, bool maximal)
{
    uint64_t count = 0;

    for (uint64_t at = from & -ORDER_BYTES(order); at < to; at += ORDER_BYTES(order)) {
        if (block_is_free(at, order) && (!maximal || order == LARGEST ||
                                         !block_is_free(at & -ORDER_BYTES(order + 1), order + 1))) {
            count++;
        }
    }
    return count;
}

static bool model_has(unsigned order, bool low, bool high)
{
    return (low && model_blocks(LOW_BASE, LOW_BASE + LOW_FRAMES * FRAME_SIZE, order, false) > 0) ||
           (high &&
            model_blocks(HIGH_BASE, HIGH_BASE + HIGH_FRAMES * FRAME_SIZE, order, false) > 0);
}

static void check_against_model(void)
{
    struct frame_stats stats;
    uint64_t free = 0;

    frame_get_stats(&stats);
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        assert_int_equal(
            stats.free_blocks[order],
            model_blocks(LOW_BASE, LOW_BASE + LOW_FRAMES * FRAME_SIZE, order, true) +
                model_blocks(HIGH_BASE, HIGH_BASE + HIGH_FRAMES * FRAME_SIZE, order, true));
        free += stats.free_blocks[order] << order;
    }
    assert_int_equal(stats.free, free);
    assert_int_equal(stats.total, FRAMES);
}

/* ---- Random work ------------------------------------------------------------------------------
 */

static struct held {
    uint64_t phys;
    size_t count;
    bool run;
} held[HELD_MAX];
static size_t held_count;

static void random_alloc(void)
{
    bool run = rand() % 4 == 0, below = rand() % 4 == 0;
    unsigned order = (unsigned)(rand() % FRAME_ORDERS) * (unsigned)(rand() % FRAME_ORDERS) / 10;
    size_t count = run ? 1 + (unsigned)rand() % 1024 : (size_t)1 << order;
    unsigned flags = below ? FRAME_BELOW_4G : 0;
    unsigned run_order = (unsigned)rand() % (order + 1);
    uint64_t phys = run ? frame_alloc_run(count, run_order, flags) : frame_alloc(order, flags);

    order = frame_order(count * FRAME_SIZE);
    if (run && run_order > order) {
        order = run_order;
    }
    if (phys == FRAME_NONE) {
        assert_false(model_has(order, true, !below));
        return;
    }
    assert_int_equal(phys % ORDER_BYTES(order), 0);
    assert_false(below && phys >= HIGH_BASE);
    if (phys < HIGH_BASE && !below) {
        assert_false(model_has(order, false, true));
    }
    model_set(phys, count, true);
    memset(phys_to_virt(phys), 0xA5, count * FRAME_SIZE); /* it is ours */
    held[held_count++] = (struct held){phys, count, run};
}

static void random_free(void)
{
    struct held *victim = &held[(size_t)rand() % held_count];

    model_set(victim->phys, victim->count, false);
    if (victim->run) {
        frame_free_run(victim->phys, victim->count);
    } else {
        frame_free(victim->phys, frame_order(victim->count * FRAME_SIZE));
    }
    *victim = held[--held_count];
}

static void test_random_work_against_the_model(void **state)
{
    (void)state;
    srand(3);
    start(true, true);
    check_against_model();
    for (unsigned step = 0; step < STEPS; step++) {
        /* Phases of mostly taking and mostly giving: full and empty are both reached. */
        bool mostly_take = step / 1000 % 2 == 0;

        if (held_count == 0 || (held_count < HELD_MAX && (rand() % 8 < 5) == mostly_take)) {
            random_alloc();
        } else {
            random_free();
        }
        if (step % 500 == 0) {
            check_against_model();
        }
    }
    while (held_count > 0) {
        random_free();
    }
    check_against_model();
}

/* ---- Named cases ------------------------------------------------------------------------------
 */

static void test_every_frame_can_be_had_once(void **state)
{
    size_t count = 0;
    struct frame_stats stats;

    (void)state;
    start(true, true);
    while (frame_alloc(0, 0) != FRAME_NONE) {
        count++;
    }
    assert_int_equal(count, FRAMES);
    frame_get_stats(&stats);
    assert_int_equal(stats.free, 0);
    assert_int_equal(frame_alloc_run(1, 0, 0), FRAME_NONE);
}

static void test_ordinary_memory_comes_from_above_4_gib(void **state)
{
    (void)state;
    start(true, true);
    assert_true(frame_alloc(0, 0) >= FOUR_GIB);
    assert_true(frame_alloc(0, FRAME_BELOW_4G) < FOUR_GIB);
    start(true, false);
    assert_true(frame_alloc(3, 0) < FOUR_GIB);
    start(false, true);
    assert_int_equal(frame_alloc(0, FRAME_BELOW_4G), FRAME_NONE);
}

static void test_order_of_a_size(void **state)
{
    (void)state;
    assert_int_equal(frame_order(0), 0);
    assert_int_equal(frame_order(4096), 0);
    assert_int_equal(frame_order(4097), 1);
    assert_int_equal(frame_order(4 * MIB), FRAME_ORDERS - 1);
    assert_int_equal(frame_order(4 * MIB + 1), FRAME_ORDERS);
    assert_int_equal(frame_order(SIZE_MAX), FRAME_ORDERS);
}

static void test_runs_have_bounds(void **state)
{
    (void)state;
    start(true, true);
    assert_int_equal(frame_alloc_run(0, 0, 0), FRAME_NONE);
    assert_int_equal(frame_alloc_run(1025, 0, 0), FRAME_NONE);
    assert_int_equal(frame_alloc_run(SIZE_MAX / FRAME_SIZE + 2, 0, 0), FRAME_NONE);
    assert_int_equal(frame_alloc_run(1, FRAME_ORDERS, 0), FRAME_NONE);
    assert_int_not_equal(frame_alloc_run(1024, 0, 0), FRAME_NONE);
    EXPECT_PANIC("0 frames", frame_free_run(HIGH_BASE, 0));
    EXPECT_PANIC("1025 frames", frame_free_run(HIGH_BASE, 1025));
}

static void test_memory_beyond_the_limit_is_left_out(void **state)
{
    struct frame_stats stats;

    (void)state;
    start(false, false);
    frame_add(FRAME_LIMIT, FRAME_SIZE);
    frame_add(LOW_BASE, 0);
    frame_get_stats(&stats);
    assert_int_equal(stats.total, 0);
    assert_false(frame_exists(LOW_BASE));
    fake_memory_map(FRAME_LIMIT - FRAME_BLOCK_MAX, FRAME_BLOCK_MAX);
    frame_add(FRAME_LIMIT - FRAME_SIZE, 2 * FRAME_SIZE);
    frame_get_stats(&stats);
    assert_int_equal(stats.total, 1);
    assert_true(frame_exists(FRAME_LIMIT - 1));
    assert_false(frame_exists(FRAME_LIMIT));
    EXPECT_PANIC("length 0x1", frame_add(LOW_BASE, 1));
}

static uint64_t started_block(unsigned order)
{
    start(true, true);
    return frame_alloc(order, 0);
}

static void test_wrong_releases_panic_with_both_values(void **state)
{
    uint64_t phys = started_block(1);

    (void)state;
    frame_free(phys, 1);
    EXPECT_PANIC("order 1: a free block begins there (order ", frame_free(phys, 1));
    phys = started_block(1);
    EXPECT_PANIC("a block of another order begins there (order 1)", frame_free(phys, 0));
    phys = started_block(1);
    EXPECT_PANIC("order 0: no block begins there", frame_free(phys + FRAME_SIZE, 0));
    phys = started_block(1);
    EXPECT_PANIC("there is no such block", frame_free(phys + FRAME_SIZE, 1));
    phys = started_block(1);
    EXPECT_PANIC("there is no such block", frame_free(phys, FRAME_ORDERS));
    phys = started_block(1);
    EXPECT_PANIC("there is no such block", frame_free(FRAME_LIMIT, 0));
    phys = started_block(0);
    EXPECT_PANIC("order 11", frame_alloc(FRAME_ORDERS, 0));
}

static void test_damaged_lists_are_noticed(void **state)
{
    (void)state;
    /* Volatile, as a panic comes back by longjmp. */
    for (volatile unsigned kind = 0; kind < 6; kind++) {
        const uint32_t damage[] = {0x41414141, LOW_BASE / FRAME_SIZE + 1, 0};

        frame_free(started_block(0), 0);
        struct frame *first = frame_at(above_4g.list[LARGEST]);
        struct frame *damaged = first->next != 0 ? frame_at(first->next) : first;
        uint32_t *link = kind < 3 ? &damaged->next : &damaged->previous;

        if (*link != damage[kind % 3]) {
            *link = damage[kind % 3];
            EXPECT_PANIC(
                "is damaged", while (frame_alloc(0, 0) != FRAME_NONE) { continue; });
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_work_against_the_model),
        cmocka_unit_test(test_every_frame_can_be_had_once),
        cmocka_unit_test(test_ordinary_memory_comes_from_above_4_gib),
        cmocka_unit_test(test_order_of_a_size),
        cmocka_unit_test(test_runs_have_bounds),
        cmocka_unit_test(test_memory_beyond_the_limit_is_left_out),
        cmocka_unit_test(test_wrong_releases_panic_with_both_values),
        cmocka_unit_test(test_damaged_lists_are_noticed),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
