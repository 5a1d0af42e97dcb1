/*
 * manyproc_common.c - operations on names that all processes share. What comes of each depends on
 * the others; but there are answers that none of them may give.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/fuse/manyproc.h"
#include "tests/fuse/tester.h"

#define TOP   "common"
#define NAMES 7 /* in each directory: few, so that the processes meet */
#define DEPTH 3

bool may_happen(void)
{
    static const int usual[] = {ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY,
                                ELOOP,  EINVAL, EMLINK,  ENXIO,  ENODEV};

    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (errno == usual[i]) {
            return true;
        }
    }
    return errno == ENOSPC && tester.full;
}

static void judge(int result, const char *call)
{
    if (result < 0 && !may_happen()) {
        fail_call(call);
    }
}

void common_path(char *path)
{
    unsigned depth = pick(DEPTH) + 1;
    size_t used = (size_t)snprintf(path, PATH_BYTES, TOP);

    while (depth-- > 0) {
        unsigned name = pick(NAMES);

        /* Some names are long, so that directories have several blocks. */
        used += (size_t)snprintf(path + used, PATH_BYTES - used, "/%c%.*s", 'a' + (int)name,
                                 name % 3 == 0 ? 60 : 0,
                                 "-------------------------------------------------------------");
    }
}

void common_prepare(void)
{
    char path[64];

    if (mkdir(TOP, 0755) != 0 && errno != EEXIST) {
        fail_call("mkdir");
    }
    for (int i = 0; i < NAMES; i += 2) {
        snprintf(path, sizeof path, TOP "/%c", 'a' + i);
        judge(mkdir(path, 0755), "mkdir");
    }
}

/* What O_TRUNC does, but not while somebody has the file mapped. */
static void truncate_open(int fd)
{
    char self[64];
    int again;

    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (flock(fd, LOCK_EX) != 0) {
        fail_call("flock");
    }
    again = open(self, O_RDWR | O_TRUNC);
    if (again < 0 || close(again) != 0 || flock(fd, LOCK_UN) != 0) {
        fail_call("open with O_TRUNC");
    }
}

/* Open PATH if it is a file, and work on it; it may lose its name meanwhile. */
static void op_file(void)
{
    char path[PATH_BYTES];
    struct stat status;
    int fd;

    common_path(path);
    note("open %s", path);
    fd = open(path,
              O_RDWR | O_NOFOLLOW | O_NONBLOCK | (chance(2) ? O_CREAT : 0) |
                  (chance(9) ? O_EXCL : 0),
              0644);
    judge(fd < 0 && errno == EACCES ? 0 : fd,
          "open"); /* a device node, where they have no effect */
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        if (chance(9)) {
            truncate_open(fd);
        }
        for (unsigned i = pick(4) + 1; i > 0; i--) {
            cells_random(fd, path);
        }
    }
    if (fd >= 0 && close(fd) != 0) {
        fail_call("close");
    }
}

static void op_make(void)
{
    static const mode_t kinds[] = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
    char path[PATH_BYTES], other[PATH_BYTES];

    common_path(path);
    common_path(other);
    switch (pick(4)) {
    case 0:
        note("mknod %s", path);
        judge(mknod(path, kinds[pick(5)] | 0644, makedev(600 + pick(300), pick(300))), "mknod");
        break;
    case 1:
        note("symlink %s to %s", path, other);
        judge(symlink(other + (chance(2) ? 0 : strlen(TOP) + 1), path), "symlink");
        break;
    case 2:
        note("link %s as %s", path, other);
        if (link(path, other) != 0 && errno != EPERM) { /* which it is for a directory */
            judge(-1, "link");
        }
        break;
    default:
        note("mkdir %s", path);
        judge(mkdir(path, 0755), "mkdir");
    }
}

static void op_remove(void)
{
    char path[PATH_BYTES];

    common_path(path);
    note("remove %s", path);
    judge(chance(3) ? rmdir(path) : unlink(path), "rmdir or unlink");
}

static void op_rename(void)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    unsigned flags = pick(4) % 3; /* none, RENAME_NOREPLACE, RENAME_EXCHANGE */

    common_path(from);
    common_path(to);
    note("rename %s to %s, flags %u", from, to, flags);
    judge(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags), "rename");
}

static void op_attributes(void)
{
    struct timespec times[2] = {{pick(1u << 30), 5}, {0, chance(2) ? UTIME_OMIT : UTIME_NOW}};
    char path[PATH_BYTES], target[PATH_BYTES];

    common_path(path);
    note("attributes of %s", path);
    switch (pick(7)) {
    case 0:
        judge(fchmodat(AT_FDCWD, path, 0600 | pick(0200), 0), "chmod");
        break;
    case 1:
        judge(fchownat(AT_FDCWD, path, pick(5), pick(5), AT_SYMLINK_NOFOLLOW), "chown");
        break;
    case 2:
        judge(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), "utimensat");
        break;
    case 3:
        judge((int)readlink(path, target, sizeof target), "readlink");
        break;
    case 4:
        judge(access(path, R_OK), "access");
        break;
    default: {
        struct stat status;

        judge(stat(path, &status), "stat");
    }
    }
}

static void op_sync(void)
{
    struct statvfs volume;

    note("sync or statvfs");
    if (chance(10)) {
        sync();
    }
    if (statvfs(TOP, &volume) != 0 || volume.f_bfree > volume.f_blocks ||
        volume.f_ffree > volume.f_files) {
        fail_call("statvfs");
    }
}

/* Every name comes at most once, unless somebody moved it; "." and ".." always do. */
static void op_list(void)
{
    char path[PATH_BYTES];
    unsigned dots = 0;
    struct dirent *entry;
    DIR *dir;

    common_path(path);
    note("list %s", path);
    dir = opendir(path);
    if (dir == NULL) {
        judge(-1, "opendir");
        return;
    }
    for (unsigned count = 0; errno = 0, (entry = readdir(dir)) != NULL; count++) {
        dots += strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (count > 1000 || entry->d_ino == 0) {
            fail("%s: the list does not end, or has inode 0", path);
        }
    }
    if (errno != 0 && errno != ENOENT) { /* the directory may have been removed */
        fail_call("readdir");
    }
    errno = 0;
    if (dots != 2 && dots != 0) {
        fail("%s: %u of . and ..", path, dots);
    }
    closedir(dir);
}

void common_random(void)
{
    static void (*const operations[])(void) = {
        op_file,   op_file,   op_file,   op_make, op_make,       op_make, op_remove,
        op_remove, op_rename, op_rename, op_list, op_attributes, op_sync};

    operations[pick(sizeof operations / sizeof operations[0])]();
}
