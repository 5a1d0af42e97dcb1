/*
 * fuzz_sfs.c - a fuzz target for all of SFS that believes a disk: mount read-only and walk, check,
 * repair, check again, mount and write. Built for libFuzzer and, by the same entry, for AFL++.
 *
 * The input is not an image but what is done to one, since nearly every byte of an image is behind
 * a checksum:
 *
 *   format | record, record, ...     record: what, where in it (2), how many bytes (1), the bytes
 *
 * "What" picks a kind of block (an inode, a directory, a bitmap, the log ...) and says if its
 * checksum is made right again. The volumes are those of the checker's tests, made at start-up.
 *
 * It crashes if anything does, and if a repair says that nothing is left but the next check, or the
 * independent checker, has findings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/csum.h"
#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/checkvol.h"
#include "tests/fs/port_host.h"

#define FORMATS 5
#define PAGE    4096u
#define ENTRIES 300 /* looked at in one walk */
#define DEPTH   8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- A disk in memory that is quickly as it was ---- */

static uint8_t *sound[FORMATS], *now[FORMATS];
static uint8_t *dirty; /* pages of now that may differ from sound */
static uint64_t disk_size;
static unsigned which;

static void touch(uint64_t offset, uint64_t count)
{
    for (uint64_t page = offset / PAGE; page <= (offset + count - 1) / PAGE; page++) {
        dirty[page] = 1;
    }
}

static int carry_out(struct blk_req *req)
{
    uint64_t at = req->lba * BLK_SECTOR;

    if (req->op == BLK_FLUSH) {
        return 0;
    }
    if (req->nsect == 0 || at > disk_size || req->nsect * (uint64_t)BLK_SECTOR > disk_size - at) {
        abort(); /* SFS asks for what is not there */
    }
    for (unsigned i = 0; i < req->nseg; i++) {
        uint32_t count = req->seg[i].len;

        if (req->op == BLK_WRITE) {
            touch(at, count);
            memcpy(now[which] + at, req->seg[i].va, count);
        } else {
            memcpy(req->seg[i].va, now[which] + at, count);
        }
        at += count;
    }
    return 0;
}

static int submit(struct blk_dev *dev, struct blk_req *list)
{
    for (struct blk_req *next; list != NULL; list = next) {
        next = list->next;
        list->status = carry_out(list);
        if (list->done != NULL) {
            list->done(list);
        }
    }
    (void)dev;
    return 0;
}

static int poll(struct blk_dev *dev, int budget)
{
    (void)dev;
    (void)budget;
    return 0;
}

static int wait(struct blk_dev *dev, struct blk_req *req)
{
    (void)dev;
    return req->status;
}

static const struct blk_ops ops = {submit, poll, wait};
static struct blk_dev dev = {.ops = &ops,
                             .name = "fuzz",
                             .lbs = BLK_SECTOR,
                             .max_seg = 32,
                             .max_sect = 256,
                             .queue_depth = 1,
                             .volatile_cache = true};

static void make_volumes(void)
{
    for (unsigned i = 0; i < FORMATS; i++) {
        struct ramdisk *disk = vol_make(&vol_formats[i]);

        disk_size = ramdisk_size(disk);
        sound[i] = malloc(disk_size);
        now[i] = malloc(disk_size);
        memcpy(sound[i], ramdisk_bytes(disk), disk_size);
        memcpy(now[i], sound[i], disk_size);
        ramdisk_free(disk);
    }
    dirty = calloc(disk_size / PAGE, 1);
    dev.nsect = disk_size / BLK_SECTOR;
}

static void restore(void)
{
    for (uint64_t page = 0; page < disk_size / PAGE; page++) {
        if (dirty[page] != 0) {
            memcpy(now[which] + page * PAGE, sound[which] + page * PAGE, PAGE);
            dirty[page] = 0;
        }
    }
}

/* ---- What the input says ---- */

static const struct sfs_super *super(void)
{
    return (const struct sfs_super *)sound[which];
}

enum target {
    TARGET_ANY,
    TARGET_SUPER,
    TARGET_INODES,
    TARGET_COVERED, /* directories, indirect blocks, links */
    TARGET_LOG,
    TARGET_ENTRIES,
    TARGET_ORPHANS,
    TARGET_BITMAPS,
    TARGET_COUNT,
};

/* The N-th block of the files' region that has a checksum. */
static uint64_t covered_block(uint32_t n)
{
    const struct sfs_super *s = super();
    const uint32_t *entry = (const uint32_t *)(sound[which] + s->csum_start * s->block_size);
    uint64_t found = 0;

    if (s->version == SFS_VERSION_SEED) {
        return s->data_start + n % 32;
    }
    for (uint64_t b = s->orphan_block + 1; b < s->backup_sb_block; b++) {
        if (entry[b] != 0) {
            found = b;
            if (n-- == 0) {
                break;
            }
        }
    }
    return found;
}

/* The first block of what TARGET means, and how many blocks of it there are. */
static uint64_t range_of(enum target target, uint32_t n, uint64_t *count)
{
    const struct sfs_super *s = super();

    *count = 1;
    switch (target) {
    case TARGET_SUPER:
        return 0;
    case TARGET_INODES:
        *count = 240 * sizeof(struct sfs_inode) / s->block_size + 1;
        return s->inode_table_start;
    case TARGET_COVERED:
        return covered_block(n / s->block_size);
    case TARGET_LOG:
        *count = s->version == SFS_VERSION_SEED ? 1 : s->journal_blocks;
        return s->version == SFS_VERSION_SEED ? 0 : s->journal_start;
    case TARGET_ENTRIES:
        *count = s->version == SFS_VERSION_SEED ? 1 : s->csum_blocks;
        return s->version == SFS_VERSION_SEED ? 0 : s->csum_start;
    case TARGET_ORPHANS:
        return s->orphan_block;
    case TARGET_BITMAPS:
        *count = s->inode_table_start - 1;
        return 1;
    default:
        *count = s->total_blocks;
        return 0;
    }
}

