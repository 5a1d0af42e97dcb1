/*
 * fusespace.c - space that is on its way. rm returns when the name is gone; that the file has ended,
 * the kernel tells us later (forget, after the last close), in any thread. On ext4 its space is back
 * when rm returns: so whoever finds no space here waits, for a bounded time, while files without a
 * name live on.
 */
#ifdef MKDISK_FUSE
#include <stdatomic.h>
#include <time.h>

#include "fuseops.h"

#define MS        1000000ll
#define AFTER_RM  (2000 * MS) /* a busy host may let the thread that would free the space wait */
#define AT_LEAST  (50 * MS)   /* close returns before the kernel tells us, too */
#define LOOK_EACH (1 * MS)

static _Atomic int64_t removed_at; /* when a name was removed last */
static _Atomic int may_wait;       /* threads, besides those that do */
static _Atomic int forgetting;     /* threads: what they free comes in steps, each of them a commit */

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 * MS + now.tv_nsec;
}

void fuse_set_waiters(int threads)
{
    may_wait = threads;
}

void fuse_name_removed(void)
{
    removed_at = clock_ns();
}

/* When to stop waiting. */
static int64_t end_of_patience(void)
{
    int64_t least = clock_ns() + AT_LEAST;
    int64_t after_rm = removed_at + AFTER_RM;

    return after_rm > least ? after_rm : least;
}

static uint64_t blocks_free(struct sfs *fs)
{
    struct sfs_statfs volume;

    return sfs_statfs(fs, &volume) == 0 ? volume.blocks_free : 0;
}

void fuse_forget(struct sfs *fs, fuse_ino_t ino, uint64_t count)
{
    forgetting++;
    sfs_forget(fs, ino - 1, count);
    forgetting--;
}

/* For another number of orphans, or more free blocks. False: there are no orphans, or it got late. */
static bool wait_for_change(struct sfs *fs, int64_t until)
{
    const struct timespec pause = {0, LOOK_EACH};
    uint32_t orphans = sfs_orphans(fs);
    uint64_t free = blocks_free(fs);

    while (orphans > 0 && (forgetting > 0 || clock_ns() < until)) {
        nanosleep(&pause, NULL);
        if (sfs_orphans(fs) != orphans || blocks_free(fs) > free) {
            return true;
        }
    }
    return false;
}

bool fuse_try_again(struct sfs *fs, int64_t result, struct fuse_patience *patience)
{
    if (result != SFS_ENOSPC || patience->over) {
        return false;
    }
    if (patience->until == 0) {
        patience->until = end_of_patience();
    }
    /* If nothing changes: the last orphan may have gone between the attempt and our first look. */
    patience->over = --may_wait < 0 || !wait_for_change(fs, patience->until);
    may_wait++;
    return true;
}
#endif
