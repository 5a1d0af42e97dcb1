/*
 * sfswrites.c - what one operation costs the disk: block writes and flushes, counted on the device
 * of a volume in memory, not timed. Prints a line for each kind:
 *
 *   SFS <operation> <count> operations <writes> writes <sectors> sectors <flushes> flushes
 *
 * Every operation is made durable before the next one begins; bench/sfs.py does the same on ext4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/sfs.h"
#include "tools/mkdisk/fileblk.h"

#define VOLUME_BYTES (256u << 20)
#define COUNT        100
#define PIECE        100 /* bytes appended */

static struct fileblk disk;
static struct sfs *fs;
static const struct sfs_owner owner;

static void must(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "sfswrites: %s: %s\n", what, strerror((int)-result));
        exit(1);
    }
}

static size_t name_of(char *name, const char *kind, int i)
{
    return (size_t)sprintf(name, "%s%d", kind, i);
}

static uint64_t create(const char *kind, int i)
{
    struct sfs_attr attr;
    char name[32];
    size_t length = name_of(name, kind, i);

    must(sfs_create(fs, SFS_ROOT, name, length, 0644, owner, &attr), "create");
    return attr.ino;
}

static void do_create(int i)
{
    must(sfs_fsync(fs, create("file", i), false), "fsync");
}

static void do_append(int i)
{
    static char bytes[PIECE];
    static uint64_t ino;
    uint64_t offset;

    ino = i == 0 ? create("log", 0) : ino;
    must(sfs_append(fs, ino, bytes, sizeof bytes, &offset), "append");
    must(sfs_fsync(fs, ino, false), "fsync");
}

static void do_overwrite(int i)
{
    static char bytes[4096];
    static uint64_t ino;

    ino = i == 0 ? create("data", 0) : ino;
    must(sfs_write(fs, ino, 0, bytes, sizeof bytes), "write");
    must(sfs_fsync(fs, ino, true), "fdatasync");
}

static void do_rename(int i)
{
    char from[32], to[32];
    size_t from_length = name_of(from, "file", i), to_length = name_of(to, "renamed", i);

    must(sfs_rename(fs, SFS_ROOT, from, from_length, SFS_ROOT, to, to_length, 0), "rename");
    must(sfs_fsync(fs, SFS_ROOT, false), "fsync");
}

static void do_unlink(int i)
{
    char name[32];
    size_t length = name_of(name, "renamed", i);
    struct sfs_attr attr;

    must(sfs_lookup(fs, SFS_ROOT, name, length, &attr), "lookup");
    sfs_forget(fs, attr.ino, 2); /* one of them do_create's */
    must(sfs_unlink(fs, SFS_ROOT, name, length), "unlink");
    must(sfs_fsync(fs, SFS_ROOT, false), "fsync");
}

static void measure(const char *name, void (*operation)(int i))
{
    struct blk_dev before;

    operation(0); /* what the first of them finds is not what the others find */
    must(sfs_sync(fs), "sync");
    before = disk.dev;
    for (int i = 1; i <= COUNT; i++) {
        operation(i);
    }
    printf("SFS %s %d operations %llu writes %llu sectors %llu flushes\n", name, COUNT,
           (unsigned long long)(disk.dev.writes - before.writes),
           (unsigned long long)(disk.dev.sectors_written - before.sectors_written),
           (unsigned long long)(disk.dev.flushes - before.flushes));
}

int main(void)
{
    const struct sfs_mkfs_options mkfs = {.zeroed = true};
    const struct sfs_mount_options mount = {.cache_blocks = 2048};
    int fd = memfd_create("volume", 0);

    if (fd < 0 || ftruncate(fd, VOLUME_BYTES) != 0) {
        perror("sfswrites");
        return 1;
    }
    fileblk_init(&disk, "memory", fd, 0, VOLUME_BYTES / BLK_SECTOR, 0);
    must(sfs_mkfs(&disk.dev, &mkfs), "mkfs");
    must(sfs_mount(&disk.dev, &mount, &fs), "mount");
    measure("create", do_create);
    measure("append", do_append);
    measure("overwrite", do_overwrite);
    measure("rename", do_rename);
    measure("unlink", do_unlink);
    must(sfs_unmount(fs), "unmount");
    return 0;
}
