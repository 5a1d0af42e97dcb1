/*
 * block.h - the disks of the machine: the layer between their drivers and their users.
 *
 *     file system, shell, tests          struct blk_dev, struct blk_req (include/blk.h)
 *   ------------------------------------------------------------------------------------
 *     partition.c                        partitions add their first sector, nothing else
 *     block*.c                           checks, queue, retries, time-outs, statistics
 *   ------------------------------------------------------------------------------------
 *     ata.c, virtio_blk.c, ramdisk.c     struct block_driver: take, start, complete
 *
 * A submitted request waits in the device's queue until the driver takes it (block_take), is then
 * in flight, and ends with block_complete: it is called back, or tried again. Whoever calls the
 * driver's functions holds the device's lock, so a driver needs none of its own.
 *
 * A request in flight for longer than the device's time-out means that the device is stuck: it is
 * reset by the thread "disks". What was in flight is then tried again if it is a read, and fails
 * with EIO if it is not: nobody knows what a write has done. A device that cannot be reset, or
 * answers nothing between BLOCK_RESETS_MAX resets, is lost: everything fails from then on.
 *
 * Callbacks run without the lock and with preemption off, a device's one after the other. What they
 * submit goes to the driver when the last of them has run: one kick for all of it.
 */
#ifndef SECTOR0_DRIVERS_BLOCK_H
#define SECTOR0_DRIVERS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/block_patience.h"
#include "include/blk.h"
#include "kernel/sched/spinlock.h"
#include "kernel/sched/wait.h"

#define BLOCK_NAME_SIZE 12 /* "vblk12p128" and a NUL */
#define BLOCK_HISTOGRAM                                                                            \
    24 /* buckets: requests that took below 2^n microseconds, the last all others */
#define BLOCK_TIMEOUT_MS 30000
#define BLOCK_RESETS_MAX 8

struct block_device;

/* What a driver does. All are called with the device's lock held (interrupts off), but for reset.
 */
struct block_driver {
    const char *name; /* for people */

    /*
     * There may be something in the queue, or room in the device: take requests while there are
     * both, and tell the device once, at the end.
     */
    void (*run)(struct block_device *device);

    /* Call block_complete for what the device has finished, at most BUDGET requests. */
    void (*collect)(struct block_device *device, int budget);

    /*
     * NULL if the device cannot be silenced. With ON false, somebody will look for ends by himself
     * for a few microseconds, and the device need not interrupt for what it finishes meanwhile.
     * With ON true it must again, as it must at first; if this returns true, something may have
     * been finished without an interrupt: collect, and ask again, before sleeping. Nobody else may
     * run between the two (preempt_disable), or he might wait for an interrupt that nobody raises.
     */
    bool (*listen)(struct block_device *device, bool on);

    /*
     * Bring a stuck device to rest, so that it touches no memory of a request any more, and make it
     * work again. What is in flight is not reported: block.c deals with it when this returns.
     * Returns false if the device is lost: everything fails from then on. Bounded. Context: the
     * thread "disks"; run and collect are not called meanwhile, the interrupt handler may be. Or
     * somebody who waits where he may not sleep (thread_may_sleep): it may not either then.
     */
    bool (*reset)(struct block_device *device);
};

/* What is counted besides the counts of struct blk_dev; changed under the lock. A partition has
 * counts of its own. */
struct block_stats {
    uint64_t merges;  /* requests that went to the device together with another one */
    uint64_t retries; /* tries after the first */
    uint64_t timeouts, resets;
    uint64_t lost_interrupts; /* finished requests that nobody had told of */
    uint64_t interrupts;      /* of this device */
    uint64_t accesses;        /* ports and registers that the driver touched: under an emulator each
                                 of them leaves the guest; counted by the driver */
    uint64_t kicks;           /* of them, those that told the device of new requests */
    uint32_t micros[BLOCK_HISTOGRAM]; /* how long requests took, submit to done */
};

/* What the thread "disks" remembers of the oldest request in flight. */
struct block_watch {
    const struct blk_req *req; /* it may have ended meanwhile: never followed */
    uint64_t submitted_ns;     /* together with req and tries: which it is */
    uint8_t tries;
    uint64_t since;    /* when it was seen first, nanoseconds */
    unsigned resets;   /* since a request has ended well */
    bool told_of_lost; /* interrupts, in the log */
};

/*
 * A disk, partition or RAM disk. The driver fills in what stands before the line, all else zero,
 * and registers it; it stays for ever.
 */
struct block_device {
    struct blk_dev
        dev; /* first: users hold a pointer to it. ops, name and the counts are block.c's */
    const struct block_driver *driver;
    void *driver_data; /* the driver's own */
    const char *model; /* for people, "QEMU HARDDISK"; "" if the device does not say */
    const char *how; /* for people: "DMA", "PIO", "modern", "legacy"; may be changed at any time */
    uint32_t timeout_ms;  /* 0: BLOCK_TIMEOUT_MS */
    uint8_t retries;      /* how often a read or write is tried again after EIO; 0: never. A flush
                             never is: the next one would cover only what the first has left */
    bool one_by_one;      /* the device works on one request at a time: block.c sorts the queue by
                             sector, one sweep after the other, so that block_take_next finds neighbours
                           */
    uint32_t poll_micros; /* how long a waiter stays awake before he sleeps; 0: not at all */

