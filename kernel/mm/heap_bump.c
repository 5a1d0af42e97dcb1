/*
 * heap_bump.c - the simplest heap: a pointer into the region that only goes up.
 *
 *   | struct bump | objects, one behind the other | free ...        |
 *                                                 ^ next            ^ end
 *
 * Nothing is known of single objects, so none can be given back by itself; when the last one has
 * been, the pointer starts over. That is enough for work that ends as a whole, and nothing is
 * faster.
 */
#include <stdint.h>

#include "kernel/mm/heap_kinds.h"

#define ALIGN 16

struct bump {
    char *next, *end;
    size_t live; /* objects that have not been given back */
};
#define HEAD_SIZE ((sizeof(struct bump) + ALIGN - 1) / ALIGN * ALIGN)

static void bump_start(void *region, size_t size)
{
    struct bump *bump = region;

    bump->next = (char *)region + HEAD_SIZE;
    bump->end = (char *)region + size / ALIGN * ALIGN;
    bump->live = 0;
}

static void *bump_alloc(void *region, size_t size)
{
    struct bump *bump = region;
    void *object = bump->next;

    if (size == 0 || size > (size_t)(bump->end - bump->next)) {
        return NULL;
    }
    bump->next += (size + ALIGN - 1) / ALIGN * ALIGN;
    bump->live++;
    return object;
}

static void bump_free(void *region, void *object)
{
    struct bump *bump = region;

    if (object != NULL && --bump->live == 0) {
        bump->next = (char *)region + HEAD_SIZE;
    }
}

const struct heap_kind heap_bump = {"bump", bump_start, bump_alloc, bump_free};
