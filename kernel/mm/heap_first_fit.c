/*
 * heap_first_fit.c - the classic heap: a list of holes, in order of address.
 *
 *   | struct list | size, object ....... | size, next hole ....... | size, object ... |
 *         |                                 ^
 *         '---------------------------------'
 *
 * Allocation walks the list to the first hole that is large enough and takes its front; a release
 * walks it to where the object lies, and joins it with the holes before and behind. Both walks grow
 * with the number of holes, and long-lived objects leave holes between them that fit nobody:
 * fragmentation. That is what the other heap is made to avoid.
 */
#include <stdint.h>

#include "kernel/mm/heap_kinds.h"

#define ALIGN 16

/* In front of each hole and, its size alone, in front of each object. */
struct hole {
    size_t size; /* bytes, this head included; a multiple of ALIGN */
    struct hole *next;
};
_Static_assert(sizeof(struct hole) == ALIGN, "objects stay aligned");

static struct hole *list_of(void *region)
{
    return region; /* the first one is no hole: its size is 0, its next is the first hole */
}

static char *end_of(struct hole *hole)
{
    return (char *)hole + hole->size;
}

static void first_fit_start(void *region, size_t size)
{
    struct hole *list = list_of(region);
    struct hole *all = list + 1;

    list->size = 0;
    list->next = all;
    all->size = size / ALIGN * ALIGN - sizeof(struct hole);
    all->next = NULL;
}

/* Cut WANTED bytes off the front of BEFORE's next hole; what is left stays a hole. */
static struct hole *take_front(struct hole *before, size_t wanted)
{
    struct hole *hole = before->next;

    if (hole->size - wanted < 2 * sizeof(struct hole)) {
        before->next = hole->next; /* the rest could hold nothing: it goes with the object */
        return hole;
    }
    struct hole *rest = (struct hole *)(void *)((char *)hole + wanted);

    rest->size = hole->size - wanted;
    rest->next = hole->next;
    before->next = rest;
    hole->size = wanted;
    return hole;
}

static void *first_fit_alloc(void *region, size_t size)
{
    if (size == 0 || size > SIZE_MAX - 2 * ALIGN) {
        return NULL;
    }
    size_t wanted = (size + ALIGN - 1) / ALIGN * ALIGN + sizeof(struct hole);

    for (struct hole *before = list_of(region); before->next != NULL; before = before->next) {
        if (before->next->size >= wanted) {
            return take_front(before, wanted) + 1;
        }
    }
    return NULL;
}

/* Join HOLE with the one behind it if nothing lies between them. */
static void join_next(struct hole *hole)
{
    struct hole *next = hole->next;

    if (next != NULL && end_of(hole) == (char *)next) {
        hole->size += next->size;
        hole->next = next->next;
    }
}

static void first_fit_free(void *region, void *object)
{
    if (object == NULL) {
        return;
    }
    struct hole *hole = (struct hole *)object - 1;
    struct hole *before = list_of(region);

    while (before->next != NULL && before->next < hole) {
        before = before->next;
    }
    hole->next = before->next;
    before->next = hole;
    join_next(hole);
    if (before->size != 0) {
        join_next(before);
    }
}

const struct heap_kind heap_first_fit = {"first_fit", first_fit_start, first_fit_alloc,
                                         first_fit_free};
