/*
 * dirblock.h - the records inside one block of a directory, version 2 and version 1 (the seed). It
 * knows neither disk nor inode; dir.h makes directories out of such blocks.
 *
 *   version 2, 8-byte aligned, the lengths cover the block exactly:
 *     | inode rec_len name_len type name... | ... | inode rec_len 0 0 (free) |
 *   version 1: eight records of 64 bytes, name[56] and inode; name[0] == 0 is free.
 *
 * A record never moves, so a byte offset is a cookie that stays good. What is free is zero but for
 * its rec_len. Blocks come from the disk: a record is believed only when it has been checked.
 */
#ifndef SECTOR0_FS_DIRBLOCK_H
#define SECTOR0_FS_DIRBLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A block of a directory, in memory. */
struct sfs_dirblock {
    uint8_t *data; /* 8-byte aligned */
    uint32_t bs;   /* bytes */
    bool seed;     /* version 1 */
};

/* A record, free or live. */
struct sfs_record {
    uint32_t offset; /* bytes, in the block */
    uint32_t length; /* bytes to the next record */
    uint64_t inode;
    const char *name;     /* in the block, not terminated */
    uint32_t name_length; /* 0: free */
    uint8_t type;         /* mode >> 12; version 1 does not tell: 0 */
};

/* Make the block one that holds no name. */
void sfs_dirblock_init(const struct sfs_dirblock *block);

/* Make it the first one of the directory INO, with "." and "..". */
void sfs_dirblock_init_first(const struct sfs_dirblock *block, uint64_t ino, uint64_t parent);

/*
 * The record at OFFSET, which must be where a record begins. Returns 1; 0 if OFFSET is the end of
 * the block; SFS_EUCLEAN if there is no sound record.
 */
int sfs_dirblock_get(const struct sfs_dirblock *block, uint32_t offset, struct sfs_record *record);

/* The record behind RECORD, whose length is 0 before the first one. Returns as above. */
int sfs_dirblock_next(const struct sfs_dirblock *block, struct sfs_record *record);

/*
 * Bytes of the largest record that fits in (0: none), or SFS_EUCLEAN. This and sfs_dirblock_add
 * look at the chain of records, not at the names: who adds has searched the block before.
 */
int sfs_dirblock_room(const struct sfs_dirblock *block);

/* Bytes that a record for a name of LENGTH bytes takes. */
uint32_t sfs_dirblock_need(const struct sfs_dirblock *block, uint32_t length);

/* Add a record. Returns its offset, SFS_ENOSPC if the block has no room for it, or SFS_EUCLEAN. */
int sfs_dirblock_add(const struct sfs_dirblock *block, const char *name, uint32_t length,
                     uint64_t inode, uint8_t type);

/* Free the live record at OFFSET, merging it into the one before it. Returns 0, or SFS_EUCLEAN. */
int sfs_dirblock_remove(const struct sfs_dirblock *block, uint32_t offset);

/* Make the live record at OFFSET lead to another inode. Returns 0, or SFS_EUCLEAN. */
int sfs_dirblock_set(const struct sfs_dirblock *block, uint32_t offset, uint64_t inode,
                     uint8_t type);

#endif
