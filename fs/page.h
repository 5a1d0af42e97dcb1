/*
 * page.h - the contents of files in memory: pages of 4 KiB, each of up to eight blocks that are
 * valid, or dirty, one by one. Allocation happens when data are written into a page, so a page
 * knows the blocks it belongs to, and can be written to the disk without looking at its file.
 *
 *   invalid --read--> clean --write()--> dirty --write-back--> clean
 *
 * A dirty block is one of two kinds:
 *   in place   (new_seq 0) it overwrites what is durable: written whenever it suits;
 *   owed       (new_seq T) newly allocated in transaction T: it must be written, or put into the
 *              log, before T commits (J1). Nobody changes such a block in T + 1 before it has been.
 * What may only change through the log is never dirty here: the log owns it (write.c).
 *
 * How a block is changed depends on what it owes, so a page is held from that decision to the change:
 * meanwhile nobody writes it, or puts it into the log. The end of a held page may need a handle.
 *
 * A busy page is being read or written: its contents do not change. Busy ends without any lock but
 * page_lock, so whoever holds a handle may wait for it.
 */
#ifndef SECTOR0_FS_PAGE_H
#define SECTOR0_FS_PAGE_H

#include "fs/node.h"

#define SFS_PAGE       4096u
#define SFS_PAGE_SHIFT 12
#define SFS_PAGE_PARTS (SFS_PAGE / SFS_BLOCK_MIN) /* blocks in a page, at most */

#define SFS_READ_PAGES 64 /* read at once, at most: 256 KiB */

/* All of it is guarded by sfs_upper.page_lock. */
struct sfs_page {
    struct sfs_node *node;
    uint64_t index; /* position in the file / SFS_PAGE */
    uint8_t *data;
    uint32_t refs;
    bool busy;
    bool held;                        /* by a writer: what it owes stays owed */
    bool used;                        /* since the hand came by */
    uint8_t valid, dirty;             /* bit i: block i of the page */
    uint64_t round;                   /* of write-back that took it last */
    uint8_t writing;                  /* while busy: the blocks that are on their way */
    uint64_t block[SFS_PAGE_PARTS];   /* of those that are dirty */
    uint64_t new_seq[SFS_PAGE_PARTS]; /* of those that are owed; else 0 */
    struct sfs_page *hash_next, *all_next, *all_prev;
    struct sfs_page *node_next, *node_prev;
    struct sfs_page *dirty_next, *dirty_prev;
};

/* Get page INDEX of NODE: one reference; it may hold nothing valid. ENOMEM, EIO. No handle open. */
int sfs_page_get(struct sfs *fs, struct sfs_node *node, uint64_t index, struct sfs_page **page);
void sfs_page_put(struct sfs *fs, struct sfs_page *page);
/* Put, by who has set held: with the node's lock, after sfs_page_settle. */
void sfs_page_release(struct sfs *fs, struct sfs_page *page);

/*
 * Make all of pages FIRST to FIRST + COUNT - 1 valid, reading what is not there. The node's lock is
 * held, shared at least.
 */
int sfs_pages_fill(struct sfs *fs, struct sfs_node *node, uint64_t first, uint32_t count);

/* These are called with page_lock held. Wait until PAGE is not busy. */
void sfs_page_wait(struct sfs *fs, struct sfs_page *page);
/* Part I is dirty from now on: it belongs in BLOCK; SEQ: owed by that transaction, or 0. */
void sfs_page_set_dirty(struct sfs *fs, struct sfs_page *page, unsigned i, uint64_t block,
                        uint64_t seq);
/* Part I has got to the log, or is not wanted any more: it is not dirty, and nothing is owed. */
void sfs_page_set_clean(struct sfs *fs, struct sfs_page *page, unsigned i);
/* Write what PAGE owes to transactions other than SEQ. Gives page_lock away meanwhile. */
void sfs_page_settle(struct sfs *fs, struct sfs_page *page, uint64_t seq);

/* Its blocks in writing are on the disk, or not: no longer busy. */
void sfs_page_written(struct sfs *fs, struct sfs_page *page, int error);

/* Write the dirty blocks that are not owed, of NODE or (NULL) of all. Returns the first error. */
int sfs_pages_write(struct sfs *fs, struct sfs_node *node);
/* The hook: write what transaction SEQ, or an older one, is owed. */
int sfs_pages_pay(struct sfs *fs, uint64_t seq);

/* The hook: write everything that is dirty, into the log or in place, but the transaction. */
int sfs_write_back(struct sfs *fs);

/*
 * Forget the contents from byte FROM on; the tail of a page that FROM cuts becomes zeros. What is
 * owed to SEQ is not owed any more, since SEQ takes it from the file, too; what is owed to others is
 * written.
 */
void sfs_pages_cut(struct sfs *fs, struct sfs_node *node, uint64_t from, uint64_t seq);
/* Drop NODE's pages from memory. False: some are dirty or in use. */
bool sfs_pages_forget(struct sfs *fs, struct sfs_node *node);
/* Drop all of NODE's pages, whatever they hold: the volume is going away. */
void sfs_pages_destroy(struct sfs *fs, struct sfs_node *node);

#endif
