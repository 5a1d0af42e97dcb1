/*
 * virtio_disk.h - requests to the made-up virtio disk, for the tests of its driver. For one .c file
 * of a test, after block_layer.h, virtio_device.h and virtio_kernel.h.
 */
#ifndef SECTOR0_FAKES_VIRTIO_DISK_H
#define SECTOR0_FAKES_VIRTIO_DISK_H

#include <string.h>

#include "drivers/virtio_blk.h"
#include "tests/fakes/block_layer.h"
#include "tests/fakes/virtio_device.h"
#include "tests/fakes/virtio_kernel.h"

#define BATCH_SECTORS 8
#define PIECES_MAX    128

/* The driver has no way to end; its memory goes with the test. */
static int end_driver(void **state)
{
    (void)state;
    if (fake_block.device != NULL) {
        free(fake_block.device->driver_data);
    }
    memset(&fake_block, 0, sizeof(fake_block));
    fake_irq_handler = NULL;
    fake_log_lines = 0;
    return 0;
}

static int new_device(void **state)
{
    end_driver(state);
    fake_virtio_reset();
    return 0;
}

/* Returns NULL if the driver leaves the device alone. */
static struct block_device *start_driver(void)
{
    virtio_blk_start();
    return fake_block.device;
}

/* Handle interrupts while the line is up. Returns how many that were. */
static unsigned take_interrupts(void)
{
    unsigned count = 0;

    while (fake_irq_handler != NULL && fake_virtio_take_line()) {
        assert_true(fake_irq_handler->handle(fake_irq_handler->context));
        count++;
        assert_true(count < 1000);
    }
    return count;
}

/* A request with its memory in PIECES pieces, none behind the one before it. */
static struct blk_req *make_request(uint8_t op, uint64_t lba, uint32_t sectors, unsigned pieces)
{
    struct blk_req *req = calloc(1, sizeof(*req));

    *req = (struct blk_req){.op = op, .lba = lba, .nsect = sectors, .nseg = (uint16_t)pieces};
    req->seg = calloc(pieces + 1, sizeof(*req->seg));
    for (unsigned i = 0; i < pieces; i++) {
        struct blk_seg *seg = &req->seg[pieces - 1 - i];
        uint32_t first = sectors * (pieces - 1 - i) / pieces;

        seg->len = (sectors * (pieces - i) / pieces - first) * BLK_SECTOR;
        seg->va = fake_dma_alloc(seg->len, &seg->pa);
    }
    return req;
}

static void free_request(struct blk_req *req)
{
    for (unsigned i = 0; i < req->nseg; i++) {
        fake_dma_free(req->seg[i].va, req->seg[i].len);
    }
    free(req->seg);
    free(req);
}

/* COUNT reads of different places, in a list. */
static inline struct blk_req *make_batch(unsigned count)
{
    struct blk_req *list = NULL;

    for (unsigned i = count; i > 0; i--) {
        uint64_t lba = i * 3 * BATCH_SECTORS % (FAKE_VIRTIO_SECTORS - BATCH_SECTORS);
        struct blk_req *req = make_request(BLK_READ, lba, BATCH_SECTORS, 2);

        req->next = list;
        req->ctx = list; /* next is the device's from now on */
        list = req;
    }
    return list;
}

static inline void free_batch(struct blk_req *list)
{
    while (list != NULL) {
        struct blk_req *next = list->ctx;

        free_request(list);
        list = next;
    }
}

/* Whether the disk holds at the request's place what the request's memory does. */
static bool matches_disk(const struct blk_req *req)
{
    const uint8_t *disk = &fake_virtio.disk[req->lba * BLK_SECTOR];

    for (unsigned i = 0; i < req->nseg; i++) {
        if (memcmp(disk, req->seg[i].va, req->seg[i].len) != 0) {
            return false;
        }
        disk += req->seg[i].len;
    }
    return true;
}

/* Do one request from start to end. Returns its status; what was moved must have arrived. */
static inline int transfer(struct block_device *disk, uint8_t op, uint64_t lba, uint32_t sectors,
                           unsigned pieces)
{
    static uint8_t fill;
    struct blk_req *req = make_request(op, lba, sectors, pieces);

    for (unsigned i = 0; i < req->nseg && op == BLK_WRITE; i++) {
        memset(req->seg[i].va, ++fill, req->seg[i].len);
    }
    fake_block_submit(disk, req);
    if (req->status == BLK_PENDING) {
        assert_int_equal(fake_virtio_work(), 1);
        assert_int_equal(req->status, BLK_PENDING); /* nobody has told us yet */
        take_interrupts();
    }
    int status = req->status;

    assert_int_not_equal(status, BLK_PENDING);
    if (status == 0 && op != BLK_FLUSH) {
        assert_true(matches_disk(req));
    }
    free_request(req);
    return status;
}

#endif
