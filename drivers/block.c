/*
 * block.c - which disks there are: names, the list, capacity. It only grows, and a device is in it
 * with all its fields set, so reading it needs no lock.
 */
#include "drivers/block_internal.h"

#include "drivers/partition.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/string.h"

static struct spinlock lock = SPINLOCK("disks"); /* guards the list against two who add */
static struct block_device *first, *last;

struct block_device *block_next(const struct block_device *device)
{
    return device == NULL ? first : device->next;
}

struct block_device *block_find(const char *name)
{
    for (struct block_device *device = first; device != NULL; device = device->next) {
        if (strcmp(device->name, name) == 0) {
            return device;
        }
    }
    return NULL;
}

/* PREFIX and the first number that nobody has. */
static void name_device(struct block_device *device, const char *prefix)
{
    char name[BLOCK_NAME_SIZE];
    unsigned number = 0;

    do {
        size_t length = format_string(name, sizeof(name), "%s%u", prefix, number++);

        ASSERT(length < sizeof(name), "%s", prefix);
    } while (block_find(name) != NULL);
    memcpy(device->name, name, sizeof(name));
}

/* DEVICE has a name: now others may find it. Context: with the lock. */
static void add(struct block_device *device)
{
    device->dev.name = device->name;
    device->dev.ops = &block_ops;
    device->lock.name = "disk";
    *(last != NULL ? &last->next : &first) = device;
    last = device;
}

void block_register(struct block_device *device, const char *prefix)
{
    const struct blk_dev *dev = &device->dev;

    ASSERT(dev->lbs % BLK_SECTOR == 0 && dev->lbs != 0 && (dev->lbs & (dev->lbs - 1)) == 0 &&
               dev->max_seg > 0 && dev->max_sect >= dev->lbs / BLK_SECTOR,
           "%s: blocks of %u bytes, %u segments, %u sectors", prefix, dev->lbs, dev->max_seg,
           dev->max_sect);
    spin_lock(&lock);
    name_device(device, prefix);
    add(device);
    spin_unlock(&lock);
    log_detail(device->name, "%s, %llu sectors, %s%s", device->model,
               (unsigned long long)dev->nsect, device->how, dev->ro ? ", read-only" : "");
    partition_scan(device);
}

void block_add_partition(struct block_device *partition, unsigned number)
{
    spin_lock(&lock);
    format_string(partition->name, sizeof(partition->name), "%sp%u", partition->whole->name,
                  number);
    add(partition);
    spin_unlock(&lock);
}

/* Fail what waits in the queue and lies beyond the end. Context: entered. */
static void fail_beyond_end(struct block_device *disk)
{
    struct blk_req *next;

    for (struct blk_req *req = disk->queue_first; req != NULL; req = next) {
        next = req->next;
        if (req->lba + req->nsect > disk->dev.nsect && req->op != BLK_FLUSH) {
            block_queue_remove(disk, req);
            block_finish(disk, req, BLK_ENXIO);
        }
    }
}

void block_set_capacity(struct block_device *device, uint64_t sectors)
{
    uint64_t before = device->dev.nsect;

    if (sectors == before) {
        return;
    }
    log_line(device->name, "the capacity is now %llu sectors, it was %llu",
             (unsigned long long)sectors, (unsigned long long)before);
    block_enter(device);
    device->dev.nsect = sectors;
    fail_beyond_end(device);
    block_leave(device);
}
