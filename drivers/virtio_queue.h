/*
 * virtio_queue.h - the split virtqueue [VIRTIO 2.7]: how a driver hands buffers to a device, and
 * gets them back.
 *
 *          desc[size]            avail: driver writes         used: device writes
 *     0 | addr len flags |      flags | idx ---------+       flags | idx -----------+
 *     1 | addr len flags | <--- ring[size]: heads    |  <--- ring[size]: id, len    |
 *       |      ...       |      used_event  <--------+--+    avail_event <----------+
 *                                                    |  |
 *     "kick me when your idx passes avail_event" ----+  +-- "interrupt me when yours passes
 *                                                            used_event"
 *
 * Indexes run freely through 16 bits; the place in the ring is the index modulo size. At most size
 * buffers are with the device, so two indexes never lie further apart than that, unless the device
 * lies.
 */
#ifndef SECTOR0_DRIVERS_VIRTIO_QUEUE_H
#define SECTOR0_DRIVERS_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/virtio_barrier.h"

#define VIRTQ_MAX_SIZE 32768 /* [VIRTIO 2.7] */

/* Flags of a descriptor. */
#define VIRTQ_DESC_NEXT     1 /* the chain goes on at next */
#define VIRTQ_DESC_WRITE    2 /* the device writes there */
#define VIRTQ_DESC_INDIRECT 4 /* addr is that of a table of descriptors */

struct virtq_desc {
    uint64_t addr; /* physical */
    uint32_t len;  /* bytes */
    uint16_t flags;
    uint16_t next;
};

struct virtq_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};

struct virtq_used_elem {
    uint32_t id;  /* the head that the driver had put into avail.ring */
    uint32_t len; /* bytes that the device has written */
};

struct virtq_used {
    uint16_t flags;
    uint16_t idx;
    struct virtq_used_elem ring[];
};

_Static_assert(sizeof(struct virtq_desc) == 16, "[VIRTIO 2.7.5]");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "[VIRTIO 2.7.8]");

/* A queue as its driver sees it; guarded by the driver's lock. */
struct virtio_queue {
    uint16_t index; /* its number in the device */
    uint16_t size;  /* a power of two */
    bool event_index;
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    struct virtq_used *used;
    uint16_t *used_event, *avail_event;
    uint64_t phys, avail_phys, used_phys;
    uint16_t next;   /* avail.idx with what has been added since virtio_queue_publish */
    uint16_t kicked; /* the device need not be told of entries before this one */
    uint16_t seen;   /* used.idx up to which we have taken */
    bool silent;     /* the device has been asked not to interrupt */
};

/*
 * Get memory for SIZE entries, laid out as the legacy interface wants it [VIRTIO 2.7.2]. Returns
 * false if there is none. Context: any; free it with virtio_queue_free.
 */
bool virtio_queue_alloc(struct virtio_queue *queue, uint16_t size);
void virtio_queue_free(struct virtio_queue *queue);

/* Begin with empty rings. Context: the device does not know or use the queue. */
void virtio_queue_clear(struct virtio_queue *queue, bool event_index);

/* Put the chain that begins at descriptor HEAD into the available ring; publish comes later. */
static inline void virtio_queue_add(struct virtio_queue *queue, uint16_t head)
{
    queue->avail->ring[queue->next++ & (queue->size - 1u)] = head;
}

/* Show the device all that has been added. Returns whether it wants to be told: kick it then. */
bool virtio_queue_publish(struct virtio_queue *queue);

/* Whether the device still wants to be told of something that it has been shown. */
bool virtio_queue_wants_kick(struct virtio_queue *queue);

/* How many entries of the used ring wait to be taken; more than are with the device if it lies. */
static inline uint16_t virtio_queue_used(const struct virtio_queue *queue)
{
    return (uint16_t)(virtio_load_used_index(&queue->used->idx) - queue->seen);
}

/* Take the first of them. It is read once: what has been checked stays so. */
static inline struct virtq_used_elem virtio_queue_take(struct virtio_queue *queue)
{
    const volatile struct virtq_used_elem *elem =
        &queue->used->ring[queue->seen++ & (queue->size - 1u)];

    return (struct virtq_used_elem){elem->id, elem->len};
}

/*
 * Ask the device to interrupt from now on, when it uses the next buffer. Returns false if it
 * already has: take it, and ask again.
 */
bool virtio_queue_listen(struct virtio_queue *queue);

/* Ask it not to, as far as it listens to that. */
void virtio_queue_silence(struct virtio_queue *queue);

#endif
