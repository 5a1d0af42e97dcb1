/*
 * fuseops.h - what the kernel asks of a mounted volume (libfuse3's low-level interface), answered by
 * the file system. Inode n of the volume is inode n + 1 there: FUSE's root is 1.
 */
#ifndef SECTOR0_MKDISK_FUSEOPS_H
#define SECTOR0_MKDISK_FUSEOPS_H

#ifdef MKDISK_FUSE /* the Makefile has found libfuse3 */
#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>

#include "fs/sfs.h"

/* For how long the kernel may believe what it was told: nobody else changes the volume. */
#define FUSE_VALID_SECONDS 3600.0

/* All requests that are answered. The session's user data is the struct sfs; any number of threads. */
void fuse_set_ops(struct fuse_lowlevel_ops *ops);
void fuse_set_name_ops(struct fuse_lowlevel_ops *ops); /* of them, those that take names */

static inline struct sfs *fs_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/*
 * What finds no space may have to wait for it. Each request starts with {0}, and as long as this
 * returns true for its RESULT, it tries again. Sleeps: while space is being freed, else for two
 * seconds at most in all.
 */
struct fuse_patience {
    int64_t until;
    bool over;
};
bool fuse_try_again(struct sfs *fs, int64_t result, struct fuse_patience *patience);
/* So many threads may wait like this at a time: others must be left, to be told what has ended. */
void fuse_set_waiters(int threads);
/* A name is gone, and with it perhaps a file. */
void fuse_name_removed(void);
/* The kernel gives COUNT references to INO, of its numbers, back. */
void fuse_forget(struct sfs *fs, fuse_ino_t ino, uint64_t count);

void fuse_fill_stat(const struct sfs_attr *attr, struct stat *status);
void fuse_fill_entry(const struct sfs_attr *attr, struct fuse_entry_param *entry);
#endif

#endif
