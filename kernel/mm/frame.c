/*
 * frame.c - see frame.h. The buddy system.
 *
 * A block of order n begins at a multiple of its size; its buddy is the other half of the block of
 * order n + 1 around both, and their addresses differ in one bit. Allocation takes the smallest
 * free block that is large enough and halves it until it fits; release joins a block with its buddy
 * as long as that is free, too.
 *
 *   order 2   |        wanted: order 0       |
 *   order 1   |    A halved   |  B, free     |
 *   order 0   | taken |C, free|
 *
 * Invariants, whenever the lock is free:
 * - the state of a frame is FRAME_FREE or FRAME_USED exactly where a block begins, `order` is then
 *   that block's; all other frames are FRAME_INSIDE.
 * - a free block is on the list of its order and zone, and no free block has a free buddy (of the
 *   same order, below the largest one).
 * - no block lies in both zones: 4 GiB is a multiple of the largest block.
 *
 * [KNUTH1 2.5]
 */
#include "kernel/mm/frame.h"

#include "kernel/mm/kasan.h"
#include "kernel/panic.h"
#include "kernel/sched/spinlock.h"

#define LARGEST            (FRAME_ORDERS - 1)
#define RUN_MAX            ((size_t)1 << LARGEST)
#define FOUR_GIB           0x100000000ull
#define ORDER_BYTES(order) ((uint64_t)FRAME_SIZE << (order))

/* The free blocks on one side of 4 GiB. */
struct zone {
    uint32_t list[FRAME_ORDERS];   /* number of the first block's first frame; 0: none */
    uint64_t blocks[FRAME_ORDERS]; /* how many are on each list */
    uint32_t orders;               /* bit n: list n is not empty */
};

static struct spinlock lock = SPINLOCK("frames"); /* guards all that follows, and struct frame */
static struct zone below_4g, above_4g;
static uint64_t total_frames, free_frames;
static uint64_t end; /* of the highest RAM that was added */

static struct zone *zone_of(uint64_t phys)
{
    return phys < FOUR_GIB ? &below_4g : &above_4g;
}

static struct frame *frame_at(uint32_t number)
{
    return frame_of((uint64_t)number * FRAME_SIZE);
}

static void list_push(uint64_t phys, unsigned order)
{
    struct zone *zone = zone_of(phys);
    struct frame *block = frame_of(phys);
    uint32_t number = (uint32_t)(phys / FRAME_SIZE);

    block->state = FRAME_FREE;
    block->order = (uint8_t)order;
    block->previous = 0;
    block->next = zone->list[order];
    if (block->next != 0) {
        frame_at(block->next)->previous = number;
    }
    zone->list[order] = number;
    zone->blocks[order]++;
    zone->orders |= 1u << order;
}

/* Could a free block of ORDER begin at the frame NUMBER? 0, the end of a list, is one as well. */
static bool is_link(uint32_t number, unsigned order)
{
    return number == 0 ||
           ((uint64_t)number * FRAME_SIZE < end && frame_at(number)->state == FRAME_FREE &&
            frame_at(number)->order == order);
}

/* Who writes where he should not may hit the links; they must agree with each other. */
static void check_links(const struct zone *zone, uint32_t number, unsigned order)
{
    uint32_t next = frame_at(number)->next, previous = frame_at(number)->previous;

    if (!is_link(next, order) || !is_link(previous, order) ||
        (next != 0 && frame_at(next)->previous != number) ||
        (previous != 0 ? frame_at(previous)->next : zone->list[order]) != number) {
        PANIC("the list of free frames is damaged: frame %#x has the links %#x, %#x", number, next,
              previous);
    }
}

/* Take the free block at PHYS off its list; who calls sets its state. */
static void list_remove(uint64_t phys, unsigned order)
{
    struct zone *zone = zone_of(phys);
    struct frame *block = frame_of(phys);

    check_links(zone, (uint32_t)(phys / FRAME_SIZE), order);
    *(block->previous != 0 ? &frame_at(block->previous)->next : &zone->list[order]) = block->next;
    if (block->next != 0) {
        frame_at(block->next)->previous = block->previous;
    }
    if (--zone->blocks[order] == 0) {
        zone->orders &= ~(1u << order);
    }
}

/* Make the allocated block at PHYS free, and as large as its buddies allow. */
static void release(uint64_t phys, unsigned order)
{
    free_frames += 1ull << order;
    kasan_forbid_as(phys_to_virt(phys), ORDER_BYTES(order), KASAN_FREE_FRAME);
    while (order < LARGEST) {
        uint64_t buddy = phys ^ ORDER_BYTES(order);

        if (frame_of(buddy)->state != FRAME_FREE || frame_of(buddy)->order != order) {
            break;
        }
        list_remove(buddy, order);
        frame_of(phys | ORDER_BYTES(order))->state = FRAME_INSIDE;
        phys &= ~ORDER_BYTES(order);
        order++;
    }
    list_push(phys, order);
}

/* Release the frames [FROM, TO), of which none is free, in the largest blocks that fit. */
static void release_range(uint64_t from, uint64_t to)
{
    while (from < to) {
        unsigned order = LARGEST;

        /* From the top down, so that what was added last, and is taken first, is low. */
        while (to % ORDER_BYTES(order) != 0 || to - from < ORDER_BYTES(order)) {
            order--;
        }
        to -= ORDER_BYTES(order);
        release(to, order);
    }
}

