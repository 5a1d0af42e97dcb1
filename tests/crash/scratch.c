/* scratch.c - see scratch.h. */
#include "tests/crash/scratch.h"

#include <stdlib.h>
#include <string.h>

#include "fs/format.h"
#include "tests/crash/hash.h"

static void change_hash(struct scratch *disk, uint64_t lba, uint64_t hash)
{
    uint64_t difference = disk->hash[lba] ^ hash;

    disk->hash[lba] = hash;
    disk->all ^= difference;
    if (lba < disk->log_first || lba >= disk->log_end) {
        disk->home ^= difference;
    }
}

static void save(struct scratch *disk, uint64_t lba)
{
    if (disk->saved_in[lba] == disk->round) {
        return;
    }
    disk->saved_in[lba] = disk->round;
    if (disk->count == disk->room) {
        disk->room = disk->room == 0 ? 64 : 2 * disk->room;
        disk->saved = realloc(disk->saved, disk->room * sizeof(*disk->saved));
    }
    struct scratch_saved *saved = &disk->saved[disk->count++];

    saved->lba = lba;
    saved->hash = disk->hash[lba];
    memcpy(saved->data, disk->bytes + lba * BLK_SECTOR, BLK_SECTOR);
}

void scratch_put(struct scratch *disk, uint64_t lba, const uint8_t *data, uint64_t hash)
{
    if (disk->hash[lba] != hash) {
        save(disk, lba);
        memcpy(disk->bytes + lba * BLK_SECTOR, data, BLK_SECTOR);
        change_hash(disk, lba, hash);
    }
}

void scratch_mark(struct scratch *disk)
{
    disk->count = 0;
    disk->round++;
}

void scratch_undo(struct scratch *disk)
{
    while (disk->count > 0) {
        const struct scratch_saved *saved = &disk->saved[--disk->count];

        memcpy(disk->bytes + saved->lba * BLK_SECTOR, saved->data, BLK_SECTOR);
        change_hash(disk, saved->lba, saved->hash);
    }
    disk->round++;
}

void scratch_keep(struct scratch *disk)
{
    disk->count = 0;
    disk->round++;
}

/* ---- The block device ---- */

static void transfer(struct scratch *disk, const struct blk_req *req)
{
    uint64_t lba = req->lba;

    for (unsigned i = 0; i < req->nseg; i++) {
        uint8_t *va = req->seg[i].va;
        uint32_t len = req->seg[i].len;

        if (req->op == BLK_READ) {
            memcpy(va, disk->bytes + lba * BLK_SECTOR, len);
            lba += len / BLK_SECTOR;
            continue;
        }
        for (uint32_t at = 0; at < len; at += BLK_SECTOR, lba++) {
            scratch_put(disk, lba, va + at, hash_sector(lba, va + at));
        }
    }
}

static int scratch_submit(struct blk_dev *dev, struct blk_req *list)
{
    struct scratch *disk = (struct scratch *)dev;
    struct blk_req *next;

    for (struct blk_req *req = list; req != NULL; req = next) {
        next = req->next;
        req->status = req->lba + req->nsect > disk->sectors ? BLK_ENXIO : 0;
        if (req->status == 0 && req->op != BLK_FLUSH) {
            transfer(disk, req);
        }
        if (req->done != NULL) {
            req->done(req);
        }
    }
    return 0;
}

static int scratch_wait(struct blk_dev *dev, struct blk_req *req)
{
    (void)dev;
    return req->status;
}

static int scratch_poll(struct blk_dev *dev, int budget)
{
    (void)dev;
    (void)budget;
    return 0;
}

static const struct blk_ops scratch_ops = {scratch_submit, scratch_poll, scratch_wait};

struct scratch *scratch_create(const uint8_t *bytes, uint64_t sectors,
                               const struct sfs_super *super)
{
    struct scratch *disk = calloc(1, sizeof(*disk));

    disk->dev = (struct blk_dev){.ops = &scratch_ops,
                                 .name = "scratch",
                                 .nsect = sectors,
                                 .lbs = BLK_SECTOR,
                                 .max_seg = 64,
                                 .max_sect = 256,
                                 .queue_depth = 1,
                                 .volatile_cache = true};
    disk->sectors = sectors;
    disk->bytes = malloc(sectors * BLK_SECTOR);
    memcpy(disk->bytes, bytes, sectors * BLK_SECTOR);
    disk->log_first = super->journal_start * (super->block_size / BLK_SECTOR);
    disk->log_end = disk->log_first + super->journal_blocks * (super->block_size / BLK_SECTOR);
    disk->hash = calloc(sectors, sizeof(*disk->hash));
    disk->saved_in = calloc(sectors, sizeof(*disk->saved_in));
    disk->round = 1;
    for (uint64_t lba = 0; lba < sectors; lba++) {
        change_hash(disk, lba, hash_sector(lba, bytes + lba * BLK_SECTOR));
    }
    return disk;
}

void scratch_free(struct scratch *disk)
{
    free(disk->bytes);
    free(disk->hash);
    free(disk->saved_in);
    free(disk->saved);
    free(disk);
}
