/* ramdisk.c - see ramdisk.h. */
#include "tests/fs/ramdisk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fs/port_host.h"

#define EIO 5

/* A write that no flush has covered yet. */
struct pending {
    struct pending *next;
    enum blk_class cls;
    bool completed;
    uint64_t lba;
    uint32_t nsect;
    uint8_t *data;
};

/* A request between submit and wait. */
struct flight {
    struct flight *next;
    struct blk_req *req;
    struct pending *write; /* of a write */
    uint64_t covers;       /* of a flush: writes completed so far */
    bool failing;
};

struct ramdisk {
    struct blk_dev dev;
    uint8_t *now, *stable;
    struct pending *pending, **pending_end; /* in the order of their submission */
    struct flight *flights;
    long events, cut_after;
    bool cut;
    enum blk_op fail_op;
    long fail_after, fail_repeat;
    bool failed;
    void (*watch)(void *, const struct ramdisk_event *);
    void *watch_ctx;
    pthread_mutex_t guard;
};

static void broken(const char *why)
{
    fprintf(stderr, "ramdisk: %s\n", why);
    abort();
}

static struct ramdisk *of(struct blk_dev *dev)
{
    return (struct ramdisk *)dev;
}

static void copy_segments(const struct blk_req *req, uint8_t *memory, bool to_request)
{
    for (unsigned i = 0; i < req->nseg; i++) {
        void *va = req->seg[i].va;

        memcpy(to_request ? va : memory, to_request ? memory : va, req->seg[i].len);
        memory += req->seg[i].len;
    }
}

static void check_request(struct ramdisk *disk, const struct blk_req *req)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < req->nseg; i++) {
        bytes += req->seg[i].len;
    }
    if (bytes != req->nsect * (uint64_t)BLK_SECTOR || req->nseg > disk->dev.max_seg ||
        req->nsect > disk->dev.max_sect || bytes % disk->dev.lbs != 0 ||
        req->lba * BLK_SECTOR % disk->dev.lbs != 0) {
        broken("a request that the device cannot do");
    }
    if (req->lba > disk->dev.nsect || req->nsect > disk->dev.nsect - req->lba) {
        broken("a request behind the end");
    }
    if (req->op == BLK_WRITE && disk->dev.ro) {
        broken("a write to a read-only device");
    }
    for (struct flight *f = disk->flights; f != NULL; f = f->next) {
        bool apart =
            f->req->lba + f->req->nsect <= req->lba || req->lba + req->nsect <= f->req->lba;

        if (!apart && f->req->nsect > 0 && req->nsect > 0 &&
            (f->req->op == BLK_WRITE || req->op == BLK_WRITE)) {
            broken("overlapping requests in flight");
        }
    }
}

static bool should_fail(struct ramdisk *disk, enum blk_op op)
{
    if (op != disk->fail_op || disk->fail_after < 0) {
        return false;
    }
    if (disk->fail_after > 0) {
        disk->fail_after--;
        return false;
    }
    disk->failed = true;
    if (--disk->fail_repeat == 0) {
        disk->fail_after = -1;
    }
    return true;
}

/* A write is volatile from its submission, so it is pending at once. */
static struct pending *take_write(struct ramdisk *disk, const struct blk_req *req)
{
    struct pending *write = calloc(1, sizeof(*write));

    *write = (struct pending){.cls = req->cls, .lba = req->lba, .nsect = req->nsect};
    write->data = malloc((size_t)req->nsect * BLK_SECTOR);
    copy_segments(req, write->data, false);
    *disk->pending_end = write;
    disk->pending_end = &write->next;
    return write;
}

static void take(struct ramdisk *disk, struct blk_req *req)
{
    struct flight *flight = calloc(1, sizeof(*flight));

    check_request(disk, req);
    if (req->op != BLK_READ && !disk->cut && disk->watch != NULL) {
        struct ramdisk_event event = {req->op, req->cls, req->lba, req->nsect};

        disk->watch(disk->watch_ctx, &event);
    }
    flight->req = req;
    flight->failing = should_fail(disk, req->op);
    if (req->op != BLK_READ && !disk->cut) {
        disk->events++;
        if (req->op == BLK_WRITE) {
            flight->write = take_write(disk, req);
        }
        if (disk->cut_after >= 0 && disk->cut_after-- == 0) {
            disk->cut = true;
        }
    }
    if (req->op == BLK_FLUSH) {
        for (struct pending *p = disk->pending; p != NULL; p = p->next) {
            flight->covers += p->completed;
        }
    }
    flight->next = disk->flights;
    disk->flights = flight;
}

