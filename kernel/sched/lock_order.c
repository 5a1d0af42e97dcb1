/*
 * lock_order.c - see lock_order.h.
 *
 * For each class there is the set of all classes that were ever taken inside of it, directly or
 * through others, kept complete: so the question whether an order is new, known or forbidden is one
 * look at a bit, and only a new order costs a walk over the classes.
 */
#include "kernel/sched/lock_order.h"

#include <stdint.h>

#include "kernel/string.h"

#if defined(KERNEL_DEBUG) || __STDC_HOSTED__

static const char *names[LOCK_ORDER_CLASSES];
static uint64_t inside[LOCK_ORDER_CLASSES]; /* bit n: class n was taken inside of this one */
static unsigned count;
static bool full;

/* The number of the class NAME, new or known; LOCK_ORDER_CLASSES if there is no room. */
static unsigned class_of(const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (names[i] == name || strcmp(names[i], name) == 0) {
            return i;
        }
    }
    if (count == LOCK_ORDER_CLASSES) {
        full = true;
        return LOCK_ORDER_CLASSES;
    }
    names[count] = name;
    return count++;
}

bool lock_order_add(const char *outer_name, const char *inner_name)
{
    unsigned outer = class_of(outer_name);
    unsigned inner = class_of(inner_name);

    if (outer == LOCK_ORDER_CLASSES || inner == LOCK_ORDER_CLASSES || outer == inner ||
        (inside[outer] >> inner & 1) != 0) {
        return true;
    }
    if ((inside[inner] >> outer & 1) != 0) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (i == outer || (inside[i] >> outer & 1) != 0) {
            inside[i] |= 1ull << inner | inside[inner];
        }
    }
    return true;
}

bool lock_order_is_full(void)
{
    return full;
}

#endif
