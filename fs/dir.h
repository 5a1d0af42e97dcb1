/*
 * dir.h - a directory as a whole: names found, room found, names added and taken out. Not the
 * operations (create, unlink, ...), and not what inodes the names lead to.
 *
 * Names are found through an index in memory, made at the first look-up: a hash table from names to
 * places, and the room in each block. It is thrown away with the node, and when memory is short;
 * then the blocks are searched one by one.
 *
 * The caller holds the directory's lock: shared to look, exclusive to change.
 */
#ifndef SECTOR0_FS_DIR_H
#define SECTOR0_FS_DIR_H

#include "fs/dirblock.h"
#include "fs/node.h"
#include "fs/op.h"

/* Where a name stands, and what it leads to; or a block with room for one. */
struct sfs_spot {
    uint64_t position; /* bytes from the directory's begin */
    uint64_t ino;
    uint8_t type;        /* 0: version 1 does not say */
    bool grow;           /* the block is yet to be made */
    uint32_t blocks;     /* to allocate for it */
    uint32_t credits;    /* all that sfs_dir_hold needs */
    struct sfs_buf *buf; /* the block, once it is held */
};

/* A walk through all records of a directory, free ones included. Begin with .fs, .dir and .n. */
struct sfs_dir_walk {
    struct sfs *fs;
    struct sfs_node *dir;
    uint64_t n;               /* the block of the directory */
    struct sfs_buf *buf;      /* it, or NULL */
    struct sfs_record record; /* in it */
};

/* The next record. Returns 1; 0: no more; EUCLEAN, also for a hole, EIO, ENOMEM. */
int sfs_dir_next(struct sfs_dir_walk *walk);
/* Let go of the block; only needed when a walk ends early. */
void sfs_dir_stop(struct sfs_dir_walk *walk);

void sfs_index_free(struct sfs *fs, struct sfs_node *dir);
/* Lock DIR, shared if its index is there, and make the index if it is not. */
int sfs_dir_lock(struct sfs *fs, struct sfs_node *dir);
/* Make the index if there is none. DIR is locked exclusively. */
int sfs_dir_prepare(struct sfs *fs, struct sfs_node *dir);

/* Find NAME. Returns 1; 0: no such name; EUCLEAN, EIO, ENOMEM. */
int sfs_dir_find(struct sfs *fs, struct sfs_node *dir, const char *name, size_t length,
                 struct sfs_spot *place);
/*
 * The same, and get the inode that the name leads to. ENOENT, also in a directory that was removed;
 * EUCLEAN: the inode is free, of another type, or not linked at all. CHILD, NULL before, is to be
 * put after an error as well, once DIR is unlocked.
 */
int sfs_dir_child(struct sfs *fs, struct sfs_node *dir, const char *name, size_t length,
                  struct sfs_spot *place, struct sfs_node **child);
/* 1: it has no names but "." and "..". 0: it has. */
int sfs_dir_is_empty(struct sfs *fs, struct sfs_node *dir);

/* Find room for a name of LENGTH bytes. EFBIG: the directory cannot grow. */
int sfs_dir_room(struct sfs *fs, struct sfs_node *dir, size_t length, struct sfs_spot *room);

/* Get the block of PLACE to change it. If it has to be made, the inode has changed then. On an error
 * OP has to end with it. */
int sfs_dir_hold(struct sfs_op *op, struct sfs_node *dir, struct sfs_spot *place);
/* Put the name into a block with room. An error has aborted. */
int sfs_dir_add(struct sfs_op *op, struct sfs_node *dir, const struct sfs_spot *room,
                const char *name, size_t length, uint64_t ino, uint8_t type);
/* Take the name out, or let it lead elsewhere. */
int sfs_dir_remove(struct sfs_op *op, struct sfs_node *dir, const struct sfs_spot *place,
                   const char *name, size_t length);
int sfs_dir_set(struct sfs_op *op, const struct sfs_spot *place, uint64_t ino, uint8_t type);

/* The records in a block of a directory. */
static inline struct sfs_dirblock sfs_dirblock_of(const struct sfs *fs, const struct sfs_buf *buf)
{
    return (struct sfs_dirblock){.data = buf->data, .bs = fs->bs, .seed = !fs->has_journal};
}

#endif
