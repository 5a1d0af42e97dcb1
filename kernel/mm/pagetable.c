/* pagetable.c - see pagetable.h. */
#include "kernel/mm/pagetable.h"

#include <stddef.h>

#define TABLE_FLAGS (PAGE_PRESENT | PAGE_WRITABLE)

/* A piece of work, which shrinks from the front as it is done. */
struct request {
    uint64_t virt, phys, size, flags;
};

static unsigned index_of(uint64_t virt, unsigned level)
{
    return virt >> (9 * (level - 1) + 12) & (PAGETABLE_ENTRIES - 1);
}

/* Does ENTRY of LEVEL map a page itself? */
static bool is_page(uint64_t entry, unsigned level)
{
    return (entry & PAGE_PRESENT) && (level == 1 || (entry & PAGE_LARGE));
}

static bool is_table(uint64_t entry, unsigned level)
{
    return (entry & PAGE_PRESENT) && !is_page(entry, level);
}

/* Fill TABLE, of the level below LEVEL, with the pages that together are the large page ENTRY. */
static void fill_from(uint64_t *table, uint64_t entry, unsigned level)
{
    uint64_t step = PAGETABLE_SPAN(level - 1);
    uint64_t small = level == 2 ? entry & ~PAGE_LARGE : entry;

    for (unsigned i = 0; i < PAGETABLE_ENTRIES; i++) {
        table[i] = small + i * step;
    }
}

/*
 * The table behind *ENTRY of LEVEL. If there is none it is made, out of the large page that is
 * there or empty. Returns NULL if there is no frame.
 */
static uint64_t *table_below(const struct pagetable *tables, uint64_t *entry, unsigned level)
{
    if (!is_table(*entry, level)) {
        uint64_t frame = tables->new_table();

        if (frame == PAGETABLE_NO_FRAME) {
            return NULL;
        }
        if (is_page(*entry, level)) {
            fill_from(tables->reach(frame), *entry, level);
        }
        *entry = frame | TABLE_FLAGS;
    }
    return tables->reach(*entry & PAGE_ADDRESS);
}

static void advance(struct request *request, uint64_t size)
{
    request->virt += size;
    request->phys += size;
    request->size -= size;
}

/* Can *ENTRY of LEVEL be set as a whole to what REQUEST wants? */
static bool fits(const struct pagetable *tables, const struct request *request, uint64_t entry,
                 unsigned level)
{
    uint64_t span = PAGETABLE_SPAN(level);

    if (is_table(entry, level) || request->virt % span != 0 || request->size < span) {
        return false;
    }
    return request->flags == 0 || (level <= tables->largest_level && request->phys % span == 0);
}

static uint64_t page_entry(const struct request *request, unsigned level)
{
    if (request->flags == 0) {
        return 0;
    }
    return request->phys | request->flags | (level > 1 ? PAGE_LARGE : 0);
}

/* Do as much of REQUEST as TABLE of LEVEL spans. */
static bool map_in(const struct pagetable *tables, uint64_t *table, unsigned level,
                   struct request *request)
{
    unsigned index = index_of(request->virt, level);

    for (; index < PAGETABLE_ENTRIES && request->size > 0; index++) {
        uint64_t *entry = &table[index];
        uint64_t span = PAGETABLE_SPAN(level);
        uint64_t rest = span - request->virt % span; /* of what this entry spans */

        if (fits(tables, request, *entry, level)) {
            *entry = page_entry(request, level);
            advance(request, span);
        } else if (request->flags == 0 && !(*entry & PAGE_PRESENT)) {
            advance(request, rest < request->size ? rest : request->size);
        } else {
            uint64_t *below = table_below(tables, entry, level);

            if (below == NULL || !map_in(tables, below, level - 1, request)) {
                return false;
            }
        }
    }
    return true;
}

bool pagetable_map(const struct pagetable *tables, uint64_t virt, uint64_t phys, uint64_t size,
                   uint64_t flags)
{
    struct request request = {virt, phys, size, flags};

    return map_in(tables, tables->reach(tables->root), PAGETABLE_LEVELS, &request);
}

uint64_t *pagetable_entry(const struct pagetable *tables, uint64_t virt)
{
    uint64_t *table = tables->reach(tables->root);

    for (unsigned level = PAGETABLE_LEVELS; level > 1; level--) {
        uint64_t *entry = &table[index_of(virt, level)];

        if (is_page(*entry, level)) {
            return NULL;
        }
        table = table_below(tables, entry, level);
        if (table == NULL) {
            return NULL;
        }
    }
    return &table[index_of(virt, 1)];
}

/* Add the step through entry INDEX of TABLE to WALK; returns the entry. */
static uint64_t walk_through(struct walk *walk, uint64_t table, const uint64_t *entries,
                             unsigned index)
{
    uint64_t entry = entries[index];

    walk->step[walk->count++] = (struct walk_step){table, index, entry};
    walk->writable = walk->writable && (entry & PAGE_WRITABLE);
    walk->executable = walk->executable && !(entry & PAGE_NO_EXECUTE);
    walk->user = walk->user && (entry & PAGE_USER);
    return entry;
}

unsigned pagetable_walk(const struct pagetable *tables, uint64_t address, struct walk *walk)
{
    uint64_t table = tables->root;

    *walk = (struct walk){.writable = true, .executable = true, .user = true};
    if ((uint64_t)((int64_t)(address << 16) >> 16) != address) {
        return WALK_NOT_CANONICAL;
    }
    for (unsigned level = PAGETABLE_LEVELS; level > 0; level--) {
        const uint64_t *entries = tables->reach(table);

        if (entries == NULL) {
            return WALK_LOST;
        }
        uint64_t entry = walk_through(walk, table, entries, index_of(address, level));

        if (!(entry & PAGE_PRESENT)) {
            return level;
        }
        if (is_page(entry, level)) {
            uint64_t inside = address & (PAGETABLE_SPAN(level) - 1);

            walk->page_size = PAGETABLE_SPAN(level);
            walk->phys = (entry & PAGE_ADDRESS & ~(walk->page_size - 1)) + inside;
            return WALK_MAPPED;
        }
        table = entry & PAGE_ADDRESS;
    }
    return WALK_LOST; /* not reached: every present entry of level 1 is a page */
}