void frame_add(uint64_t base, uint64_t length)
{
    uint64_t to = base + length < FRAME_LIMIT ? base + length : FRAME_LIMIT;

    ASSERT(base % FRAME_SIZE == 0 && length % FRAME_SIZE == 0, "base %#llx, length %#llx",
           (unsigned long long)base, (unsigned long long)length);
    if (base >= to) {
        return;
    }
    spin_lock(&lock);
    total_frames += (to - base) / FRAME_SIZE;
    end = to > end ? to : end;
    release_range(base, to);
    spin_unlock(&lock);
}

/* Take a block of ORDER out of ZONE; FRAME_NONE if it has none. */
static uint64_t take(struct zone *zone, unsigned order)
{
    uint32_t large_enough = zone->orders >> order << order;

    if (large_enough == 0) {
        return FRAME_NONE;
    }
    unsigned have = (unsigned)__builtin_ctz(large_enough);
    uint64_t phys = (uint64_t)zone->list[have] * FRAME_SIZE;

    list_remove(phys, have);
    while (have > order) {
        have--;
        list_push(phys + ORDER_BYTES(have), have); /* the upper half stays free */
    }
    frame_of(phys)->state = FRAME_USED;
    frame_of(phys)->order = (uint8_t)order;
    free_frames -= 1ull << order;
    kasan_allow(phys_to_virt(phys), ORDER_BYTES(order));
    return phys;
}

static uint64_t take_anywhere(unsigned order, unsigned flags)
{
    uint64_t phys = FRAME_NONE;

    if ((flags & FRAME_BELOW_4G) == 0) {
        phys = take(&above_4g, order);
    }
    return phys != FRAME_NONE ? phys : take(&below_4g, order);
}

uint64_t frame_alloc(unsigned order, unsigned flags)
{
    ASSERT(order < FRAME_ORDERS, "order %u", order);
    spin_lock(&lock);
    uint64_t phys = take_anywhere(order, flags);

    spin_unlock(&lock);
    return phys;
}

/* Panic unless an allocated block of ORDER begins at PHYS. */
static void check_used(uint64_t phys, unsigned order)
{
    static const char *const states[] = {"no block begins", "a free block begins",
                                         "a block of another order begins"};

    if (order >= FRAME_ORDERS || phys % ORDER_BYTES(order) != 0 || phys >= end) {
        PANIC("release of frame %#llx, order %u: there is no such block", (unsigned long long)phys,
              order);
    }
    const struct frame *frame = frame_of(phys);

    if (frame->state != FRAME_USED || frame->order != order) {
        PANIC("release of frame %#llx, order %u: %s there (order %u)", (unsigned long long)phys,
              order, states[frame->state], frame->order);
    }
}

void frame_free(uint64_t phys, unsigned order)
{
    spin_lock(&lock);
    check_used(phys, order);
    release(phys, order);
    spin_unlock(&lock);
}

/*
 * A run is kept as the blocks that COUNT's bits stand for, the largest one first: 7 frames are
 * blocks of 4, 2 and 1. Each lies at a multiple of its size, as the run's beginning is one, too.
 */
uint64_t frame_alloc_run(size_t count, unsigned order, unsigned flags)
{
    if (count == 0 || count > RUN_MAX || order > LARGEST) {
        return FRAME_NONE;
    }
    if (order < frame_order(count * FRAME_SIZE)) {
        order = frame_order(count * FRAME_SIZE);
    }
    spin_lock(&lock);
    uint64_t phys = take_anywhere(order, flags);

    if (phys != FRAME_NONE) {
        uint64_t next = phys;

        for (unsigned bit = FRAME_ORDERS; bit-- > 0;) {
            if (count >> bit & 1) {
                frame_of(next)->state = FRAME_USED;
                frame_of(next)->order = (uint8_t)bit;
                next += ORDER_BYTES(bit);
            }
        }
        release_range(next, phys + ORDER_BYTES(order));
    }
    spin_unlock(&lock);
    return phys;
}

void frame_free_run(uint64_t phys, size_t count)
{
    ASSERT(count > 0 && count <= RUN_MAX, "%zu frames", count);
    spin_lock(&lock);
    for (unsigned bit = FRAME_ORDERS; bit-- > 0;) {
        if (count >> bit & 1) {
            check_used(phys, bit);
            release(phys, bit);
            phys += ORDER_BYTES(bit);
        }
    }
    spin_unlock(&lock);
}

unsigned frame_order(size_t size)
{
    unsigned order = 0;

    while (order < FRAME_ORDERS && size > ORDER_BYTES(order)) {
        order++;
    }
    return order;
}

bool frame_exists(uint64_t phys)
{
    return phys < end;
}

#ifdef KERNEL_KASAN
static void visit_zone(const struct zone *zone, void (*visit)(uint64_t phys, unsigned order))
{
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        for (uint32_t at = zone->list[order]; at != 0; at = frame_at(at)->next) {
            visit((uint64_t)at * FRAME_SIZE, order);
        }
    }
}

void frame_visit_free(void (*visit)(uint64_t phys, unsigned order))
{
    spin_lock(&lock);
    visit_zone(&below_4g, visit);
    visit_zone(&above_4g, visit);
    spin_unlock(&lock);
}
#endif

void frame_get_stats(struct frame_stats *stats)
{
    spin_lock(&lock);
    stats->total = total_frames;
    stats->free = free_frames;
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        stats->free_blocks[order] = below_4g.blocks[order] + above_4g.blocks[order];
    }
    spin_unlock(&lock);
}
