/*
 * virtio_blk_internal.h - what virtio_blk.c (the disk) and virtio_blk_request.c (its requests)
 * share.
 *
 * A request in flight has a slot. What the device reads and writes for it is in the slot's memory,
 * which is there from the start: nothing is allocated for a request, and all that does not change
 * from one to the next is written once, by vblk_slots_clear.
 */
#ifndef SECTOR0_DRIVERS_VIRTIO_BLK_INTERNAL_H
#define SECTOR0_DRIVERS_VIRTIO_BLK_INTERNAL_H

#include "drivers/block.h"
#include "drivers/virtio.h"
#include "kernel/irq.h"

/* Features. [VIRTIO 5.2.3] */
#define VIRTIO_BLK_F_SIZE_MAX (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX  (1ull << 2)
#define VIRTIO_BLK_F_RO       (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE (1ull << 6)
#define VIRTIO_BLK_F_FLUSH    (1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY (1ull << 10)

/* Kinds of requests, and how they end. [VIRTIO 5.2.6] */
#define VIRTIO_BLK_T_IN     0
#define VIRTIO_BLK_T_OUT    1
#define VIRTIO_BLK_T_FLUSH  4
#define VIRTIO_BLK_S_OK     0
#define VIRTIO_BLK_S_IOERR  1
#define VIRTIO_BLK_S_UNSUPP 2
#define VBLK_S_NOT_WRITTEN  0xFF /* ours: what is there before the device writes */

#define VBLK_SLOTS          64 /* requests in flight; one bit each */
#define VBLK_MAX_SECTORS    8192
#define VBLK_MAX_BYTES      (VBLK_MAX_SECTORS * BLK_SECTOR)
#define VBLK_ENDS           2 /* descriptors of a request besides its data: header and status */

struct virtio_blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector; /* of 512 bytes, whatever the device's blocks are */
};

/* What the device sees of a request. Half a page, so that none lies in two. */
struct vblk_slot {
    struct virtio_blk_header header;
    uint8_t status;
    uint8_t padding[15];
    struct virtq_desc table[126]; /* header, data, status; unused without INDIRECT_DESC */
};
_Static_assert(sizeof(struct vblk_slot) == 2048, "slots would lie in two pages");

struct vblk {
    struct block_device block;
    struct virtio_device virtio;
    struct virtio_queue queue;
    struct irq_handler irq;
    struct vblk_slot *slots;
    uint64_t slots_phys;
    uint64_t free; /* bit n: slot n is free */
    unsigned slot_count;
    unsigned stride; /* descriptors of the ring for a slot: 1 if it is a table's */
    unsigned in_flight;
    uint32_t size_max; /* bytes of a segment for the device */
    bool stopped;      /* the device has broken a rule, and waits for its reset */
    uint64_t counted;  /* accesses that block.stats knows of */
    struct {
        struct blk_req *req;
        uint32_t bytes; /* that the device writes if all is well, the status included */
    } flight[VBLK_SLOTS];
};

/* All slots are free; write what never changes in them. Context: the device does not know them. */
void vblk_slots_clear(struct vblk *vblk);

/* The functions of struct block_driver. */
void vblk_run(struct block_device *block);
void vblk_collect(struct block_device *block, int budget);
bool vblk_listen(struct block_device *block, bool on);

#endif
