/*
 * log.h - what the journal, the cache, the allocator and mount.c share: the state
 * of the journal. Nobody else includes it.
 *
 *   log     | free | T5 | T6 | T7 | free     T5 .. T7 are durable; their blocks' newest copies are
 *                  ^              ^          here (log_seq, live_seq) until checkpoint has written
 *                tail           head         them home and the journal superblock has moved on
 *
 *   running transaction --freeze--> committing transaction --flush--> durable --checkpoint--> home
 *   buf->data                       buf->frozen                       buf->durable
 *
 * One thread at a time is "busy": commits, checkpoints or writes a superblock. So commits are
 * serial, and only the last transaction of a log can be torn.
 */
#ifndef SECTOR0_FS_LOG_H
#define SECTOR0_FS_LOG_H

#include "fs/volume.h"

#define LOG_DESCRIPTORS 4           /* that one batch may hold */
#define LOG_CHUNK       (32u << 10) /* bytes moved at a time by checkpoint and recovery */
#define LOG_HOME        256         /* blocks that one round of a checkpoint writes home */
#define LOG_ORPHANS     2           /* credits of each transaction: the orphan block, its entry */

struct sfs_txn {
    uint64_t seq;
    struct sfs_buf *list;
    uint32_t joined;     /* buffers in the list */
    uint32_t owed;       /* blocks of new data not written yet (J1) */
    uint64_t data_stamp; /* fs->io_completed when the last of them was written */
    int64_t started_ns;  /* when the first buffer joined */
};

/* Where the next tail will be, and how far the way there has been gone (J5). */
enum tail_stage {
    TAIL_RESTS,
    TAIL_HOME_WRITTEN, /* all copies before it are home, and completed with write number stamp */
    TAIL_JSB_WRITTEN,  /* and flushed; the journal superblock is written, with number stamp */
};

struct sfs_frame {
    struct sfs_frame *next;
};

/* A walk through the log, see recovery.c. */
struct walk {
    uint64_t seq;      /* of the transaction looked at */
    uint32_t at;       /* journal-relative: next block to read */
    uint32_t start;    /* where the transaction begins */
    uint32_t total;    /* blocks of it so far */
    uint32_t chain;    /* checksum of its descriptors' checksums */
    uint32_t count;    /* copies in it: they are behind those in the overlay */
    uint32_t replayed; /* transactions */
};

/* What recovery did not like. */
enum log_trouble {
    LOG_SOUND,
    LOG_NO_SUPER, /* no valid journal superblock */
    LOG_DAMAGED,  /* there is something newer behind the place where the walk stopped */
};

/* All fields are guarded by fs->lock unless they say something else. */
struct sfs_journal {
    uint32_t log;         /* L: blocks of the log. Constant */
    uint32_t trigger;     /* credits at which the running transaction is committed. Constant */
    uint32_t credits_max; /* of one handle. Constant */
    uint32_t limit;       /* live buffers, unless one handle needs more. Constant */

    struct sfs_txn run, commit;
    uint32_t reserved; /* credits promised to open handles, blocks joined, the orphan block */
    uint32_t handles;  /* open */
    bool barrier;      /* nobody may open one */
    bool busy;         /* see above */
    bool in_use;       /* the superblock on the disk says so */
    int aborted;       /* the error, or 0 */

    uint64_t durable_seq; /* of the newest durable transaction */
    uint32_t head;        /* journal-relative: where the next one goes */
    uint32_t used;        /* blocks from the tail in the durable journal superblock to head */

    uint32_t live; /* buffers that the log has copies of: they stay in memory */

    uint64_t gen; /* of the newest journal superblock written */
    enum tail_stage stage;
    uint64_t next_tail_seq;
    uint32_t next_tail_blk, next_tail_used; /* used: blocks that it sets free */
    uint64_t stamp;

    struct sfs_frame *frames; /* free ones; as many as are reserved, while a handle is open */
    uint32_t frame_count;

    /* Belong to whoever is busy. */
    struct sfs_batch batch;
    uint8_t *descriptors;     /* LOG_DESCRIPTORS blocks */
    uint8_t *commit_block;    /* one block */
    uint8_t *scratch;         /* one block */
    uint8_t *chunk;           /* LOG_CHUNK bytes */
    uint32_t chunk_at;        /* recovery: the log block that chunk begins with, 0: none */
    uint32_t chunk_count;     /* and how many are there */
    enum log_trouble trouble; /* recovery's findings: */
    uint32_t replayed;        /* transactions */
    struct sfs_piece *home;   /* LOG_HOME, of a checkpoint */

    struct sfs_buf *orphans, *orphans_table; /* held while mounted read-write */

    /* Replay in memory, of a read-only mount: homes in order, and the log block that counts. */
    struct sfs_piece *overlay;
    uint32_t overlay_count;
};

/* ---- cache.c; fs->lock is held ---- */

