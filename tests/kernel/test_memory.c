/*
 * test_memory.c - the frame allocator and the heap on the machine's own memory: long random work
 * against models, and what happens when nothing is left.
 */
#include "kernel/mm/address.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"

#define SLOTS        512
#define HEAP_STEPS   1000000
#define FRAME_STEPS  100000
#define FRAME_SLOTS  128
#define CHECK_EVERY  100000
#define LARGEST_WORK 20000 /* bytes */
#define LEFT         (32ull << 20)

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t free_frames(void)
{
    struct frame_stats stats;

    frame_get_stats(&stats);
    return stats.free;
}

static uint64_t live_objects(void)
{
    uint64_t objects = 0;

    for (size_t i = 0; i < heap_class_count(); i++) {
        struct heap_class_stats stats;

        heap_get_stats(i, &stats);
        objects += stats.live;
    }
    return objects;
}

/* ---- A million operations of the heap ---------------------------------------------------------
 */

/* What must be in a live object: its number, over and over, in the first and last eight bytes. */
static struct slot {
    uint8_t *object;
    size_t size;
    uint8_t mark;
} slots[SLOTS];

static void mark_ends(struct slot *slot)
{
    slot->mark = (uint8_t)next_random();
    memset(slot->object, slot->mark, slot->size < 8 ? slot->size : 8);
    memset(slot->object + slot->size - (slot->size < 8 ? slot->size : 8), slot->mark,
           slot->size < 8 ? slot->size : 8);
}

static bool ends_are_marked(const struct slot *slot)
{
    size_t end = slot->size < 8 ? slot->size : 8;

    for (size_t i = 0; i < end; i++) {
        if (slot->object[i] != slot->mark || slot->object[slot->size - 1 - i] != slot->mark) {
            return false;
        }
    }
    return true;
}

static size_t random_size(void)
{
    uint64_t choice = next_random() % 64;

    if (choice == 0) {
        return 1 + next_random() % LARGEST_WORK;
    }
    return 1 + next_random() % (choice < 8 ? 4096 : 300);
}

static void change(struct slot *slot)
{
    size_t old = slot->size;

    switch (next_random() % 16) {
    case 0:
        slot->size = random_size();
        slot->object = krealloc(slot->object, slot->size);
        CHECK(slot->object != NULL, "no memory for %zu bytes", slot->size);
        CHECK(old == 0 || *slot->object == slot->mark, "krealloc lost what was there");
        break;
    case 1:
        kfree(slot->object);
        slot->size = random_size();
        slot->object = kmalloc_aligned(slot->size, 256);
        CHECK((uintptr_t)slot->object % 256 == 0, "%p", (void *)slot->object);
        break;
    default:
        kfree(slot->object);
        slot->size = random_size();
        slot->object = kmalloc(slot->size);
    }
    CHECK(slot->object != NULL, "no memory for %zu bytes", slot->size);
    CHECK(kmalloc_size(slot->object) >= slot->size, "%zu bytes", slot->size);
    mark_ends(slot);
}

