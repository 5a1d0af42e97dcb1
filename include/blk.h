/*
 * blk.h - the block interface: what a disk driver offers, and what a file system asks of it. No
 * code. The kernel's drivers, the host's image files and the tests' disks all speak it.
 *
 * Requests are batched: submit takes a list. The rules:
 *
 * - Requests of one list, and of different lists, may complete in any order.
 * - Two writes in flight must not overlap, nor a read and a write.
 * - BLK_FLUSH makes durable what has COMPLETED before it was submitted, and nothing else.
 * - A write that has not been flushed may, after a power cut, have happened in part, or have left
 *   its sectors undefined.
 * - Memory of a request belongs to the device from submit until done is called.
 */
#ifndef SECTOR0_BLK_H
#define SECTOR0_BLK_H

#include <stdbool.h>
#include <stdint.h>

#define BLK_SECTOR 512 /* bytes; the unit of every lba and nsect, whatever the device's own is */

/* Why a request failed, with Linux's numbers. */
enum blk_error {
    BLK_EIO = -5,         /* the device could not, or did not answer in time */
    BLK_ENXIO = -6,       /* beyond the end of the device, or the device is gone */
    BLK_ENOMEM = -12,     /* no memory */
    BLK_EINVAL = -22,     /* the request itself is wrong */
    BLK_EROFS = -30,      /* a write to a read-only device */
    BLK_EOPNOTSUPP = -95, /* an operation that the device does not have */
};

#define BLK_PENDING 1 /* blk_req.status from submit until it is done */

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD };

/* What a write is for. Devices ignore it; recorders of write order need it. */
enum blk_class {
    BLK_CLASS_NONE,
    BLK_CLASS_SUPERBLOCK,
    BLK_CLASS_LOG,       /* descriptors and payload of a transaction */
    BLK_CLASS_COMMIT,    /* its commit block */
    BLK_CLASS_LOG_SUPER, /* the journal's own superblock */
    BLK_CLASS_HOME,      /* metadata at its own place */
    BLK_CLASS_DATA,      /* contents of files */
};

/* A piece of memory, in the order of the sectors. */
struct blk_seg {
    void *va;
    uint64_t pa;  /* physical address, for devices that read memory by themselves; else 0 */
    uint32_t len; /* bytes, a multiple of the device's sector */
};

struct blk_req {
    uint8_t op;  /* enum blk_op */
    uint8_t cls; /* enum blk_class */
    uint16_t nseg;
    int32_t status; /* set by the device before done: 0, or an enum blk_error */
    uint64_t lba;   /* first sector, in units of BLK_SECTOR */
    uint32_t nsect; /* BLK_SECTORs; 0 for a flush */
    struct blk_seg *seg;
    void (*done)(struct blk_req *req); /* may run in an interrupt; may submit, may not sleep; or
                                          NULL, if somebody will wait */
    void *ctx;                         /* the submitter's */
    struct blk_req *next;              /* the submitter's until submit, then the device's */

    /* The device's alone, from submit until done; need not be initialised. */
    struct blk_dev *dev;   /* what it was submitted to */
    struct blk_req *prev;  /* together with next: the list it is in */
    uint64_t submitted_ns; /* when */
    uint32_t tag;          /* its place in the device */
    uint8_t tries;         /* how often it has failed */
};

struct blk_dev;

struct blk_ops {
    /* Take the LIST. Returns 0, or a negative error and has taken nothing. Does not sleep. */
    int (*submit)(struct blk_dev *dev, struct blk_req *list);
    /* Complete what is ready, at most BUDGET requests, without sleeping. Returns how many. */
    int (*poll)(struct blk_dev *dev, int budget);
    /* Sleep until REQ is done; bounded by the device's time-out. Returns its status. */
    int (*wait)(struct blk_dev *dev, struct blk_req *req);
};

struct blk_dev {
    const struct blk_ops *ops;
    const char *name;
    uint64_t nsect;       /* capacity, BLK_SECTORs; may change at run time, read it once a mount */
    uint32_t lbs;         /* bytes of the smallest write: 512 to 4096 */
    uint32_t max_seg;     /* segments of a request */
    uint32_t max_sect;    /* BLK_SECTORs of a request */
    uint32_t queue_depth; /* requests that are worth having in flight */
    bool ro;
    bool volatile_cache; /* false: what has completed is durable, a flush waits for nothing */
    /* Counted by the device. */
    uint64_t reads, writes, flushes, sectors_read, sectors_written, errors;
};

#endif
