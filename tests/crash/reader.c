/* reader.c - see reader.h. */
#include "tests/crash/reader.h"

#include <stdlib.h>
#include <string.h>

#include "include/blk.h"
#include "tests/crash/hash.h"

#define DIRECTORIES 128 /* that wait to be read */

struct reader {
    const uint8_t *image;
    const struct sfs_super *super;
    uint32_t bs, p;
    struct reading *reading;
    reader_entry *entry;
    void *ctx;
    uint64_t waiting[DIRECTORIES];
    uint32_t waits;
    uint8_t *seen; /* inodes, one byte each */
};

uint64_t digest_name(uint64_t dir, const char *name, size_t length, uint64_t ino)
{
    return hash_add(hash_add(hash_bytes(1, name, length), dir), ino);
}

uint64_t digest_inode(const struct digest_inode *inode)
{
    uint64_t hash = hash_add(2, inode->ino);

    hash = hash_add(hash, (uint64_t)inode->mode << 32 | inode->nlink);
    hash = hash_add(hash, inode->size);
    hash = hash_add(hash, (uint64_t)inode->mtime);
    hash = hash_add(hash, (uint64_t)inode->ctime);
    return inode->target != NULL ? hash_bytes(hash, inode->target, inode->size) : hash;
}

static const uint8_t *block_at(const struct reader *r, uint64_t block)
{
    return r->image + block * r->bs;
}

static const struct sfs_inode *inode_at(const struct reader *r, uint64_t ino)
{
    return (const struct sfs_inode *)(block_at(r, r->super->inode_table_start) +
                                      ino * sizeof(struct sfs_inode));
}

static uint64_t size_of(const struct sfs_inode *inode)
{
    return (uint64_t)inode->size_hi << 32 | inode->size_lo;
}

/* The block that holds block N of the file; 0: a hole. */
static uint64_t map(const struct reader *r, const struct sfs_inode *inode, uint64_t n)
{
    uint64_t span = 1, block = inode->indirect;
    int height = block != 0 ? 1 + (inode->flags & SFS_INODE_HEIGHT) : 0;

    if (n < SFS_DIRECT) {
        return inode->direct[n];
    }
    n -= SFS_DIRECT;
    for (int level = 1; level < height; level++) {
        span *= r->p;
    }
    if (n >= span * r->p) {
        return 0;
    }
    for (; height > 0 && block != 0; height--, span /= r->p) {
        block = ((const uint64_t *)block_at(r, block))[n / span % r->p];
    }
    return block;
}

static void read_file(struct reader *r, uint64_t ino, const struct sfs_inode *inode)
{
    struct reading *reading = r->reading;
    uint64_t size = size_of(inode), blocks = (size + r->bs - 1) / r->bs;
    uint32_t sectors = r->bs / BLK_SECTOR;

    reading->file = realloc(reading->file, (reading->files + 1) * sizeof(*reading->file));
    struct reader_file *file = &reading->file[reading->files++];

    *file = (struct reader_file){.ino = ino, .size = size};
    file->data = calloc(blocks + 1, r->bs);
    file->lba = calloc(blocks * sectors + 1, sizeof(*file->lba));
    for (uint64_t n = 0; n < blocks; n++) {
        uint64_t block = map(r, inode, n);

        if (block != 0) {
            memcpy(file->data + n * r->bs, block_at(r, block), r->bs);
        }
        for (uint32_t i = 0; i < sectors && block != 0; i++) {
            file->lba[n * sectors + i] = (uint32_t)(block * sectors + i);
        }
    }
}

/* A symbolic link's target, in BUFFER if it lies in blocks. */
static const char *target_of(const struct reader *r, const struct sfs_inode *inode, char *buffer)
{
    if (inode->mode >> 12 != SFS_TYPE_LNK) {
        return NULL;
    }
    if ((inode->flags & SFS_INODE_FASTLINK) != 0) {
        return (const char *)inode->direct;
    }
    for (uint64_t at = 0; at < size_of(inode); at += r->bs) {
        memcpy(buffer + at, block_at(r, map(r, inode, at / r->bs)), r->bs);
    }
    return buffer;
}

static void found(struct reader *r, uint64_t dir, const char *name, size_t length, uint64_t ino)
{
    const struct sfs_inode *inode = inode_at(r, ino);
    char buffer[SFS_SYMLINK_MAX + SFS_BLOCK_MAX];
    const char *target = target_of(r, inode, buffer);

    if (length > 0) {
        r->reading->digest += digest_name(dir, name, length, ino);
    }
    if (r->entry != NULL) {
        r->entry(r->ctx, dir, name, length, ino, inode, target);
    }
    if (r->seen[ino]++ != 0) {
        return;
    }
    r->reading->digest += digest_inode(&(struct digest_inode){.ino = ino,
                                                              .mode = inode->mode,
                                                              .nlink = inode->nlink,
                                                              .size = size_of(inode),
                                                              .mtime = inode->mtime_ns,
                                                              .ctime = inode->ctime_ns,
                                                              .target = target});
    if (inode->mode >> 12 == SFS_TYPE_REG) {
        read_file(r, ino, inode);
    } else if (inode->mode >> 12 == SFS_TYPE_DIR && r->waits < DIRECTORIES) {
        r->waiting[r->waits++] = ino;
    }
}

static void read_dir_block(struct reader *r, uint64_t dir, const uint8_t *block)
{
    for (uint32_t at = 0; at < r->bs;) {
        const struct sfs_dirent *d = (const struct sfs_dirent *)(block + at);
        bool dots = d->name_len <= 2 && memcmp(d->name, "..", d->name_len) == 0;

        if (d->name_len > 0 && !dots) {
            found(r, dir, d->name, d->name_len, d->inode);
        }
        at += d->rec_len;
    }
}

static uint64_t count_free(const uint8_t *bitmap, uint64_t bits)
{
    uint64_t used = 0;

    for (uint64_t i = 0; i < bits / 8; i++) {
        used += (uint64_t)__builtin_popcount(bitmap[i]);
    }
    for (uint64_t i = bits / 8 * 8; i < bits; i++) {
        used += bitmap[i / 8] >> i % 8 & 1;
    }
    return bits - used;
}

void reader_read(const uint8_t *image, struct reading *reading, reader_entry *entry, void *ctx)
{
    const struct sfs_super *super = (const struct sfs_super *)image;
    struct reader r = {.image = image,
                       .super = super,
                       .bs = super->block_size,
                       .p = super->block_size / 8,
                       .reading = reading,
                       .entry = entry,
                       .ctx = ctx};

    *reading = (struct reading){0};
    r.seen = calloc(super->inode_count, 1);
    found(&r, SFS_ROOT, "", 0, SFS_ROOT);
    while (r.waits > 0) {
        uint64_t dir = r.waiting[--r.waits];
        const struct sfs_inode *inode = inode_at(&r, dir);

        for (uint64_t n = 0; n < size_of(inode) / r.bs; n++) {
            read_dir_block(&r, dir, block_at(&r, map(&r, inode, n)));
        }
    }
    reading->free_blocks = count_free(block_at(&r, super->data_bitmap_start), super->total_blocks);
    reading->free_inodes = count_free(block_at(&r, super->inode_bitmap_start), super->inode_count);
    free(r.seen);
}

void reader_free(struct reading *reading)
{
    for (uint32_t i = 0; i < reading->files; i++) {
        free(reading->file[i].data);
        free(reading->file[i].lba);
    }
    free(reading->file);
    *reading = (struct reading){0};
}
