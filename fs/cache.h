/*
 * cache.h - the metadata buffer cache: one struct sfs_buf for each block of metadata in memory.
 *
 * - To read a block: sfs_buf_read, and sfs_buf_put when done. Its contents have been checked.
 * - To change one: sfs_modify (journal.h) first. Nobody writes a buffer to the disk by himself.
 * - Who may look at, or change, which bytes is settled by the locks of the layer above: an inode's
 *   lock, a directory's, the allocator's. This cache guards its own fields alone.
 *
 * A buffer stays in memory while somebody holds it, while a transaction is changing it, and while
 * the log holds a copy of it. The others are dropped by a clock hand when the cache is full.
 *
 * Logged file data passes through the same buffers (SFS_BUF_DATA) until the log has let go of it.
 */
#ifndef SECTOR0_FS_CACHE_H
#define SECTOR0_FS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct sfs;

#define SFS_BUF_VALID   0x01 /* data is what the block holds */
#define SFS_BUF_READING 0x02 /* somebody is reading it from the disk */
#define SFS_BUF_DATA    0x04 /* file data: no checksum entry, dropped when the log lets go */
#define SFS_BUF_USED    0x08 /* since the clock hand came by */
#define SFS_BUF_STUCK   0x10 /* a free block that has a live copy in the log, see alloc.h */

/* Everything but the contents of data is guarded by fs->lock, and belongs to fs/. */
struct sfs_buf {
    uint64_t block;
    uint8_t *data; /* block_size bytes: the newest contents */
    uint32_t refs;
    uint32_t flags;
    uint64_t run_seq;    /* the running transaction that it has joined, or 0 */
    uint64_t commit_seq; /* the committing transaction that it is in, or 0 */
    uint64_t log_seq;    /* of the newest durable copy, while that is not at home; or 0 */
    uint64_t live_seq;   /* of the newest durable copy in the log, at home or not; or 0 */
    uint8_t *frozen;     /* the committing transaction's copy */
    uint8_t *durable;    /* copy log_seq */
    uint32_t crc;        /* entry(block) of frozen */
    bool frozen_data;    /* frozen is file data */
    struct sfs_buf *hash_next;
    struct sfs_buf *run_next, *commit_next; /* in the lists of the two transactions */
    struct sfs_buf *all_next, *all_prev;    /* the clock */
};

/*
 * Get block BLOCK: one reference. A block that the checksum table covers is checked against its
 * entry. EUCLEAN: it does not match, or BLOCK is outside the volume; EIO; ENOMEM. May sleep.
 */
int sfs_buf_read(struct sfs *fs, uint64_t block, struct sfs_buf **buf);

/* Give a reference back. NULL is allowed. */
void sfs_buf_put(struct sfs *fs, struct sfs_buf *buf);

/*
 * May BLOCK be an indirect, directory, symlink or data block: is it in the data region, and not one
 * of the reserved blocks there? Ask before following any pointer that came from the disk.
 */
bool sfs_block_valid(const struct sfs *fs, uint64_t block);

/*
 * File data whose newest contents are in the log and not at home, or not yet in the log: copy the
 * block to DATA and return true. Readers of file data ask this for each block before, or instead
 * of, going to the disk. Also answers from the log when a read-only mount replays in memory; then
 * *ERROR is set if the log could not be read.
 */
bool sfs_read_logged(struct sfs *fs, uint64_t block, void *data, int *error);

#endif
