/* early.c - see early.h. */
#include "kernel/mm/early.h"

static const struct mem_map *map;
static uint64_t limit;
static uint64_t next;     /* usable memory below it is taken */
static uint64_t may_take; /* frames */

void early_start(const struct mem_map *new_map, uint64_t new_limit)
{
    uint64_t usable = 0;

    map = new_map;
    limit = new_limit;
    next = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct mem_range *range = &map->range[i];

        if (range->type == E820_USABLE && range->base < limit) {
            uint64_t room = limit - range->base;

            usable += (range->length < room ? range->length : room) / MEM_PAGE;
        }
    }
    may_take = usable - usable / EARLY_LEAVES;
}

uint64_t early_frame(void)
{
    for (size_t i = 0; i < map->count && may_take > 0; i++) {
        const struct mem_range *range = &map->range[i];
        uint64_t frame = range->base > next ? range->base : next;

        if (range->type == E820_USABLE && frame < range->base + range->length && frame < limit) {
            next = frame + MEM_PAGE;
            may_take--;
            return frame;
        }
    }
    return EARLY_NONE;
}

uint64_t early_end(void)
{
    return next;
}

uint64_t early_close(void)
{
    may_take = 0;
    return next;
}