static int ram_submit(struct blk_dev *dev, struct blk_req *list)
{
    struct ramdisk *disk = of(dev);

    pthread_mutex_lock(&disk->guard);
    for (struct blk_req *req = list; req != NULL; req = req->next) {
        take(disk, req);
    }
    pthread_mutex_unlock(&disk->guard);
    return 0;
}

static void complete_write(struct ramdisk *disk, const struct blk_req *req, struct pending *write)
{
    uint8_t *again = malloc((size_t)req->nsect * BLK_SECTOR);

    copy_segments(req, again, false);
    if (memcmp(again, write->data, (size_t)req->nsect * BLK_SECTOR) != 0) {
        broken("the memory of a write has changed before its completion");
    }
    free(again);
    memcpy(disk->now + req->lba * BLK_SECTOR, write->data, (size_t)req->nsect * BLK_SECTOR);
    write->completed = true;
}

/*
 * The first COVERS completed writes are stable now. They were the first ones when the flush was
 * submitted, too, unless one submitted before them completed meanwhile; then fewer are made stable.
 */
static void complete_flush(struct ramdisk *disk, uint64_t covers)
{
    struct pending **at = &disk->pending;

    while (*at != NULL && covers > 0) {
        struct pending *write = *at;

        if (!write->completed) {
            at = &write->next;
            continue;
        }
        memcpy(disk->stable + write->lba * BLK_SECTOR, write->data,
               (size_t)write->nsect * BLK_SECTOR);
        *at = write->next;
        free(write->data);
        free(write);
        covers--;
    }
    disk->pending_end = &disk->pending;
    while (*disk->pending_end != NULL) {
        disk->pending_end = &(*disk->pending_end)->next;
    }
}

static int complete(struct ramdisk *disk, const struct flight *flight)
{
    struct blk_req *req = flight->req;

    if (disk->cut || flight->failing) {
        disk->dev.errors++;
        return -EIO; /* a failed write may have happened all the same: it stays pending */
    }
    if (req->op == BLK_READ) {
        copy_segments(req, disk->now + req->lba * BLK_SECTOR, true);
        disk->dev.reads++;
        disk->dev.sectors_read += req->nsect;
    } else if (req->op == BLK_WRITE) {
        complete_write(disk, req, flight->write);
        disk->dev.writes++;
        disk->dev.sectors_written += req->nsect;
    } else if (req->op == BLK_FLUSH) {
        complete_flush(disk, flight->covers);
        disk->dev.flushes++;
    }
    return 0;
}

static int ram_wait(struct blk_dev *dev, struct blk_req *req)
{
    struct ramdisk *disk = of(dev);
    struct flight **at = &disk->flights;

    pthread_mutex_lock(&disk->guard);
    while (*at != NULL && (*at)->req != req) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        struct flight *flight = *at;

        *at = flight->next;
        req->status = complete(disk, flight);
        free(flight);
    }
    pthread_mutex_unlock(&disk->guard);
    req->done(req);
    return req->status;
}

static int ram_poll(struct blk_dev *dev, int budget)
{
    (void)dev;
    (void)budget;
    return 0;
}

static const struct blk_ops ram_ops = {ram_submit, ram_poll, ram_wait};

/* Disks come and go by the ten thousand: keep the memory of a few. */
#define POOL 4
static struct {
    uint8_t *bytes;
    uint64_t size;
} pool[POOL];

static uint8_t *take_bytes(uint64_t size)
{
    for (unsigned i = 0; i < POOL; i++) {
        if (pool[i].bytes != NULL && pool[i].size == size) {
            uint8_t *bytes = pool[i].bytes;

            pool[i].bytes = NULL;
            memset(bytes, 0, size);
            return bytes;
        }
    }
    return calloc(1, size);
}

static void give_bytes(uint8_t *bytes, uint64_t size)
{
    for (unsigned i = 0; i < POOL; i++) {
        if (pool[i].bytes == NULL) {
            pool[i].bytes = bytes;
            pool[i].size = size;
            return;
        }
    }
    free(bytes);
}

struct ramdisk *ramdisk_create(uint64_t sectors, uint32_t lbs)
{
    struct ramdisk *disk = calloc(1, sizeof(*disk));

