/*
 * node.h - inodes in memory: one struct sfs_node for each inode in use, and what all operations on
 * files and directories share.
 *
 *   sfs_node_get(ino) --> refs > 0 --sfs_node_put--> refs 0, kept for a while --> dropped
 *                                        \__ nobody links it: its blocks and itself are freed
 *
 * Order of locks: sfs_upper.rename_lock, a parent's node lock, its child's, sfs_begin, page_lock,
 * then sfs_upper.lock and what lies below fs/journal.h. Two directories: the ancestor first, else
 * the lower number. sfs_node_put is called with no lock held and no handle open.
 */
#ifndef SECTOR0_FS_NODE_H
#define SECTOR0_FS_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/cursor.h"
#include "fs/volume.h"

struct sfs_index;
struct sfs_page;
struct sfs_op;

struct sfs_node {
    uint64_t ino;
    uint32_t type; /* of its mode, of which the rest may change while somebody looks at this */
    /* Guarded by the node's lock. Written, and read by those without it, under sfs_upper.lock. */
    struct sfs_inode disk;
    struct sfs_index *index; /* directories: the names in memory, or NULL */
    uint64_t index_bytes;    /* of it, in sfs_upper.index_bytes */
    bool index_refused;      /* it does not fit into memory: look through the blocks */
    uint64_t tree_blocks;    /* blocks that the file has, the tree's included ... */
    bool tree_counted;       /* ... if this is set */
    struct {
        uint64_t seq;
        uint64_t size;
    } past[2];         /* sizes as older transactions left them, the newer first */
    uint64_t size_seq; /* the transaction of the size in disk */

    /* Guarded by sfs_upper.lock. */
    uint32_t refs;
    uint64_t lookups; /* of refs, those that sfs_forget gives back */
    uint32_t readers; /* of the node's lock */
    uint32_t writers_waiting;
    bool writer;
    bool dying;        /* it is being freed: no such inode any more */
    bool atime_dirty;  /* the access time in disk is newer than the inode on the disk */
    uint64_t meta_seq; /* the last transaction that changed the inode or one of its names */
    uint64_t data_seq; /* the last that changed its size or its pointers */
    uint64_t log_seq;  /* the last that took contents of it into the log */
    struct sfs_node *hash_next;
    struct sfs_node **ring; /* &idle: no references, not dying; &orphans; or NULL */
    struct sfs_node *ring_next, *ring_prev;
    struct sfs_cursor cursor; /* in the tree; only who has the node's lock looks at it */

    /* Guarded by sfs_upper.page_lock. */
    struct sfs_page *pages;
    uint64_t read_next; /* where a sequential reader would go on, in pages */
    uint32_t read_ahead;
};

#define SFS_PIECES 256

struct sfs_upper {
    struct port_mutex *lock; /* short; nothing sleeps with it held */
    struct port_cond *wake;  /* a node's lock */
    struct sfs_node **hash;
    uint32_t hash_size; /* a power of 2 */
    uint32_t nodes, nodes_max;
    struct sfs_node *idle;    /* a ring of those that nobody needs, the longest idle first */
    struct sfs_node *orphans; /* another */
    uint32_t orphan_count;
    bool orphans_changed;  /* since the orphan block was written last */
    bool orphans_overflow; /* there are more on the disk than this list has */

    struct port_mutex *rename_lock; /* one rename of a directory at a time: no cycles */

    /* page.c */
    struct port_mutex *page_lock; /* the pages, their contents; not during I/O */
    struct port_cond *page_wake;  /* a page is not busy any more */
    struct sfs_page **page_hash;
    uint32_t page_hash_size; /* a power of 2 */
    uint32_t pages, pages_max, pages_dirty;
    struct sfs_page *dirty; /* a list */
    uint64_t round;         /* of write-back */
    struct sfs_page *hand;  /* a ring of all pages */
    uint32_t owed;          /* blocks in pages that a transaction owes */
    uint32_t rewrites;      /* through the log since it was emptied for them; see write.c */
    uint64_t index_bytes, index_max; /* of all directories' indexes; guarded by lock */

    struct port_mutex *write_lock; /* one write-back at a time: it owns the batch */
    struct sfs_batch batch;
    struct sfs_piece piece[SFS_PIECES];
    uint32_t piece_count;
};

static inline uint32_t sfs_node_type(const struct sfs_node *node)
{
    return node->type;
}

static inline bool sfs_node_is_dir(const struct sfs_node *node)
{
    return sfs_node_type(node) == SFS_TYPE_DIR;
}

static inline uint64_t sfs_node_size(const struct sfs_node *node)
{
    return (uint64_t)node->disk.size_hi << 32 | node->disk.size_lo;
}

