/*
 * vmap.c - see vmap.h.
 *
 * The address space is given out in slots of 2^order pages:
 *
 *   guard | area: 1 to 2^order - 1 pages | rest, unmapped | guard of the next slot ...
 *
 * The CPU ignores all but bit 0 of an entry that is not present [SDM3 4.5], so the guard page's own
 * entry says what lies behind it, in 63 bits:
 *
 *   bits 63-12  a live slot: pages in the area; a free one: number of the next free slot's guard
 *   bits  2-1   enum kind
 *
 * With that nothing has to be searched for and nothing allocated: to take a slot is to pop the free
 * list of its order, or else to cut it off the end of what was ever used. Slots never merge, so the
 * space that one order has had stays with it: there are 256 GiB of it. Page tables stay, too.
 * Everything but mapping each single page takes constant time.
 */
#include "kernel/mm/vmap.h"

#include "kernel/cpu/cpu.h"
#include "kernel/mm/address.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/paging.h"
#include "kernel/panic.h"
#include "kernel/sched/spinlock.h"

#define SPACE_PAGES (VMAP_SIZE / PAGE_SIZE)
#define ORDERS      27 /* 2^26 pages are all there are */
_Static_assert(SPACE_PAGES == 1ull << (ORDERS - 1), "the largest slot is the whole space");

#define KIND_SHIFT  1
#define KIND_MASK   3ull
#define VALUE_SHIFT 12

enum kind { KIND_NONE, KIND_DEVICE, KIND_MEMORY, KIND_FREE };

static struct spinlock lock = SPINLOCK("vmap");
static uint64_t first_free[ORDERS]; /* page number of a guard, 0: none; guarded by lock */
static uint64_t space_used = 1;     /* pages, from VMAP_BASE; page 0 is none; guarded by lock */

static uint64_t memory_pages; /* in areas of vmalloc; guarded by lock */

static uint64_t page_address(uint64_t page)
{
    return VMAP_BASE + page * PAGE_SIZE;
}

static uint64_t record(enum kind kind, uint64_t value)
{
    return value << VALUE_SHIFT | (uint64_t)kind << KIND_SHIFT;
}

static enum kind record_kind(uint64_t entry)
{
    return entry & PAGE_PRESENT ? KIND_NONE : (enum kind)(entry >> KIND_SHIFT & KIND_MASK);
}

/* The order of the slot for an area of PAGES and its guard. */
static unsigned order_for(uint64_t pages)
{
    unsigned order = 1;

    while (order < ORDERS && 1ull << order < pages + 1) {
        order++;
    }
    return order;
}

/* Pop a free slot of ORDER, or cut one off; 0 if there is none. Context: with the lock. */
static uint64_t take_slot(unsigned order)
{
    uint64_t slot = first_free[order];

    if (slot != 0) {
        first_free[order] = *paging_entry(page_address(slot)) >> VALUE_SHIFT;
        return slot;
    }
    /* One page behind the last slot stays free, too: its area needs a page above it. */
    if (space_used + (1ull << order) >= SPACE_PAGES) {
        return 0;
    }
    slot = space_used;
    if (paging_entry(page_address(slot)) == NULL) {
        return 0;
    }
    space_used += 1ull << order;
    return slot;
}

/* A slot for an area of PAGES, marked as KIND; its guard's page number, or 0. */
static uint64_t open_slot(uint64_t pages, enum kind kind)
{
    unsigned order = order_for(pages);
    uint64_t slot = 0;

    if (order == ORDERS || pages == 0) {
        return 0;
    }
    spin_lock(&lock);
    slot = take_slot(order);
    if (slot != 0) {
        *paging_entry(page_address(slot)) = record(kind, pages);
        memory_pages += kind == KIND_MEMORY ? pages : 0;
    }
    spin_unlock(&lock);
    return slot;
}

/* Give SLOT back; its area of PAGES is unmapped already. */
static void close_slot(uint64_t slot, uint64_t pages, enum kind kind)
{
    unsigned order = order_for(pages);

    spin_lock(&lock);
    memory_pages -= kind == KIND_MEMORY ? pages : 0;
    *paging_entry(page_address(slot)) = record(KIND_FREE, first_free[order]);
    first_free[order] = slot;
    spin_unlock(&lock);
}

/* Unmap the first PAGES of the area behind SLOT; if it is memory, its frames go back. */
static void unmap_area(uint64_t slot, uint64_t pages, enum kind kind)
{
    for (uint64_t page = slot + 1; page <= slot + pages; page++) {
        uint64_t *entry = paging_entry(page_address(page));
        uint64_t phys = *entry & PAGE_ADDRESS;

        *entry = 0;
        cpu_invalidate_page(page_address(page));
        if (kind == KIND_MEMORY) {
            frame_free(phys, 0);
        }
    }
}