static void sign(uint64_t block)
{
    const struct sfs_super *s = super();
    uint32_t *entry = (uint32_t *)(now[which] + s->csum_start * s->block_size) + block;

    if (s->version == SFS_VERSION && block > 0 && *entry != 0) {
        *entry = sfs_csum_entry(sfs_csum_uuid(s->uuid), block, now[which] + block * s->block_size,
                                s->block_size);
        touch((uint64_t)((uint8_t *)entry - now[which]), 4);
    }
}

/* Change bytes at place N of TARGET. */
static void change(enum target target, bool good, uint32_t n, const uint8_t *bytes, uint32_t size)
{
    const uint32_t bs = super()->block_size;
    uint64_t count, first = range_of(target, n, &count);
    uint64_t at = first * bs + n * 4ull % (count * bs);

    if (target == TARGET_COVERED) {
        at = first * bs + n % bs;
    }
    size = size < disk_size - at ? size : (uint32_t)(disk_size - at);
    if (size == 0) {
        return;
    }
    memcpy(now[which] + at, bytes, size);
    touch(at, size);
    for (uint64_t block = at / bs; good && block <= (at + size - 1) / bs; block++) {
        sign(block);
    }
    if (good && at < sizeof(struct sfs_super)) {
        ((struct sfs_super *)now[which])->crc =
            sfs_csum(0, now[which], offsetof(struct sfs_super, crc));
    }
}

static void damage(const uint8_t *data, size_t size)
{
    while (size > 4) {
        uint32_t count = data[3] % 32 + 1u;

        count = count < size - 4 ? count : (uint32_t)(size - 4);
        change((data[0] & 0x7F) % TARGET_COUNT, data[0] >> 7 == 0, data[1] | (uint32_t)data[2] << 8,
               data + 4, count);
        data += 4 + count;
        size -= 4 + count;
    }
}

/* ---- What is done with the volume ---- */

static struct sfs *fs;
static int budget;

struct names {
    char name[64][SFS_NAME_MAX];
    uint8_t length[64];
    int count;
};

static bool keep(void *ctx, const struct sfs_entry *entry)
{
    struct names *names = ctx;

    if (names->count == 64) {
        return false;
    }
    memcpy(names->name[names->count], entry->name, entry->length);
    names->length[names->count++] = entry->length;
    return true;
}

static void look_at(const struct sfs_attr *attr)
{
    static char data[16384];
    uint64_t offset = 0;

    (void)sfs_read(fs, attr->ino, 0, data, sizeof(data));
    (void)sfs_read(fs, attr->ino, attr->size / 2, data, sizeof(data));
    (void)sfs_readlink(fs, attr->ino, data, sizeof(data));
    (void)sfs_seek(fs, attr->ino, true, &offset);
}

static void walk(uint64_t dir, int depth)
{
    struct names *names = calloc(1, sizeof(*names));
    uint64_t cookie = 0;

    (void)sfs_readdir(fs, dir, &cookie, keep, names);
    for (int i = 0; i < names->count && budget-- > 0; i++) {
        struct sfs_attr attr;

        if (sfs_lookup(fs, dir, names->name[i], names->length[i], &attr) < 0) {
            continue;
        }
        look_at(&attr);
        if (attr.mode >> 12 == SFS_TYPE_DIR && depth < DEPTH && names->name[i][0] != '.') {
            walk(attr.ino, depth + 1);
        }
        (void)sfs_forget(fs, attr.ino, 1);
    }
    free(names);
}

static void read_all(void)
{
    const struct sfs_mount_options options = {
        .read_only = true, .cache_blocks = 128, .page_kib = 256};

    budget = ENTRIES;
    if (sfs_mount(&dev, &options, &fs) == 0) {
        walk(SFS_ROOT, 0);
        (void)sfs_unmount(fs);
    }
}

static char lines[1 << 14];

static void report(void *ctx, const char *line)
{
    size_t used = strlen(lines);

    (void)ctx;
    snprintf(lines + used, sizeof(lines) - used, "%s\n", line);
}

static int check(bool repair, struct sfs_check_result *result)
{
    const struct sfs_check_options options = {.repair = repair, .report = report};

    lines[0] = '\0';
    return sfs_check(&dev, &options, result);
}

static void give_up(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "%s\n%s", what, lines);
    abort();
}

/* A repaired volume can be written. */
static void write_some(void)
{
    const struct sfs_mount_options options = {.cache_blocks = 128, .page_kib = 256};
    struct sfs_attr attr;

    if (sfs_mount(&dev, &options, &fs) < 0) {
        give_up("a repaired volume cannot be mounted");
    }
    if (sfs_mkdir(fs, SFS_ROOT, "fuzz", 4, 0755, (struct sfs_owner){0, 0}, &attr) == 0) {
        (void)sfs_forget(fs, attr.ino, 1);
    }
    if (sfs_unmount(fs) < 0 || check_volume(now[which], disk_size) != 0) {
        give_up("a repaired volume cannot be written");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sfs_check_result result;

    if (dirty == NULL) {
        make_volumes();
    }
    if (size < 2) {
        return 0;
    }
    which = data[0] % FORMATS;
    damage(data + 1, size - 1);
    read_all();
    if (check(false, &result) == 0 && check(true, &result) == 0) {
        if (result.left != 0) {
            give_up("findings are left");
        }
        if (check(false, &result) != 0 || result.findings != 0) {
            give_up("the second check is not clean");
        }
        write_some();
    }
    if (port_in_use() != 0) {
        abort();
    }
    restore();
    return 0;
}