    /* ---- block.c's from here on ---- */
    char name[BLOCK_NAME_SIZE];
    struct block_device *whole; /* of a partition: its disk; else NULL */
    uint64_t first_sector;      /* of a partition, on its disk */
    uint8_t partition_type;     /* of a partition: the byte in the table */
    bool is_volume;             /* an SFS volume as a whole, without partitions */
    uint32_t signature;         /* of a disk: that of its first sector, 0: none */
    uint32_t crc32c;            /* of a disk: of its first sector */
    struct spinlock lock;       /* guards the rest, and everything of the driver */
    struct blk_req *queue_first, *queue_last;
    struct blk_req *flight_first, *flight_last; /* in the order in which they were taken */
    struct blk_req *done_first, *done_last;     /* to be called back when the lock is free */
    struct wait_queue waiters;                  /* for the end of any request */
    uint64_t sweep; /* one_by_one: the sector behind what was taken last */
    bool lost;
    bool resetting; /* the driver is left alone meanwhile, but for reset */
    bool calling;   /* somebody runs callbacks, and will look at the queue afterwards */
    bool wake;      /* requests have ended: wake the waiters when all callbacks have run */
    bool reset_wanted;
    uint64_t ended; /* requests, ever */
    uint64_t now;   /* the time, read at the first end since the lock was taken; 0: none yet */
    struct block_watch watch;
    struct block_patience patience; /* looked at without the lock, too */
    struct block_stats stats;
    struct block_device *next; /* in the order of registration */
};

/* Let the thread "disks" look after them. Context: start-up, before the first block_register. */
void block_start(void);

/* ---- For drivers ---- */

/*
 * Make DEVICE known as PREFIX and the first free number ("ata0"), and its partitions ("ata0p1"):
 * the table is read now, so the driver must be ready. Context: a thread, or start-up with
 * interrupts on.
 */
void block_register(struct block_device *device, const char *prefix);

/*
 * Take the next request out of the queue; NULL if there is none. It is in flight from now on.
 * Flushes come first: they cover only what has completed. Context: run.
 */
struct blk_req *block_take(struct block_device *device);

/*
 * The same, but only if it goes on where PREVIOUS, taken just before, ends: the same operation, the
 * next sector, at most MAX_SECTORS and MAX_SEGMENTS itself. Counted as a merge. Context: run.
 */
struct blk_req *block_take_next(struct block_device *device, const struct blk_req *previous,
                                uint32_t max_sectors, uint32_t max_segments);

/* Put REQ, taken but not given to the device, back to the front of the queue. Context: run. */
void block_put_back(struct block_device *device, struct blk_req *req);

/*
 * REQ, in flight, has ended with STATUS: 0 or an enum blk_error. After EIO it is tried again if the
 * device has retries left. The submitter is called when the lock is free. Context: run, collect.
 */
void block_complete(struct block_device *device, struct blk_req *req, int status);

/*
 * The device has raised its interrupt, which the driver has acknowledged: collect, run, call back.
 * Context: the driver's interrupt handler, or a thread; without the lock.
 */
void block_interrupt(struct block_device *device);

/* The device has said that it needs a reset. It happens soon. Context: any. */
void block_ask_for_reset(struct block_device *device);

/* The capacity is now SECTORS. Requests beyond it fail with ENXIO. Context: any, without the lock.
 */
void block_set_capacity(struct block_device *device, uint64_t sectors);

/* ---- For users, besides device->dev.ops ---- */

/* The device of that name, or NULL. Context: any. */
struct block_device *block_find(const char *name);

/* The one registered after DEVICE, a disk followed by its partitions; NULL begins, and ends. */
struct block_device *block_next(const struct block_device *device);

/*
 * Read or write COUNT sectors from LBA on, any number, to or from kernel memory of any kind (heap,
 * stack, vmalloc), any alignment. Returns 0 or an enum blk_error. Context: a thread that may sleep,
 * or anywhere at start-up: then it polls.
 */
int block_read(struct block_device *device, uint64_t lba, uint32_t count, void *buffer);
int block_write(struct block_device *device, uint64_t lba, uint32_t count, const void *buffer);
/* Make durable what has completed. */
int block_flush(struct block_device *device);

/*
 * Fill in SEGMENTS, at most MAX, for SIZE bytes of kernel memory at BUFFER: one for each physically
 * contiguous piece of at most 4 MiB. Returns how many, 0 if they are too few. Context: any.
 */
unsigned block_segments(const void *buffer, size_t size, struct blk_seg *segments, unsigned max);

/* The number's name, "EIO"; "error" for others. Context: any. */
const char *blk_error_name(int error);

#endif
