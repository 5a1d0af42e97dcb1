/*
 * unsteady.c - a library for LD_PRELOAD: files of the host that do not hold still.
 *
 * What UNSTEADY says happens at the first pread or preadv of a file whose name ends in "unsteady":
 *
 *     shrink, grow, vanish   it gets shorter, longer, loses its name
 *     gone                   it has lost its name before anybody asks what it is
 *     slow                   each read of it takes 50 ms
 *     a number               the program gets this signal
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_unsteady(const char *name)
{
    static const char end[] = "unsteady";
    size_t length = strlen(name);

    return length >= sizeof end - 1 && strcmp(name + length - (sizeof end - 1), end) == 0;
}

static void happen(const char *path)
{
    static bool happened;
    const char *what = getenv("UNSTEADY");

    if (strcmp(what, "slow") == 0) {
        usleep(50000);
    }
    if (happened) {
        return;
    }
    happened = true;
    if (strcmp(what, "shrink") == 0 && truncate(path, 1000) != 0) {
        abort();
    }
    if (strcmp(what, "grow") == 0 && truncate(path, 10 << 20) != 0) {
        abort();
    }
    if (strcmp(what, "vanish") == 0 && unlink(path) != 0) {
        abort();
    }
    if (atoi(what) > 0) {
        kill(getpid(), atoi(what));
    }
}

static void look_at(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    if (is_unsteady(path)) {
        happen(path);
    }
}

ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset)
{
    ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");

    look_at(fd);
    return real(fd, buffer, size, offset);
}

ssize_t preadv64(int fd, const struct iovec *pieces, int count, off64_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off64_t) = dlsym(RTLD_NEXT, "preadv64");

    look_at(fd);
    return real(fd, pieces, count, offset);
}

int fstatat64(int dir, const char *name, struct stat64 *status, int flags)
{
    int (*real)(int, const char *, struct stat64 *, int) = dlsym(RTLD_NEXT, "fstatat64");

    if (is_unsteady(name) && strcmp(getenv("UNSTEADY"), "gone") == 0) {
        unlinkat(dir, name, 0);
    }
    return real(dir, name, status, flags);
}