struct sfs_buf *cache_find(struct sfs *fs, uint64_t block);
/* Find or make; one reference. NULL: no memory. */
struct sfs_buf *cache_get(struct sfs *fs, uint64_t block);
/* Forget the contents: the buffer goes when nobody needs it. */
void cache_invalidate(struct sfs_buf *buf);
/* Free everything. No lock. */
void cache_free(struct sfs *fs);
/* Has BLOCK, of metadata, an entry in the checksum table, of which it is no part itself? Any. */
bool cache_covered(const struct sfs *fs, uint64_t block);
/* The number of BLOCK's entry's block in the checksum table. Any. */
uint64_t cache_table_block(const struct sfs *fs, uint64_t block);
uint32_t *cache_entry(const struct sfs *fs, struct sfs_buf *table, uint64_t block);

/* ---- join.c; handle.c ---- */

/* A frame of one block; cannot fail inside a freeze. Lock held. */
uint8_t *frame_take(struct sfs *fs);
/* Give a frame to the others; frame_put, NULL allowed, only if there are not too many. Lock held. */
void frame_keep(struct sfs *fs, uint8_t *frame);
void frame_put(struct sfs *fs, uint8_t *frame);
/* Make BUF part of the running transaction, at whose cost is the caller's. Lock held. */
void txn_join(struct sfs *fs, struct sfs_buf *buf);
/* Take BUF out of the running transaction again, with the contents it had before. Lock held. */
void txn_leave(struct sfs *fs, struct sfs_buf *buf);
/* Log blocks of a transaction with PAYLOAD blocks. Any. */
uint32_t txn_blocks(const struct sfs *fs, uint32_t payload);

/* ---- commit.c ---- */

/* Has the volume been given up? No lock. */
bool journal_aborted(struct sfs *fs);
/* The first running transaction, with number SEQ. */
void txn_start(struct sfs *fs, uint64_t seq);
/* Commit the running transaction. Lock held, nobody busy; the lock is dropped in between. */
void commit_running(struct sfs *fs);
/* Become busy; release it. Lock held. */
void busy_begin(struct sfs *fs);
void busy_end(struct sfs *fs);
/* Flush, and let the tail move as far as the flush allows. No lock. */
int commit_flush(struct sfs *fs);

/* ---- logwrite.c: by whoever is busy, no lock ---- */

/* Write the committing transaction to the log and make it durable. */
int log_write(struct sfs *fs);

/* ---- checkpoint.c: by whoever is busy, no lock ---- */

/* Write home what is durable, if the tail rests. */
int checkpoint_write_home(struct sfs *fs);
/* Write the journal superblock, if what it promises has been flushed. */
int checkpoint_write_jsb(struct sfs *fs);
/* A flush has returned: what it has covered may be reused. */
void checkpoint_flushed(struct sfs *fs);
/* All of it, with flushes of its own: afterwards the log is empty. Lock held, nobody busy; the lock
 * is dropped in between. */
int checkpoint_now(struct sfs *fs);
/* Write the journal superblock of slot gen & 1. */
int jsb_write(struct sfs *fs, uint64_t gen, uint64_t tail_seq, uint32_t tail_blk);

/* ---- logread.c ---- */

/* Is the transaction at w->start, which must be number w->seq, valid? w->place are then its homes in
 * order, and w->at is behind it. */
bool log_check_transaction(struct sfs *fs, struct walk *w);
/* The number of the newest record in the log, wherever it is; at least SEQ, where the walk stopped.
 */
uint64_t log_newest(struct sfs *fs, uint64_t seq);

/* ---- recovery.c ---- */

/* J11, without the orphans. Sets head, durable_seq, gen. */
int recovery_run(struct sfs *fs);
bool overlay_find(const struct sfs *fs, uint64_t block, uint64_t *log_block);
/* The log is beyond recovery, and the rest of the volume not yet in use: empty it. */
int recovery_reset(struct sfs *fs);

/* ---- mount.c: the parts of a mount, for the checker ---- */

int volume_locks(struct sfs *fs);
/* The cache and the journal, once fs->super is valid. */
int volume_memory(struct sfs *fs);
void volume_free(struct sfs *fs);
/* Mount, read-write, a volume that is marked as damaged, and stays so. */
int sfs_mount_repair(struct blk_dev *dev, const struct sfs_mount_options *options, struct sfs **fs);

/* ---- alloc.c ---- */

int alloc_mount(struct sfs *fs);
/* The same without looking at the bitmaps: nothing is free. */
int alloc_make(struct sfs *fs);
void alloc_unmount(struct sfs *fs);
/* Promise BLOCKS free blocks to a handle; take back what it did not use. Lock held. */
bool alloc_promise(struct sfs *fs, uint32_t blocks);
void alloc_unpromise(struct sfs *fs, uint32_t blocks);
/* Would more be free after a commit and a checkpoint? Lock held. */
bool alloc_can_wait(struct sfs *fs);
/* The running transaction is frozen; the committing one is durable. Lock held. */
void alloc_frozen(struct sfs *fs);
void alloc_durable(struct sfs *fs);
/* BUF's block is no longer stuck. Lock held. */
void alloc_unstuck(struct sfs *fs, struct sfs_buf *buf);

#endif
