/*
 * virtio_blk_request.c - requests on their way to the device and back. [VIRTIO 5.2.6] [VIRTIO 2.7]
 *
 * Whatever the device writes is looked at once, checked, and only then believed: which request has
 * ended, how many have, how much was written. A device that breaks a rule is not listened to any
 * more until it has been reset.
 */
#include "drivers/virtio_blk_internal.h"

#include "kernel/log.h"

static struct vblk *vblk_of(struct block_device *block)
{
    return block->driver_data;
}

static bool is_indirect(const struct vblk *vblk)
{
    return (vblk->virtio.features & VIRTIO_F_INDIRECT_DESC) != 0;
}

/* The descriptors of a slot: a table of its own, or a piece of the ring. */
static struct virtq_desc *descriptors(struct vblk *vblk, unsigned slot)
{
    return is_indirect(vblk) ? vblk->slots[slot].table : &vblk->queue.desc[slot * vblk->stride];
}

static void clear_slot(struct vblk *vblk, unsigned slot)
{
    uint64_t phys = vblk->slots_phys + slot * sizeof(struct vblk_slot);
    bool indirect = is_indirect(vblk);
    struct virtq_desc *desc = descriptors(vblk, slot);
    unsigned first = indirect ? 0 : slot * vblk->stride;

    if (indirect) {
        vblk->queue.desc[slot] = (struct virtq_desc){
            .addr = phys + offsetof(struct vblk_slot, table), .flags = VIRTQ_DESC_INDIRECT};
    }
    desc[0] = (struct virtq_desc){.addr = phys + offsetof(struct vblk_slot, header),
                                  .len = sizeof(struct virtio_blk_header),
                                  .flags = VIRTQ_DESC_NEXT,
                                  .next = (uint16_t)(first + 1)};
    vblk->flight[slot].req = NULL;
}

void vblk_slots_clear(struct vblk *vblk)
{
    vblk->free = vblk->slot_count == 64 ? ~0ull : (1ull << vblk->slot_count) - 1;
    vblk->in_flight = 0;
    for (unsigned slot = 0; slot < vblk->slot_count; slot++) {
        clear_slot(vblk, slot);
    }
}

/*
 * Describe the request's memory from desc[1] on, whose numbers begin with FIRST, in pieces of at
 * most size_max bytes. Returns how many there are: vblk_limits has made sure that they fit.
 */
static unsigned describe_data(const struct vblk *vblk, const struct blk_req *req,
                              struct virtq_desc *desc, unsigned first, uint16_t flags)
{
    unsigned count = 0;

    for (unsigned i = 0; i < req->nseg; i++) {
        uint64_t addr = req->seg[i].pa;
        uint32_t left = req->seg[i].len;

        do {
            uint32_t len = left < vblk->size_max ? left : vblk->size_max;

            count++;
            desc[count] = (struct virtq_desc){addr, len, flags, (uint16_t)(first + count + 1)};
            addr += len;
            left -= len;
        } while (left > 0);
    }
    return count;
}

/* The status byte comes last: one more descriptor, and what covers them all. */
static void describe_end(struct vblk *vblk, unsigned slot, struct virtq_desc *desc, unsigned count)
{
    desc[count] = (struct virtq_desc){
        .addr =
            vblk->slots_phys + slot * sizeof(struct vblk_slot) + offsetof(struct vblk_slot, status),
        .len = sizeof(uint8_t),
        .flags = VIRTQ_DESC_WRITE,
    };
    if (is_indirect(vblk)) {
        vblk->queue.desc[slot].len = (count + 1) * (uint32_t)sizeof(*desc);
    }
}

/* Give REQ to the device, but do not tell it yet. There is a free slot. */
static void add(struct vblk *vblk, struct blk_req *req)
{
    static const uint8_t types[] = {
        [BLK_READ] = VIRTIO_BLK_T_IN,
        [BLK_WRITE] = VIRTIO_BLK_T_OUT,
        [BLK_FLUSH] = VIRTIO_BLK_T_FLUSH,
    };
    unsigned slot = (unsigned)__builtin_ctzll(vblk->free);
    struct virtq_desc *desc = descriptors(vblk, slot);
    unsigned first = is_indirect(vblk) ? 0 : slot * vblk->stride;
    bool reads = req->op == BLK_READ;
    uint16_t flags = reads ? VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE : VIRTQ_DESC_NEXT;
    unsigned count = 1;

    vblk->free &= vblk->free - 1;
    vblk->in_flight++;
    vblk->slots[slot].header.type = types[req->op];
    vblk->slots[slot].header.sector = req->lba;
    vblk->slots[slot].status = VBLK_S_NOT_WRITTEN;
    if (req->op == BLK_FLUSH) {
        vblk->slots[slot].header.sector = 0; /* "MUST" [VIRTIO 5.2.6.1] */
    } else {
        count += describe_data(vblk, req, desc, first, flags);
    }
    describe_end(vblk, slot, desc, count);
    vblk->flight[slot].req = req;
    vblk->flight[slot].bytes = (reads ? req->nsect * BLK_SECTOR : 0) + 1;
    req->tag = slot;
    virtio_queue_add(&vblk->queue, (uint16_t)(slot * vblk->stride));
}

