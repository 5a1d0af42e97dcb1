/*
 * ram.c - see ram.h.
 *
 * A BIOS may claim memory that is not there. The last page of each usable range is tried, and if it
 * does not answer the end of the range is searched for. No other memory is touched that is not
 * needed: a virtual machine gets its memory from its host page by page, and the first access to
 * each takes longer than all of this file.
 */
#include "kernel/mm/ram.h"

#include "kernel/cpu/cpu.h"
#include "kernel/log.h"
#include "kernel/mm/address.h"
#include "kernel/mm/early.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/memory.h"
#include "kernel/mm/paging.h"
#include "kernel/string.h"

#define FIRMWARE_MAX                                                                               \
    (1ull << 30) /* a range of ACPI tables or the loader's: a thousandth is usual */
#define FOUR_GIB (1ull << 32)

/* Page 0 of the low window is never mapped, so its place is free to look at other pages. */
#define PROBE_PAGE KERNEL_VIRT_BASE

_Static_assert(FRAME_ARRAY_PART % PAGE_SIZE == 0, "each block has its own pages of struct frames");
_Static_assert(FRAME_LIMIT <= DIRECT_SIZE, "all frames are in the direct map");

static uint64_t record_count;          /* frames that hold struct frames */
static uint64_t own_next, own_end;     /* of the range's own memory, for its struct frames */
static uint64_t taken[MEM_RANGES_MAX]; /* where that ended, for each range; 0: nothing */

/* Is there RAM at PHYS, page aligned? The cache must not answer for it. */
static bool keeps_what_is_written(uint64_t phys)
{
    if (phys < early_end()) {
        return true; /* it holds our tables already */
    }
    volatile uint64_t *word = (volatile uint64_t *)PROBE_PAGE;
    uint64_t *entry = paging_entry(PROBE_PAGE);

    *entry = phys | paging_data_flags(VMAP_WRITE_BACK);
    uint64_t before = *word;

    *word = ~before;
    cpu_flush_cache_line(word);
    bool kept = *word == ~before;

    *word = before;
    *entry = 0;
    cpu_invalidate_page(PROBE_PAGE);
    return kept;
}

/*
 * How far usable [START, END) is there, to a block; START if nothing is. RAM is taken to be in one
 * piece, so that the search can halve what is left.
 */
static uint64_t end_of_ram(uint64_t start, uint64_t end)
{
    uint64_t there = start / FRAME_BLOCK_MAX;
    uint64_t gone = (end - 1) / FRAME_BLOCK_MAX;

    if (keeps_what_is_written(end - PAGE_SIZE)) {
        return end;
    }
    while (gone - there > 1) {
        uint64_t middle = there + (gone - there) / 2;

        if (keeps_what_is_written(middle * FRAME_BLOCK_MAX)) {
            there = middle;
        } else {
            gone = middle;
        }
    }
    return gone * FRAME_BLOCK_MAX > start && keeps_what_is_written(start) ? gone * FRAME_BLOCK_MAX
                                                                          : start;
}

static bool map_direct(uint64_t start, uint64_t end)
{
    if (start < PAGE_SIZE) {
        start = PAGE_SIZE; /* page 0 is mapped nowhere */
    }
    return start >= end ||
           paging_map(DIRECT_BASE + start, start, end - start, paging_data_flags(VMAP_WRITE_BACK));
}

static void unmap_direct(uint64_t start, uint64_t end)
{
    if (end > DIRECT_SIZE) {
        end = DIRECT_SIZE; /* behind it lies something else */
    }
    if (start < end) {
        paging_map(DIRECT_BASE + start, 0, end - start, 0);
    }
}

static uint64_t record_frame(void)
{
    if (own_next < own_end) {
        own_next += FRAME_SIZE;
        return own_next - FRAME_SIZE;
    }
    return early_frame();
}