GUEST_TEST(heap_does_a_million_operations)
{
    uint64_t before = live_objects();

    random_state = 42;
    memset(slots, 0, sizeof(slots));
    for (uint32_t step = 0; step < HEAP_STEPS; step++) {
        struct slot *slot = &slots[next_random() % SLOTS];

        CHECK(slot->object == NULL || ends_are_marked(slot), "step %u, %zu bytes at %p", step,
              slot->size, (void *)slot->object);
        change(slot);
        if (step % CHECK_EVERY == 0) {
            heap_check();
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        CHECK(slots[i].object == NULL || ends_are_marked(&slots[i]), "slot %zu", i);
        kfree(slots[i].object);
    }
    heap_check();
#ifndef KERNEL_DEBUG /* there what is released waits */
    CHECK(live_objects() == before, "%llu objects, %llu before", (unsigned long long)live_objects(),
          (unsigned long long)before);
#else
    (void)before;
#endif
}

/* ---- Frames -----------------------------------------------------------------------------------
 */

static struct block {
    uint64_t phys;
    unsigned order;
} blocks[FRAME_SLOTS];

/* Write BLOCK's own address and NUMBER into its first and last word. */
static void mark_block(const struct block *block, uint64_t number)
{
    uint64_t *words = phys_to_virt(block->phys);

    words[0] = block->phys ^ number;
    words[((size_t)FRAME_SIZE << block->order) / sizeof(*words) - 1] = ~block->phys ^ number;
}

static bool block_is_marked(const struct block *block, uint64_t number)
{
    const uint64_t *words = phys_to_virt(block->phys);

    return words[0] == (block->phys ^ number) &&
           words[((size_t)FRAME_SIZE << block->order) / sizeof(*words) - 1] ==
               (~block->phys ^ number);
}

static void free_block(struct block *block, uint64_t number)
{
    if (block->phys != FRAME_NONE) {
        CHECK(block_is_marked(block, number), "order %u at %#llx", block->order,
              (unsigned long long)block->phys);
        frame_free(block->phys, block->order);
        block->phys = FRAME_NONE;
    }
}

GUEST_TEST(frames_do_long_random_work)
{
    uint64_t before = free_frames();

    random_state = 7;
    for (size_t i = 0; i < FRAME_SLOTS; i++) {
        blocks[i].phys = FRAME_NONE;
    }
    for (uint32_t step = 0; step < FRAME_STEPS; step++) {
        size_t i = next_random() % FRAME_SLOTS;
        struct block *block = &blocks[i];

        free_block(block, i);
        block->order = (unsigned)(next_random() % FRAME_ORDERS * (next_random() % 8) / 7);
        block->phys = frame_alloc(block->order, step % 4 == 0 ? FRAME_BELOW_4G : 0);
        if (block->phys != FRAME_NONE) {
            CHECK(block->phys % ((uint64_t)FRAME_SIZE << block->order) == 0, "%#llx, order %u",
                  (unsigned long long)block->phys, block->order);
            mark_block(block, i);
        }
    }
    for (size_t i = 0; i < FRAME_SLOTS; i++) {
        free_block(&blocks[i], i);
    }
    CHECK(free_frames() == before, "%llu frames, %llu before", (unsigned long long)free_frames(),
          (unsigned long long)before);
}

/* ---- When nothing is left ---------------------------------------------------------------------
 */

/* Memory that was taken away: blocks of the largest order. */
struct hidden {
    size_t count;
    uint64_t *blocks;
};

/*
 * Take memory away until about LEFT bytes are free, without touching it: to fill the gigabytes of a
 * large machine would take minutes, and its host's memory.
 */
static struct hidden hide_memory(void)
{
    struct hidden hidden = {.count = 0};
    uint64_t most = free_frames() * FRAME_SIZE / FRAME_BLOCK_MAX;

    hidden.blocks = kmalloc(most * sizeof(uint64_t));
    CHECK(hidden.blocks != NULL, "no memory");
    while (hidden.count < most && free_frames() * FRAME_SIZE > LEFT + FRAME_BLOCK_MAX) {
        hidden.blocks[hidden.count] = frame_alloc(FRAME_ORDERS - 1, 0);
        if (hidden.blocks[hidden.count] == FRAME_NONE) {
            break;
        }
        hidden.count++;
    }
    return hidden;
}

static void show_memory(struct hidden hidden)
{
    while (hidden.count > 0) {
        frame_free(hidden.blocks[--hidden.count], FRAME_ORDERS - 1);
    }
    kfree(hidden.blocks);
}

/* Allocate objects of SIZE until there are no more, in a chain; *COUNT of them. */
static void **take_all(size_t size, size_t *count)
{
    void **chain = NULL, **object;

    for (*count = 0; (object = kmalloc(size)) != NULL; (*count)++) {
        *object = chain;
        chain = object;
    }
    return chain;
}

static void give_all(void **chain)
{
    while (chain != NULL) {
        void **next = *chain;

        kfree(chain);
        chain = next;
    }
}

GUEST_TEST(heap_gives_null_when_memory_is_short)
{
    size_t large_count, small_count, again;
    struct hidden hidden = hide_memory();
    void **large = take_all(100000, &large_count);
    void **small = take_all(64, &small_count);

    CHECK(large != NULL && small != NULL, "%zu large and %zu small objects", large_count,
          small_count);
    CHECK(kmalloc(100000) == NULL && kmalloc(64) == NULL, "memory came from nowhere");
    CHECK(krealloc(small, 4096) == NULL, "memory came from nowhere");
    give_all(small);
    give_all(large);
    large = take_all(100000, &again);
    give_all(large);
    CHECK(again + 1 >= large_count, "%zu large objects, %zu before", again, large_count);
    show_memory(hidden);
    heap_check();
}

GUEST_TEST(heap_serves_three_quarters_of_free_memory)
{
    struct hidden hidden = hide_memory();
    uint64_t before = free_frames() * FRAME_SIZE;
    size_t count;
    void **chain = take_all(1000, &count);

    give_all(chain);
    show_memory(hidden);
#ifndef KERNEL_DEBUG /* red zones need room */
    CHECK(count * 1000 > before / 4 * 3, "%zu of %llu KiB", count * 1000 / 1024,
          (unsigned long long)before / 1024);
#endif
    /* What a machine with 32 MiB must do. */
    CHECK(before < 24 << 20 || count * 1000 >= 16 << 20, "%zu KiB", count * 1000 / 1024);
}
