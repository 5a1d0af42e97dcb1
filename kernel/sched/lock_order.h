/*
 * lock_order.h - remembers in which order locks are nested. If one part of the kernel takes A, then
 * B, and another B, then A, both may one day wait for each other for ever; the second order that is
 * seen is an error, whether or not it goes wrong this time. Debug builds only. Portable.
 *
 * Locks of one name are one class: their order among themselves is not looked at.
 */
#ifndef SECTOR0_KERNEL_SCHED_LOCK_ORDER_H
#define SECTOR0_KERNEL_SCHED_LOCK_ORDER_H

#include <stdbool.h>

#define LOCK_ORDER_CLASSES 64

/*
 * Note that a lock named INNER is taken while one named OUTER is held; the names stay where they
 * are for ever. Returns false if OUTER was already taken inside of INNER, directly or through
 * others. Context: interrupts off.
 */
bool lock_order_add(const char *outer, const char *inner);

/* Whether a lock was not noted because there are more than LOCK_ORDER_CLASSES names. */
bool lock_order_is_full(void);

#endif
