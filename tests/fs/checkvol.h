/*
 * checkvol.h - a volume with something of everything, for the tests of the checker: made once for
 * each format and copied, taken apart by hand, and compared file by file.
 */
#ifndef SECTOR0_TESTS_CHECKVOL_H
#define SECTOR0_TESTS_CHECKVOL_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/check.h"
#include "fs/format.h"
#include "tests/fs/ramdisk.h"

struct vol_format {
    uint32_t bs, version;
};
/* All four block sizes of version 2, and version 1. The last has bs 0. */
extern const struct vol_format vol_formats[];

/* A sound volume of this format, unmounted: the same each time. */
struct ramdisk *vol_make(const struct vol_format *format);

/* Inodes of what is on it. */
struct vol_inodes {
    uint64_t small, holey, large, tall, empty; /* files: /small ... */
    uint64_t dir, sub, deep;                   /* directories: /dir, /dir/sub, /dir/sub/deep */
    uint64_t many;                             /* a directory of several blocks */
    uint64_t fast, slow, fifo, device;
    uint64_t inside; /* a file: /dir/sub/inside, and /twin */
};
const struct vol_inodes *vol_inodes(void);

/* ---- Taking it apart ---- */

struct sfs_super *vol_super(struct ramdisk *disk);
uint8_t *vol_block(struct ramdisk *disk, uint64_t block);
struct sfs_inode *vol_inode(struct ramdisk *disk, uint64_t ino);
uint32_t *vol_entry(struct ramdisk *disk, uint64_t block);
/* Block N of inode INO. */
uint64_t vol_map(struct ramdisk *disk, uint64_t ino, uint64_t n);
/* The record called NAME in the directory; NULL: none. Version 2. */
struct sfs_dirent *vol_record(struct ramdisk *disk, uint64_t dir, const char *name);
bool vol_block_used(struct ramdisk *disk, uint64_t block);
/* A block that nobody uses. */
uint64_t vol_free_block(struct ramdisk *disk);
/* The checksums of BLOCK, of the superblocks, are right again. */
void vol_sign(struct ramdisk *disk, uint64_t block);
void vol_sign_inode(struct ramdisk *disk, uint64_t ino);
void vol_sign_super(struct ramdisk *disk, uint64_t block);

/* ---- Checking ---- */

/* What the last check said, a line a finding. */
extern char vol_lines[1 << 16];
extern struct sfs_check_result vol_result;
/* Check DISK. Returns the number of findings, or an error. */
int64_t vol_check(struct ramdisk *disk, bool repair);

/*
 * Everything that can be read on DISK, as one text: a line for each name with type, size, links and
 * a hash of the contents, in order. Freed by the caller.
 */
char *vol_tree(struct ramdisk *disk);
/* The line of PATH in TREE, or NULL. */
const char *vol_line(const char *tree, const char *path);

#endif
