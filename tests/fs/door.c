/*
 * door.c - SFS for Python (ctypes): one volume on a disk in memory, operations by path. Numbers and
 * bytes only go through the door; errors are those of fs/error.h.
 */
#include <stdio.h>
#include <string.h>

#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

#define EXPORT __attribute__((visibility("default")))

static struct ramdisk *disk;
static struct sfs *fs;
static const struct sfs_owner nobody = {1000, 1000};

/* A new volume of SIZE bytes, mounted. */
EXPORT int door_format(uint64_t size, uint32_t block_size, uint32_t version);
/* Unmount and mount again; returns the findings of the independent checker in between, or an error. */
EXPORT int door_remount(void);
EXPORT int door_close(void);
/* KIND is a type and permissions, as in mode; TARGET is a symbolic link's. */
EXPORT int door_make(const char *path, uint32_t kind, const char *target);
EXPORT int door_link(const char *from, const char *to);
EXPORT int door_remove(const char *path, int directory);
EXPORT int door_rename(const char *from, const char *to, uint32_t flags);
EXPORT int64_t door_write(const char *path, uint64_t offset, const void *bytes, size_t size);
EXPORT int64_t door_append(const char *path, const void *bytes, size_t size);
EXPORT int64_t door_read(const char *path, uint64_t offset, void *bytes, size_t size);
EXPORT int door_truncate(const char *path, uint64_t size);
EXPORT int door_chmod(const char *path, uint32_t mode);
EXPORT int door_fsync(const char *path);
EXPORT int door_sync(void);
/* FIELDS: ino, mode, nlink, size, blocks. */
EXPORT int door_stat(const char *path, uint64_t fields[5]);
EXPORT int door_readlink(const char *path, char *bytes, size_t size);
/* Names into TEXT, SIZE bytes, each with a NUL behind it. Returns how many bytes. */
EXPORT int64_t door_list(const char *path, char *text, size_t size);

static int mount(void)
{
    /* Small, so that everything is thrown out of memory and read again all the time. */
    const struct sfs_mount_options options = {.cache_blocks = 64, .page_kib = 64};

    return sfs_mount(ramdisk_dev(disk), &options, &fs);
}

int door_close(void)
{
    int error = fs != NULL ? sfs_unmount(fs) : 0;

    fs = NULL;
    if (disk != NULL) {
        ramdisk_free(disk);
        disk = NULL;
    }
    return error;
}

int door_format(uint64_t size, uint32_t block_size, uint32_t version)
{
    const struct sfs_mkfs_options options = {.block_size = block_size, .version = version};
    int error;

    door_close();
    rng_seed(1);
    disk = ramdisk_create(size / BLK_SECTOR, 512);
    error = sfs_mkfs(ramdisk_dev(disk), &options);
    return error < 0 ? error : mount();
}

int door_remount(void)
{
    int error = sfs_unmount(fs);
    int findings;

    fs = NULL;
    if (error < 0) {
        return error;
    }
    findings = check_volume(ramdisk_bytes(disk), ramdisk_size(disk));
    error = mount();
    return error < 0 ? error : findings;
}

/* ---- Paths ---- */

static int find(const char *path, struct sfs_walk_result *found)
{
    return sfs_walk(fs, SFS_ROOT, path, SFS_WALK_NOFOLLOW, found);
}

static int find_parent(const char *path, struct sfs_walk_result *found)
{
    return sfs_walk(fs, SFS_ROOT, path, SFS_WALK_PARENT, found);
}

static int64_t leave(const struct sfs_walk_result *found, int64_t result)
{
    int error = sfs_forget(fs, found->attr.ino, 1);

    return result < 0 ? result : error < 0 ? error : result;
}

/* ---- Operations ---- */

static int make(const struct sfs_walk_result *at, uint32_t kind, const char *target,
                struct sfs_attr *attr)
{
    uint64_t dir = at->attr.ino;
    uint16_t mode = (uint16_t)kind;

    switch (kind >> 12) {
    case SFS_TYPE_DIR:
        return sfs_mkdir(fs, dir, at->last, at->last_length, mode & 07777, nobody, attr);
    case SFS_TYPE_LNK:
        return sfs_symlink(fs, dir, at->last, at->last_length, target, strlen(target), nobody,
                           attr);
    case SFS_TYPE_REG:
        return sfs_create(fs, dir, at->last, at->last_length, mode & 07777, nobody, attr);
    default:
        return sfs_mknod(fs, dir, at->last, at->last_length, mode, 0, nobody, attr);
    }
}