/* Requests that the device need not see. Returns whether REQ was one. */
static bool answer_at_once(struct vblk *vblk, struct blk_req *req)
{
    if (req->op == BLK_FLUSH && !vblk->block.dev.volatile_cache) {
        block_complete(&vblk->block, req, 0); /* it writes through */
        return true;
    }
    if (req->op > BLK_FLUSH) {
        block_complete(&vblk->block, req, BLK_EOPNOTSUPP);
        return true;
    }
    return false;
}

static void count_accesses(struct vblk *vblk)
{
    vblk->block.stats.accesses += vblk->virtio.accesses - vblk->counted;
    vblk->counted = vblk->virtio.accesses;
}

static void kick(struct vblk *vblk)
{
    vblk->virtio.transport->kick(&vblk->virtio, vblk->queue.index);
    vblk->block.stats.kicks++;
    count_accesses(vblk);
}

/* However many requests there are, the index is written once and the device told once. */
void vblk_run(struct block_device *block)
{
    struct vblk *vblk = vblk_of(block);
    uint16_t before = vblk->queue.next;
    struct blk_req *req;

    while (vblk->free != 0 && !vblk->stopped && (req = block_take(block)) != NULL) {
        if (!answer_at_once(vblk, req)) {
            add(vblk, req);
        }
    }
    if (vblk->queue.next != before && virtio_queue_publish(&vblk->queue)) {
        kick(vblk);
    }
}

/* The device has broken a rule: nothing that it says is believed until it has been reset. */
static void stop(struct vblk *vblk, const char *rule, uint32_t value)
{
    vblk->stopped = true;
    log_line(vblk->block.dev.name, "the device %s (%u), and is reset", rule, value);
    block_ask_for_reset(&vblk->block);
}

/* A device without flushes writes through, or could not promise anything. [VIRTIO 5.2.6.2] */
static int flush_unsupported(struct vblk *vblk)
{
    if (vblk->block.dev.volatile_cache) {
        log_line(vblk->block.dev.name, "the device knows no flush: it has to write through");
    }
    vblk->block.dev.volatile_cache = false;
    return 0;
}

static int result(struct vblk *vblk, const struct blk_req *req, uint8_t status)
{
    switch (status) {
    case VIRTIO_BLK_S_OK:
        return 0;
    case VIRTIO_BLK_S_UNSUPP:
        return req->op == BLK_FLUSH ? flush_unsupported(vblk) : BLK_EOPNOTSUPP;
    default: /* the device's own errors, and a status that it has not written */
        return BLK_EIO;
    }
}

/*
 * By the legacy interface, devices have often said nonsense about the length, and it is better
 * ignored. [VIRTIO 2.7.8.1]
 */
static bool length_is_right(const struct vblk *vblk, uint32_t length, uint32_t wanted, bool failed)
{
    return !vblk->virtio.transport->modern || length == wanted || (failed && length < wanted);
}

/* The device has ended what ELEM names. Returns false if it cannot be so. */
static bool finish(struct vblk *vblk, struct virtq_used_elem elem)
{
    uint32_t slot = elem.id / vblk->stride;

    if (elem.id % vblk->stride != 0 || slot >= vblk->slot_count || (vblk->free >> slot & 1)) {
        stop(vblk, "ends a request that it does not have", elem.id);
        return false;
    }
    struct blk_req *req = vblk->flight[slot].req;
    uint8_t status = *(volatile uint8_t *)&vblk->slots[slot].status;

    if (!length_is_right(vblk, elem.len, vblk->flight[slot].bytes, status != VIRTIO_BLK_S_OK)) {
        stop(vblk, "has written another number of bytes than it should", elem.len);
        return false;
    }
    vblk->free |= 1ull << slot;
    vblk->in_flight--;
    block_complete(&vblk->block, req, result(vblk, req, status));
    return true;
}

void vblk_collect(struct block_device *block, int budget)
{
    struct vblk *vblk = vblk_of(block);
    struct virtio_queue *queue = &vblk->queue;

    count_accesses(vblk);
    while (!vblk->stopped) {
        uint16_t used = virtio_queue_used(queue);

        if (used > vblk->in_flight) {
            stop(vblk, "ends more requests than it has", used);
            return;
        }
        for (; used > 0 && budget > 0; used--, budget--) {
            if (!finish(vblk, virtio_queue_take(queue))) {
                return;
            }
        }
        if (budget <= 0 || queue->silent || virtio_queue_listen(queue)) {
            return;
        }
    }
}

bool vblk_listen(struct block_device *block, bool on)
{
    struct vblk *vblk = vblk_of(block);

    if (!on) {
        virtio_queue_silence(&vblk->queue);
        return false;
    }
    if (vblk->stopped) {
        return false;
    }
    if (virtio_queue_wants_kick(&vblk->queue)) {
        kick(vblk); /* whoever sleeps now relies on it */
    }
    return !virtio_queue_listen(&vblk->queue);
}
