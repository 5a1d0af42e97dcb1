/*
 * list.h - doubly linked lists and rings of structures that have NAME_next and NAME_prev in them.
 *
 *   list   HEAD --> a <--> b <--> c           for who looks at all, or takes one out
 *   ring   RING --> a <--> b <--> c <--> a    for who goes round: what is new is the last to come by
 *
 * HEAD and RING are pointers to such a structure; NULL: it is empty.
 */
#ifndef SECTOR0_FS_LIST_H
#define SECTOR0_FS_LIST_H

#include <stddef.h>

/* Put ITEM at the beginning. */
#define SFS_LIST_ADD(head, item, name)                                                             \
    do {                                                                                           \
        (item)->name##_prev = NULL;                                                                \
        (item)->name##_next = (head);                                                              \
        if ((head) != NULL) {                                                                      \
            (head)->name##_prev = (item);                                                          \
        }                                                                                          \
        (head) = (item);                                                                           \
    } while (0)

#define SFS_LIST_REMOVE(head, item, name)                                                          \
    do {                                                                                           \
        if ((item)->name##_next != NULL) {                                                         \
            (item)->name##_next->name##_prev = (item)->name##_prev;                                \
        }                                                                                          \
        if ((item)->name##_prev != NULL) {                                                         \
            (item)->name##_prev->name##_next = (item)->name##_next;                                \
        } else {                                                                                   \
            (head) = (item)->name##_next;                                                          \
        }                                                                                          \
    } while (0)

/* Put ITEM behind all others. */
#define SFS_RING_ADD(ring, item, name)                                                             \
    do {                                                                                           \
        if ((ring) == NULL) {                                                                      \
            (ring) = (item)->name##_prev = (item);                                                 \
        }                                                                                          \
        (item)->name##_next = (ring);                                                              \
        (item)->name##_prev = (ring)->name##_prev;                                                 \
        (item)->name##_prev->name##_next = (item)->name##_next->name##_prev = (item);              \
    } while (0)

/* RING, if it points to ITEM, moves on. */
#define SFS_RING_REMOVE(ring, item, name)                                                          \
    do {                                                                                           \
        (item)->name##_next->name##_prev = (item)->name##_prev;                                    \
        (item)->name##_prev->name##_next = (item)->name##_next;                                    \
        if ((ring) == (item)) {                                                                    \
            (ring) = (item)->name##_next != (item) ? (item)->name##_next : NULL;                   \
        }                                                                                          \
    } while (0)

#endif
