/*
 * byte_ring.h - a queue of bytes in fixed memory. Portable; who shares one between contexts guards
 * it.
 *
 * IN and OUT count all bytes ever put and taken; byte n lies at n % size. Because the size is a
 * power of two, the counts may overflow and still be right.
 */
#ifndef SECTOR0_KERNEL_BYTE_RING_H
#define SECTOR0_KERNEL_BYTE_RING_H

#include <stdbool.h>
#include <stdint.h>

struct byte_ring {
    uint8_t *bytes;
    uint32_t size; /* a power of two */
    uint32_t in, out;
};

/* A ring in ARRAY, whose length must be a power of two. */
#define BYTE_RING(array)                                                                           \
    {                                                                                              \
        .bytes = (array), .size = sizeof(array)                                                    \
    }

static inline uint32_t byte_ring_used(const struct byte_ring *ring)
{
    return ring->in - ring->out;
}

static inline uint32_t byte_ring_room(const struct byte_ring *ring)
{
    return ring->size - byte_ring_used(ring);
}

/* Returns false, with nothing changed, if the ring is full. */
static inline bool byte_ring_put(struct byte_ring *ring, uint8_t byte)
{
    if (byte_ring_room(ring) == 0) {
        return false;
    }
    ring->bytes[ring->in++ % ring->size] = byte;
    return true;
}

/* The oldest byte; the ring must not be empty. */
static inline uint8_t byte_ring_take(struct byte_ring *ring)
{
    return ring->bytes[ring->out++ % ring->size];
}

#endif
