/*
 * bitmap.h - what alloc.c, quarantine.c and count.c share. Nobody else includes it.
 */
#ifndef SECTOR0_FS_BITMAP_H
#define SECTOR0_FS_BITMAP_H

#include "fs/log.h"

/* The blocks of one bitmap block that a transaction has freed. */
struct shadow {
    struct shadow *next;
    uint64_t index;
    uint8_t bits[];
};

struct quarantine {
    struct shadow *shadows;
    uint64_t count;
};

/* One of the two bitmaps. */
struct bitmap {
    uint64_t start, blocks; /* where it lies */
    uint64_t bits;          /* that mean something */
    uint64_t free;          /* guarded by fs->lock */
    uint16_t *free_in;      /* each block; guarded by sfs_alloc.lock */
};

struct sfs_alloc {
    struct port_mutex *lock; /* the contents of the bitmaps; before fs->lock */
    struct bitmap data, inodes;
    uint64_t next_dir; /* guarded by lock */
    /* Guarded by fs->lock. */
    struct quarantine run, commit;
    uint64_t stuck;
    uint64_t promised;
};

static inline uint64_t bits_in_block(const struct sfs *fs)
{
    return 8ull * fs->bs;
}

static inline bool bit_is_set(const uint8_t *bits, uint64_t bit)
{
    return bits[bit / 8] >> bit % 8 & 1;
}

/* Of bitmap block INDEX, the bits that mean something. */
static inline uint64_t bits_used(const struct sfs *fs, const struct bitmap *map, uint64_t index)
{
    uint64_t left = map->bits - index * bits_in_block(fs);

    return left < bits_in_block(fs) ? left : bits_in_block(fs);
}

/* ---- quarantine.c; fs->lock is held ---- */

struct shadow *shadow_find(struct quarantine *q, uint64_t index);
/* In the running transaction's set. NULL: no memory. */
struct shadow *shadow_make(struct sfs *fs, uint64_t index);
void quarantine_clear(struct quarantine *q);

#endif