static inline bool sfs_node_is_orphan(const struct sfs *fs, const struct sfs_node *node)
{
    return node->ring == &fs->upper->orphans;
}

/* Find inode INO, or read it: one reference. ESTALE: it is free; EINVAL, EUCLEAN, EIO, ENOMEM. */
int sfs_node_get(struct sfs *fs, uint64_t ino, struct sfs_node **node);
/* The same, for one that must be a directory: ENOTDIR. */
int sfs_node_get_dir(struct sfs *fs, uint64_t ino, struct sfs_node **node);
/* A node for the inode INO that nobody can find yet, all zero, with one reference; NULL: no memory.
 * Until it is inserted, port_free takes it back. */
struct sfs_node *sfs_node_make(uint64_t ino);
/* Let everybody find it: before its inode gets into its block. */
void sfs_node_insert(struct sfs *fs, struct sfs_node *node);
/* Count a reference, or one less, under sfs_upper.lock; nothing else is done. */
void sfs_node_ref(struct sfs *fs, struct sfs_node *node);
void sfs_node_unref(struct sfs *fs, struct sfs_node *node);
/* Take NODE out of memory, whoever refers to it. */
void sfs_node_delete(struct sfs *fs, struct sfs_node *node);
/* Tell a user the attributes of NODE: the reference to it is his from now on, for sfs_forget to give
 * back; on an error it is put. */
int sfs_node_hand_out(struct sfs *fs, struct sfs_node *node, struct sfs_attr *attr);
/* Give a reference back, NULL is allowed. No lock may be held, no handle open. */
void sfs_node_put(struct sfs *fs, struct sfs_node *node);

void sfs_node_lock(struct sfs *fs, struct sfs_node *node);
void sfs_node_lock_shared(struct sfs *fs, struct sfs_node *node);
void sfs_node_unlock(struct sfs *fs, struct sfs_node *node);
/* Lock both; A may be B. Two directories: under rename_lock, an ancestor as A. */
void sfs_node_lock_two(struct sfs *fs, struct sfs_node *a, struct sfs_node *b);
void sfs_node_unlock_two(struct sfs *fs, struct sfs_node *a, struct sfs_node *b);

/* sfs_op_begin with the inode's block held, one of BASE. On an error no operation is open. */
int sfs_node_begin(struct sfs *fs, struct sfs_op *op, struct sfs_node *node, uint32_t base,
                   uint32_t freed_meta);
/* Get the inode's block to change it. Costs a credit. */
int sfs_node_hold(struct sfs_op *op, struct sfs_node *node);
/* Put the inode as it is in memory into its block, which is held. Cannot fail. */
void sfs_node_store(struct sfs_op *op, struct sfs_node *node);
/* Set the size, within the transaction of OP. */
void sfs_node_set_size(struct sfs_op *op, struct sfs_node *node, uint64_t size);
/* Say that the contents or the pointers are part of the transaction of OP. */
void sfs_node_data_changed(struct sfs_op *op, struct sfs_node *node);
/* Say that some of the contents went into the log with the transaction of OP. */
void sfs_node_data_logged(struct sfs_op *op, struct sfs_node *node);
/* Set mtime (MODIFIED) and ctime to now. */
void sfs_node_touch(struct sfs *fs, struct sfs_node *node, bool modified);
/* Both: sfs_node_touch, sfs_node_store. */
void sfs_node_stamp(struct sfs_op *op, struct sfs_node *node, bool modified);
/* Set the access time, if the rules of relatime say so. */
void sfs_node_accessed(struct sfs *fs, struct sfs_node *node);

/*
 * The least size that the file may have after a power cut, the transaction SEQ left aside if it is
 * not 0: bytes from there on, in blocks older than SEQ, are changed through the log alone (J14).
 */
uint64_t sfs_node_low_size(struct sfs *fs, const struct sfs_node *node, uint64_t seq);

/* Fill in what users see. Under the node's lock, shared at least. */
int sfs_node_attr(struct sfs *fs, struct sfs_node *node, struct sfs_attr *attr);

/* Put NODE into the ring of orphans, or take it out; inside a handle. */
void sfs_orphan_add(struct sfs *fs, struct sfs_node *node);
void sfs_orphan_remove(struct sfs *fs, struct sfs_node *node);

/* Set the number of links, at which those look who give the last reference back. */
void sfs_node_set_nlink(struct sfs *fs, struct sfs_node *node, uint32_t nlink);

/* Write the access time, if it is in memory alone. NODE is not locked. */
int sfs_node_write_atime(struct sfs *fs, struct sfs_node *node);
/* That of all nodes. */
int sfs_nodes_write_atime(struct sfs *fs);
/* Drop what nobody uses, down to KEEP nodes. */
void sfs_nodes_trim(struct sfs *fs, uint32_t keep);

#endif