int door_make(const char *path, uint32_t kind, const char *target)
{
    struct sfs_walk_result at;
    struct sfs_attr attr;
    int error = find_parent(path, &at);

    if (error < 0) {
        return error;
    }
    error = make(&at, kind, target, &attr);
    if (error == 0) {
        error = sfs_forget(fs, attr.ino, 1);
    }
    return (int)leave(&at, error);
}

int door_link(const char *from, const char *to)
{
    struct sfs_walk_result old, at;
    struct sfs_attr attr;
    int error = find(from, &old);

    if (error < 0) {
        return error;
    }
    error = find_parent(to, &at);
    if (error == 0) {
        error = sfs_link(fs, old.attr.ino, at.attr.ino, at.last, at.last_length, &attr);
        if (error == 0) {
            error = sfs_forget(fs, attr.ino, 1);
        }
        error = (int)leave(&at, error);
    }
    return (int)leave(&old, error);
}

int door_remove(const char *path, int directory)
{
    struct sfs_walk_result at;
    int error = find_parent(path, &at);

    if (error < 0) {
        return error;
    }
    error = directory ? sfs_rmdir(fs, at.attr.ino, at.last, at.last_length)
                      : sfs_unlink(fs, at.attr.ino, at.last, at.last_length);
    return (int)leave(&at, error);
}

int door_rename(const char *from, const char *to, uint32_t flags)
{
    struct sfs_walk_result old, at;
    int error = find_parent(from, &old);

    if (error < 0) {
        return error;
    }
    error = find_parent(to, &at);
    if (error == 0) {
        error = sfs_rename(fs, old.attr.ino, old.last, old.last_length, at.attr.ino, at.last,
                           at.last_length, flags);
        error = (int)leave(&at, error);
    }
    return (int)leave(&old, error);
}

/* What is done with the inode at the end of a path. */
#define AT_PATH(path, call)                                                                        \
    struct sfs_walk_result at;                                                                     \
    int error = find(path, &at);                                                                   \
                                                                                                   \
    return error < 0 ? error : leave(&at, call)

int64_t door_write(const char *path, uint64_t offset, const void *bytes, size_t size)
{
    AT_PATH(path, sfs_write(fs, at.attr.ino, offset, bytes, size));
}

int64_t door_append(const char *path, const void *bytes, size_t size)
{
    uint64_t offset;

    AT_PATH(path, sfs_append(fs, at.attr.ino, bytes, size, &offset));
}

int64_t door_read(const char *path, uint64_t offset, void *bytes, size_t size)
{
    AT_PATH(path, sfs_read(fs, at.attr.ino, offset, bytes, size));
}

int door_truncate(const char *path, uint64_t size)
{
    AT_PATH(path, sfs_truncate(fs, at.attr.ino, size));
}

int door_chmod(const char *path, uint32_t mode)
{
    struct sfs_attr attr = {.mode = (uint16_t)mode};

    AT_PATH(path, sfs_setattr(fs, at.attr.ino, SFS_SET_MODE, &attr));
}

int door_fsync(const char *path)
{
    AT_PATH(path, sfs_fsync(fs, at.attr.ino, false));
}

int door_sync(void)
{
    return sfs_sync(fs);
}

int door_stat(const char *path, uint64_t fields[5])
{
    struct sfs_walk_result at;
    int error = find(path, &at);

    if (error < 0) {
        return error;
    }
    fields[0] = at.attr.ino;
    fields[1] = at.attr.mode;
    fields[2] = at.attr.nlink;
    fields[3] = at.attr.size;
    fields[4] = at.attr.blocks;
    return (int)leave(&at, 0);
}

int door_readlink(const char *path, char *bytes, size_t size)
{
    AT_PATH(path, sfs_readlink(fs, at.attr.ino, bytes, size));
}

struct names {
    char *text;
    size_t used, size;
};

static bool take_name(void *ctx, const struct sfs_entry *entry)
{
    struct names *names = ctx;

    if (names->used + entry->length + 1 > names->size) {
        return false;
    }
    memcpy(names->text + names->used, entry->name, entry->length);
    names->text[names->used + entry->length] = '\0';
    names->used += entry->length + 1u;
    return true;
}

static int64_t list(uint64_t ino, char *text, size_t size)
{
    struct names names = {text, 0, size};
    uint64_t cookie = 0;
    int error = sfs_readdir(fs, ino, &cookie, take_name, &names);

    return error < 0 ? error : (int64_t)names.used;
}

int64_t door_list(const char *path, char *text, size_t size)
{
    AT_PATH(path, list(at.attr.ino, text, size));
}