    disk->dev = (struct blk_dev){.ops = &ram_ops,
                                 .name = "ram0",
                                 .nsect = sectors,
                                 .lbs = lbs,
                                 .max_seg = 32,
                                 .max_sect = 256,
                                 .queue_depth = 8,
                                 .volatile_cache = true};
    disk->now = take_bytes(sectors * BLK_SECTOR);
    disk->stable = take_bytes(sectors * BLK_SECTOR);
    disk->pending_end = &disk->pending;
    disk->cut_after = disk->fail_after = -1;
    pthread_mutexattr_t again; /* who watches may send requests of his own */

    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&disk->guard, &again);
    pthread_mutexattr_destroy(&again);
    return disk;
}

static void drop_pending(struct ramdisk *disk)
{
    while (disk->pending != NULL) {
        struct pending *next = disk->pending->next;

        free(disk->pending->data);
        free(disk->pending);
        disk->pending = next;
    }
    disk->pending_end = &disk->pending;
}

void ramdisk_free(struct ramdisk *disk)
{
    if (disk->flights != NULL) {
        broken("freed with requests in flight");
    }
    drop_pending(disk);
    give_bytes(disk->now, ramdisk_size(disk));
    give_bytes(disk->stable, ramdisk_size(disk));
    free(disk);
}

struct blk_dev *ramdisk_dev(struct ramdisk *disk)
{
    return &disk->dev;
}

uint8_t *ramdisk_bytes(struct ramdisk *disk)
{
    return disk->now;
}

uint64_t ramdisk_size(const struct ramdisk *disk)
{
    return disk->dev.nsect * BLK_SECTOR;
}

void ramdisk_settle(struct ramdisk *disk)
{
    drop_pending(disk);
    memcpy(disk->stable, disk->now, ramdisk_size(disk));
    disk->cut = false;
    disk->cut_after = disk->fail_after = -1;
    disk->failed = false;
}

void ramdisk_cut_after(struct ramdisk *disk, long count)
{
    disk->cut_after = count;
}

bool ramdisk_is_cut(const struct ramdisk *disk)
{
    return disk->cut;
}

long ramdisk_events(const struct ramdisk *disk)
{
    return disk->events;
}

static bool chance(double probability)
{
    return (double)(rng() >> 11) / (double)(1ull << 53) < probability;
}

/* One sector of a write that may or may not have happened. */
static void roll_sector(uint8_t *sector, const uint8_t *data, enum blk_class cls,
                        const struct ramdisk_fate *fate)
{
    if (chance(fate->kept)) {
        memcpy(sector, data, BLK_SECTOR);
    }
    if (cls != BLK_CLASS_NONE && chance(fate->garbage)) {
        for (unsigned i = 0; i < BLK_SECTOR; i += 8) {
            uint64_t junk = rng();

            memcpy(sector + i, &junk, 8);
        }
    }
}

struct ramdisk *ramdisk_after_cut(const struct ramdisk *disk, const struct ramdisk_fate *fate)
{
    struct ramdisk *after = ramdisk_create(disk->dev.nsect, disk->dev.lbs);

    memcpy(after->now, disk->stable, ramdisk_size(disk));
    for (const struct pending *p = disk->pending; p != NULL; p = p->next) {
        if ((int)p->cls == fate->lost_class ||
            (fate->only_class >= 0 && (int)p->cls != fate->only_class)) {
            continue;
        }
        for (uint32_t i = 0; i < p->nsect; i++) {
            roll_sector(after->now + (p->lba + i) * BLK_SECTOR, p->data + (size_t)i * BLK_SECTOR,
                        p->cls, fate);
        }
    }
    ramdisk_settle(after);
    return after;
}

void ramdisk_fail(struct ramdisk *disk, enum blk_op op, long count, long repeat)
{
    disk->fail_op = op;
    disk->fail_after = count;
    disk->fail_repeat = repeat;
    disk->failed = false;
}

bool ramdisk_failed(const struct ramdisk *disk)
{
    return disk->failed;
}

void ramdisk_watch(struct ramdisk *disk, void (*watch)(void *ctx, const struct ramdisk_event *),
                   void *ctx)
{
    disk->watch = watch;
    disk->watch_ctx = ctx;
}

void ramdisk_note_order(void *order, const struct ramdisk_event *event)
{
    char *text = order;
    size_t length = strlen(text);
    char what = event->op == BLK_FLUSH ? 'F' : event->cls == BLK_CLASS_SUPERBLOCK ? 'S' : 'H';

    if ((length == 0 || text[length - 1] != what) && length < RAMDISK_ORDER - 1) {
        text[length] = what;
    }
}
