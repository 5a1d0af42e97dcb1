/*
 * virtio_barrier.h - the order in which driver and device see each other's writes to the rings. The
 * device runs at the same time, on another processor, even when we have only one.
 *
 * There are four places, each with the sentence of the specification that asks for it. On x86,
 * stores are seen in order and loads are done in order, so three of them only keep the compiler
 * from moving things; but a load may overtake an older store to another place [SDM3 8.2.3.4], so
 * "write, then look at what the other side wrote" needs a locked instruction. C's atomics say all
 * of that: acquire is a plain move here, a store in sequential order is XCHG.
 *
 * QEMU 7.2, emulating a single CPU, makes plain moves of XCHG, LOCK and MFENCE alike, while the
 * device is another thread of it all the same: both could look too early then, and wait for each
 * other. RDTSC is emulated under a lock, which is the barrier that is missing.
 */
#ifndef SECTOR0_DRIVERS_VIRTIO_BARRIER_H
#define SECTOR0_DRIVERS_VIRTIO_BARRIER_H

#include <stdint.h>

#include "kernel/cpu/cpu.h"

/*
 * Before: "The driver MUST perform a suitable memory barrier before the idx update, to ensure the
 * device sees the most up-to-date copy." [VIRTIO 2.7.13.3.1] After: "The driver MUST perform a
 * suitable memory barrier before reading flags or avail_event, to avoid missing a notification."
 * [VIRTIO 2.7.13.4.1]
 */
static inline void virtio_store_then_look(uint16_t *index, uint16_t value)
{
    __atomic_store_n(index, value, __ATOMIC_SEQ_CST);
    (void)cpu_read_tsc(); /* volatile: it stays here */
}

/* The look itself: it stays behind the store, and nothing of later moves before it. */
static inline uint16_t virtio_look(const uint16_t *index)
{
    return __atomic_load_n(index, __ATOMIC_SEQ_CST);
}

/*
 * "The device MUST set len prior to updating the used idx" [VIRTIO 2.7.8.2]: so whoever has read
 * the index may read the elements that it covers, the status byte, and the data; not earlier.
 */
static inline uint16_t virtio_load_used_index(const uint16_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/*
 * To be interrupted again is a store then a look, too: "beware the problem of missing notifications
 * between emptying the ring and reenabling notifications. This is usually handled by re-checking
 * for more used buffers after notifications are re-enabled" [VIRTIO 2.7.14]. Not to be interrupted
 * needs no order: one interrupt too many does no harm.
 */
static inline void virtio_store_plain(uint16_t *index, uint16_t value)
{
    __atomic_store_n(index, value, __ATOMIC_RELAXED);
}

#endif
