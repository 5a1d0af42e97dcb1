/*
 * journal.h - changing metadata. An operation opens a handle, says which blocks it is going to
 * change, changes them, and ends the handle. All handles that are open at a time go into one
 * transaction, and after a power cut either all of a transaction's changes are there or none.
 *
 *   sfs_begin(credits, blocks)            may sleep for room in the log; holds nothing yet
 *     sfs_modify(block), sfs_new_block,   these may fail, and then nothing has changed:
 *     sfs_alloc_..., sfs_log_data         get all you need BEFORE the first change
 *     ... change buf->data ...
 *   sfs_end                               cannot fail
 *   sfs_commit(seq)                       only who needs it durable now
 *
 * Order of locks: inode and directory locks, sfs_begin, allocator lock, cache lock. No lock of the
 * first kind is taken inside a handle. Commit takes no inode, directory or page lock, so they may
 * be held across sfs_begin. Nobody calls sfs_commit or sfs_begin with a handle open.
 *
 * An operation that fails after its first change, and cannot undo it, calls sfs_abort.
 */
#ifndef SECTOR0_FS_JOURNAL_H
#define SECTOR0_FS_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/cache.h"

/* On the stack of the operation; only fs/handle.c and fs/alloc.c look inside. */
struct sfs_handle {
    struct sfs *fs;
    uint64_t seq;
    uint32_t credits; /* log blocks that are still ours */
    uint32_t blocks;  /* free blocks that are still ours */
};

/*
 * Log blocks for an operation that changes at most BASE blocks and frees at most FREED_META blocks
 * of metadata: with the checksum table's.
 */
uint32_t sfs_credits(const struct sfs *fs, uint32_t base, uint32_t freed_meta);

/* The most credits that one handle may ask for. */
uint32_t sfs_credits_max(const struct sfs *fs);

/*
 * Open a handle that may change CREDITS log blocks (sfs_credits) and allocate BLOCKS blocks. Sleeps
 * for commits and checkpoints. ENOSPC: fewer than BLOCKS are free, or CREDITS is more than the log
 * can ever hold; EROFS: read-only, or aborted; ENOMEM. On an error no handle is open.
 */
int sfs_begin(struct sfs *fs, struct sfs_handle *handle, uint32_t credits, uint32_t blocks);

/* Close it: what it did not use is given back. Its transaction's number: handle->seq. */
void sfs_end(struct sfs_handle *handle);

/*
 * Get BLOCK to change it: one reference, to be put back by sfs_buf_put before or after sfs_end. The
 * first time in a transaction it costs a credit, and one more for its block of the checksum table.
 * Change buf->data only between this call and sfs_end, and under the lock that guards it. A block
 * that was got and not changed is logged all the same. EUCLEAN, EIO, ENOMEM: nothing is changed.
 */
int sfs_modify(struct sfs_handle *handle, uint64_t block, struct sfs_buf **buf);

/* The same for a block that has just been allocated: not read, but filled with zeros. */
int sfs_new_block(struct sfs_handle *handle, uint64_t block, struct sfs_buf **buf);

/*
 * The same for any block of metadata but the checksum table's, with DATA (block_size bytes, copied)
 * as its contents, whatever they were before: a repair.
 */
int sfs_replace(struct sfs_handle *handle, uint64_t block, const void *data);

/*
 * Put the file data DATA (block_size bytes, copied) of BLOCK into the log: it is durable with the
 * transaction, and its place on the disk is written later. One credit the first time; a second call
 * in the same transaction replaces the first. No write to BLOCK may be in flight. ENOMEM.
 */
int sfs_log_data(struct sfs_handle *handle, uint64_t block, const void *data);

/*
 * Is there a copy of the data block BLOCK in the log, or in a transaction on its way there? Then
 * it must not be written in place (J7).
 */
bool sfs_is_sticky(struct sfs *fs, uint64_t block);

/* Bytes of small data that an fsync may put into the log at most (J2). */
uint32_t sfs_log_data_max(const struct sfs *fs);

/*
 * The handle's transaction has COUNT more blocks, newly allocated, whose data are to be written in
 * place: it does not commit before sfs_paid_data was called for all of them (J1).
 */
void sfs_owe_data(struct sfs_handle *handle, uint32_t count);
/*
 * COUNT of the blocks that transaction SEQ owes have been written: their requests are completed
 * (sfs_io counts them). ERROR other than 0: one of the writes failed, which aborts (J13).
 */
void sfs_paid_data(struct sfs *fs, uint64_t seq, uint32_t count, int error);

/*
 * Return when transaction SEQ is durable, committing it if it is still running. EIO: it will never
 * be. For fsync: write the file's data, sfs_commit, sfs_flush.
 */
int sfs_commit(struct sfs *fs, uint64_t seq);

/* Commit what is running, if anything is. */
int sfs_commit_running(struct sfs *fs);

/* Is transaction SEQ durable? */
bool sfs_is_durable(struct sfs *fs, uint64_t seq);

/* F: flush the device if any write has completed since the last flush was submitted (J8). */
int sfs_flush(struct sfs *fs);

/*
 * Write home everything that the log holds and empty it. Not inside a handle. Used before ENOSPC,
 * when sticky blocks shall be written in place again, and at unmount.
 */
int sfs_checkpoint(struct sfs *fs);

/* Stop changing this volume, because of ERROR at BLOCK (0: none in particular); the first counts.
 * From now on it is read-only and every commit fails with EIO. */
void sfs_abort(struct sfs *fs, int error, uint64_t block);

/* Note damage that was found, EUCLEAN: counted in the superblock, marks the volume "error seen". */
void sfs_damaged(struct sfs *fs, uint64_t block, const char *what);

/*
 * What the journal asks of the layer above. Any member may be NULL.
 */
struct sfs_hooks {
    /*
     * Write the data that transaction SEQ still owes, and call sfs_paid_data. Called by whoever
     * commits, with no lock held and no handle of his open; must not take an inode, directory or
     * page lock that is ever held across sfs_begin. An error aborts.
     */
    int (*pay)(struct sfs *fs, uint64_t seq);
    /*
     * The transaction is being frozen, no handle is open: write the list of orphans into SLOTS
     * (block_size bytes; J10) if it has changed since the last call, and say so by true.
     */
    bool (*orphans)(struct sfs *fs, uint64_t *slots);
    /* Read-write mounts: recovery is done and the allocator counted. Finish the orphans of SLOTS.
     */
    int (*mounted)(struct sfs *fs, const uint64_t *slots);
    /* Write all dirty data, for sync and the timer; the commit comes next. */
    int (*write_back)(struct sfs *fs);
    /* Free all of the upper layer's memory, after its last write-back (unmount). */
    int (*unmount)(struct sfs *fs);
};

#endif
