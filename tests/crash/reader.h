/*
 * reader.h - what is on a volume: its tree as one number, and the contents of its files. It reads
 * the bytes of an unmounted, sound volume (the checker has been there), and shares nothing with fs/
 * but the layouts.
 */
#ifndef SECTOR0_TESTS_CRASH_READER_H
#define SECTOR0_TESTS_CRASH_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/format.h"

/* A regular file. */
struct reader_file {
    uint64_t ino, size;
    uint8_t *data; /* whole blocks */
    uint32_t *lba; /* of each sector; 0: a hole */
};

struct reading {
    uint64_t digest;
    struct reader_file *file;
    uint32_t files;
    uint64_t free_blocks, free_inodes; /* by the bitmaps */
};

/* Called for each name but "." and "..", and for the root with length 0. */
typedef void reader_entry(void *ctx, uint64_t dir, const char *name, size_t length, uint64_t ino,
                          const struct sfs_inode *inode, const char *target);

/* Read the volume at IMAGE. ENTRY may be NULL. */
void reader_read(const uint8_t *image, struct reading *reading, reader_entry *entry, void *ctx);
void reader_free(struct reading *reading);

/* The digest is the sum of these, over all names and all inodes that have one. */
uint64_t digest_name(uint64_t dir, const char *name, size_t length, uint64_t ino);
struct digest_inode {
    uint64_t ino;
    uint32_t mode, nlink;
    uint64_t size;
    int64_t mtime, ctime;
    const void *target; /* SIZE bytes, of a symbolic link; else NULL */
};
uint64_t digest_inode(const struct digest_inode *inode);

#endif