/*
 * Make the page tables for the area of PAGES behind SLOT. They stay for ever; made one after the
 * other, before the area's own frames, they lie side by side. Made in between, each would spoil
 * another large block of frames for good.
 */
static bool make_tables(uint64_t slot, uint64_t pages)
{
    for (uint64_t page = slot; page < slot + pages; page += PAGETABLE_ENTRIES) {
        if (paging_entry(page_address(page)) == NULL) {
            return false;
        }
    }
    return paging_entry(page_address(slot + pages)) != NULL;
}

/* Map the area of PAGES behind SLOT, to PHYS on or to frames from anywhere, or not at all. */
static bool map_area(uint64_t slot, uint64_t pages, enum kind kind, uint64_t phys, uint64_t flags)
{
    for (uint64_t done = 0; done < pages; done++) {
        uint64_t frame = kind == KIND_MEMORY ? frame_alloc(0, 0) : phys + done * PAGE_SIZE;

        if (frame == FRAME_NONE) {
            unmap_area(slot, done, kind);
            return false;
        }
        *paging_entry(page_address(slot + 1 + done)) = frame | flags;
    }
    return true;
}

static void *map_new(uint64_t pages, enum kind kind, uint64_t phys, enum vmap_cache cache)
{
    uint64_t slot = open_slot(pages, kind);

    if (slot == 0) {
        return NULL;
    }
    if (!make_tables(slot, pages) || !map_area(slot, pages, kind, phys, paging_data_flags(cache))) {
        close_slot(slot, pages, kind);
        return NULL;
    }
    return (void *)(uintptr_t)page_address(slot + 1);
}

/* Undo map_new of KIND for the area at ADDRESS. */
static void unmap_old(void *address, enum kind kind, const char *caller)
{
    uint64_t slot = ((uint64_t)(uintptr_t)address - VMAP_BASE) / PAGE_SIZE - 1;
    uint64_t *guard = slot < space_used ? paging_entry(page_address(slot)) : NULL;
    uint64_t entry = guard != NULL ? *guard : 0;

    if (record_kind(entry) != kind || (uintptr_t)address % PAGE_SIZE != 0) {
        PANIC("%s of %p, which is not mapped like that", caller, address);
    }
    uint64_t pages = entry >> VALUE_SHIFT;

    unmap_area(slot, pages, kind);
    close_slot(slot, pages, kind);
}

void *vmap(uint64_t phys, size_t size, enum vmap_cache cache)
{
    uint64_t inside = phys % PAGE_SIZE;
    uint64_t pages = (inside + size + PAGE_SIZE - 1) / PAGE_SIZE;
    uint64_t end = paging_physical_end();
    char *area = NULL;

    if (size > 0 && size <= VMAP_SIZE && phys < end && size <= end - phys) {
        area = map_new(pages, KIND_DEVICE, phys - inside, cache);
    }
    return area == NULL ? NULL : area + inside;
}

void vunmap(void *address)
{
    unmap_old((char *)address - (uintptr_t)address % PAGE_SIZE, KIND_DEVICE, "vunmap");
}

/* Asked before tables are made for what cannot be had: they would stay. */
static bool are_free(uint64_t pages)
{
    struct frame_stats stats;

    frame_get_stats(&stats);
    return pages <= stats.free;
}

void *vmalloc(size_t size)
{
    uint64_t pages = size / PAGE_SIZE + (size % PAGE_SIZE != 0);

    return size > VMAP_SIZE || !are_free(pages) ? NULL
                                                : map_new(pages, KIND_MEMORY, 0, VMAP_WRITE_BACK);
}

void vfree(void *address)
{
    if (address != NULL) {
        unmap_old(address, KIND_MEMORY, "vfree");
    }
}

uint64_t vmap_memory_used(void)
{
    return memory_pages * PAGE_SIZE;
}

bool vmap_is_guard(uint64_t address, void **area)
{
    struct walk walk;
    uint64_t page = (address - VMAP_BASE) / PAGE_SIZE;

    if (page >= SPACE_PAGES || paging_walk(address, &walk) != 1) {
        return false;
    }
    enum kind kind = record_kind(walk.step[PAGETABLE_LEVELS - 1].entry);

    if (kind != KIND_DEVICE && kind != KIND_MEMORY) {
        return false;
    }
    *area = (void *)(uintptr_t)page_address(page + 1);
    return true;
}
