/*
 * volume.h - struct sfs, a mounted volume: what the layers of fs/ share. Only fs/ includes it.
 *
 *   sfs.h       the operations                                   dir.c file.c ...
 *      |
 *   alloc.h     bitmaps, quarantine                              alloc.c
 *      |
 *   journal.h   handles, commit, checkpoint, recovery            handle.c commit.c checkpoint.c ...
 *      |
 *   cache.h     buffers of metadata, checked as they are read    cache.c
 *      |
 *   io.h        batches of blocks                                io.c
 */
#ifndef SECTOR0_FS_VOLUME_H
#define SECTOR0_FS_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/alloc.h"
#include "fs/cache.h"
#include "fs/csum.h"
#include "fs/error.h"
#include "fs/format.h"
#include "fs/io.h"
#include "fs/journal.h"
#include "fs/port.h"
#include "fs/rules.h"
#include "fs/sfs.h"

struct sfs_journal; /* log.h */
struct sfs_alloc;   /* alloc.c */
struct sfs_upper;   /* of the layers above: inodes, pages, directories */

struct sfs {
    struct blk_dev *dev;
    struct sfs_super super; /* as on the disk; valid and checked. Guarded by lock */
    struct sfs_mount_options options;
    bool read_only; /* constant once mounted, but for an abort; see sfs_read_only */
    bool repairing; /* by the checker: may be written though it is marked as damaged */

    /* Constant while mounted. */
    uint32_t bs;           /* bytes of a block */
    uint32_t bs_shift;     /* its logarithm: 9 to 12 */
    uint32_t pointers;     /* P: block numbers in a block */
    uint32_t sectors;      /* BLK_SECTORs of a block */
    uint32_t height_max;   /* 4, version 1: 1 */
    uint32_t name_max;     /* 255, version 1: 55 */
    uint64_t size_max;     /* bytes of the biggest file */
    uint32_t u;            /* what checksums start from, see csum.h */
    bool has_journal;      /* version 2. Version 1 has no checksums, orphans and backup either */
    uint64_t ibm_blocks;   /* of the inode bitmap */
    uint64_t dbm_blocks;   /* of the data bitmap */
    uint64_t table_blocks; /* of the inode table */

    struct port_mutex *lock; /* the cache, the journal, io's counts: short, never during I/O */
    struct port_cond *wake;  /* something that somebody may wait for has changed */

    struct port_mutex *super_lock; /* one write of the superblock at a time; before lock */

    /* io.c; guarded by lock. */
    uint64_t io_completed;         /* writes */
    uint64_t io_flushed;           /* of these, covered by a completed flush */
    struct port_mutex *flush_lock; /* one flush at a time; taken before lock */

    /* cache.c; guarded by lock. */
    struct sfs_buf **hash;
    uint32_t hash_size; /* a power of 2 */
    uint32_t cache_blocks;
    uint32_t buffers;     /* in memory */
    struct sfs_buf *hand; /* of the clock; a ring of all buffers */

    struct sfs_journal *journal;
    struct sfs_alloc *alloc;

    const struct sfs_hooks *hooks; /* set at mount, before recovery; may be NULL */
    struct sfs_upper *upper;
};

static inline uint64_t sfs_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* NULL is allowed: whoever makes several asks in the end whether all came to be. */
static inline void sfs_mutex_free(struct port_mutex *mutex)
{
    if (mutex != NULL) {
        port_mutex_destroy(mutex);
    }
}

static inline void sfs_cond_free(struct port_cond *cond)
{
    if (cond != NULL) {
        port_cond_destroy(cond);
    }
}

/* The block and the byte in it where inode INO lies. INO must be below super.inode_count. */
uint64_t sfs_inode_block(const struct sfs *fs, uint64_t ino, uint32_t *offset);

/* Now, as port_now_ns; a machine without a clock goes on where the last mount ended. */
int64_t sfs_now(struct sfs *fs);

/* Inodes in a block of the inode table. */
static inline uint32_t sfs_inodes_per_block(const struct sfs *fs)
{
    return fs->bs / (uint32_t)sizeof(struct sfs_inode);
}

/*
 * The layer above, linked in by every full build: its hooks. sfs_mount takes these; tests of the
 * journal alone link others.
 */
extern const struct sfs_hooks sfs_upper_hooks;

#endif
