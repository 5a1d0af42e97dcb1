/*
 * block_internal.h - what the files of the block layer share. Drivers and users have block.h.
 *
 * The lock of a disk guards its queue, what is in flight, the counts of the disk and of its
 * partitions, and all of its driver. The locks of two disks are never held together.
 */
#ifndef SECTOR0_DRIVERS_BLOCK_INTERNAL_H
#define SECTOR0_DRIVERS_BLOCK_INTERNAL_H

#include "drivers/block.h"

#define NANOS_PER_MICRO  1000ull
#define NANOS_PER_MILLI  1000000ull
#define NANOS_PER_SECOND 1000000000ull

extern const struct blk_ops block_ops;

static inline struct block_device *block_of(struct blk_dev *dev)
{
    return (struct block_device *)dev; /* its first field */
}

/* The disk that DEVICE is, or is a partition of: it has the queue and the lock. */
static inline struct block_device *block_disk(struct block_device *device)
{
    return device->whole != NULL ? device->whole : device;
}

static inline bool block_is_idle(const struct block_device *disk)
{
    return disk->flight_first == NULL && disk->queue_first == NULL;
}

/*
 * Between these two the caller has DISK to himself. When he leaves, what waits in the queue goes to
 * the driver, callbacks are called, and waiters woken.
 */
static inline void block_enter(struct block_device *disk)
{
    spin_lock(&disk->lock);
    disk->now = 0;
}
void block_leave(struct block_device *disk);

/* Let the driver complete what is ready, at most BUDGET requests. Returns how many have ended.
 * Context: entered. */
int block_collect(struct block_device *disk, int budget);

/* Make PARTITION, filled in, known as the NUMBERth of its disk. Context: a thread. */
void block_add_partition(struct block_device *partition, unsigned number);

/* Put REQ, in no list, where it belongs in the queue; or first of all. Context: entered. */
void block_queue_add(struct block_device *disk, struct blk_req *req);
void block_queue_add_first(struct block_device *disk, struct blk_req *req);
void block_queue_remove(struct block_device *disk, struct blk_req *req);
void block_flight_remove(struct block_device *disk, struct blk_req *req);

/* REQ, in no list, has ended for good with STATUS. Context: entered. */
void block_finish(struct block_device *disk, struct blk_req *req, int status);

/*
 * The physical address of SIZE bytes at VA in *PHYS. Returns how many of them lie there in one
 * piece, 0 if VA is not mapped. Context: any.
 */
size_t block_physical(const void *va, size_t size, uint64_t *phys);

/* A request has come: the thread "disks" looks after the device from now on. Context: entered. */
extern bool block_watched;
void block_watch_begin(void);

/* Reset DISK, because of WHY. Returns false if somebody else is doing so. Context: not entered. */
bool block_reset(struct block_device *disk, const char *why);

/* Of struct blk_ops. */
int block_wait(struct blk_dev *dev, struct blk_req *req);

/* How long DISK may need for a request. */
static inline uint32_t block_timeout_ms(const struct block_device *disk)
{
    return disk->timeout_ms != 0 ? disk->timeout_ms : BLOCK_TIMEOUT_MS;
}

/* "READ of 8 sectors at 1234", SIZE bytes of TEXT. */
void block_describe(char *text, size_t size, const struct blk_req *req);

#endif