/* Map the struct frames of the block at BLOCK, unless a neighbour in it has done so. */
static bool map_block_records(uint64_t block)
{
    uint64_t start = FRAMES_BASE + block / FRAME_BLOCK_MAX * FRAME_ARRAY_PART;
    struct walk walk;

    if (paging_walk(start + FRAME_ARRAY_PART - PAGE_SIZE, &walk) == WALK_MAPPED) {
        return true;
    }
    for (uint64_t page = start; page < start + FRAME_ARRAY_PART; page += PAGE_SIZE) {
        uint64_t frame = record_frame();

        if (frame == FRAME_NONE ||
            !paging_map(page, frame, PAGE_SIZE, paging_data_flags(VMAP_WRITE_BACK))) {
            return false;
        }
        memset(phys_to_virt(frame), 0, PAGE_SIZE);
        record_count++;
    }
    return true;
}

/* Map the struct frames of [START, END), block by block. Returns how far memory sufficed. */
static uint64_t map_records(uint64_t start, uint64_t end)
{
    for (uint64_t block = start / FRAME_BLOCK_MAX * FRAME_BLOCK_MAX; block < end;
         block += FRAME_BLOCK_MAX) {
        if (!map_block_records(block)) {
            return block > start ? block : start;
        }
    }
    return end;
}

/*
 * Take what lies from GOOD on out of range INDEX of the map and out of the direct map, and say WHY.
 * Returns whether anything is left.
 */
static bool keep_until(size_t index, uint64_t good, const char *why)
{
    const struct mem_range *range = &memory_map()->range[index];
    uint64_t base = range->base;
    uint64_t end = base + range->length;

    if (good < end) {
        good = good > base ? good : base;
        log_line("memory", "%llu KiB at %llx are not used: %s",
                 (unsigned long long)((end - good) / 1024), (unsigned long long)good, why);
        unmap_direct(good, end);
        memory_cut(index, good);
    }
    return good > base;
}

/* Map the struct frames of usable range INDEX; above 4 GiB it has room for them itself. */
static void take_records(size_t index)
{
    const struct mem_range *range = &memory_map()->range[index];
    uint64_t end = range->base + range->length;

    if (range->base >= FOUR_GIB) {
        own_next = range->base;
        own_end = range->base + range->length / FRAME_SIZE / 2 * FRAME_SIZE;
    }
    keep_until(index, map_records(range->base, end), "no room for their struct frames");
    taken[index] = own_next;
    own_next = own_end = 0;
}

/* Bring range INDEX into the direct map, if it is RAM. The image is there already. */
static void take_range(size_t index, uint64_t limit)
{
    const struct mem_range *range = &memory_map()->range[index];
    uint64_t start = range->base;
    bool usable = range->type == E820_USABLE;

    if (!mem_type_is_ram(range->type) || range->type == MEM_KERNEL ||
        !keep_until(index, limit, "too high up")) {
        return;
    }
    if (usable) {
        uint64_t end = end_of_ram(start, start + range->length);

        if (!keep_until(index, end, "nothing answers there")) {
            return;
        }
    } else {
        keep_until(index, start + FIRMWARE_MAX, "too much to be true");
    }
    if (!map_direct(start, start + range->length)) {
        keep_until(index, 0, "no room for their page tables");
    } else if (usable) {
        take_records(index);
    }
}

uint64_t ram_map_all(uint64_t cpu_end)
{
    for (size_t i = 0; i < memory_map()->count; i++) {
        take_range(i, cpu_end < FRAME_LIMIT ? cpu_end : FRAME_LIMIT);
    }
    return record_count;
}

static uint64_t highest(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t ab = a > b ? a : b;

    return ab > c ? ab : c;
}

void ram_give_to_frames(void)
{
    const struct mem_map *map = memory_map();
    uint64_t early = early_close();

    for (size_t i = 0; i < map->count; i++) {
        const struct mem_range *range = &map->range[i];
        uint64_t base = range->base;
        uint64_t end = base + range->length;

        /* The kernel is done with all that the loader left; page 0 is nobody's. */
        if (range->type == MEM_LOADER) {
            base = highest(base, PAGE_SIZE, 0);
        } else if (range->type == E820_USABLE) {
            base = highest(base, early, taken[i]);
        } else {
            continue;
        }
        if (base < end) {
            frame_add(base, end - base);
        }
    }
}

uint64_t ram_take_frame(void)
{
    uint64_t frame = early_frame();

    return frame != EARLY_NONE ? frame : frame_alloc(0, 0);
}
