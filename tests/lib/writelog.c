/*
 * writelog.c - a library for LD_PRELOAD that records what a program writes to its files, in order.
 *
 * Each pwrite, ftruncate and fsync appends a record to the file that WRITELOG names:
 * u8 kind ('w', 't', 's'), u64 offset, u64 length, and for 'w' the bytes. The power-cut tests
 * replay these records up to any point. Other ways to write are not seen; the tests compare the
 * replayed records with the real file, so a program that uses one fails them.
 *
 *     WRITELOG_FAIL=N    record N (from 1) is not carried out and fails with ENOSPC
 *     WRITELOG_SIGNAL=S  with WRITELOG_FAIL: send the program signal S at that moment instead
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int log_fd = -1;
static long records;

static long setting(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? atol(text) : 0;
}

static void append(const void *data, size_t size)
{
    if (write(log_fd, data, size) != (ssize_t)size) {
        abort();
    }
}

/* Record one call. Returns 0 if it is to be carried out, -1 (with errno set) if it is to fail. */
static int record(char kind, uint64_t offset, uint64_t length, const void *data)
{
    if (log_fd < 0) {
        log_fd = open(getenv("WRITELOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (++records == setting("WRITELOG_FAIL")) {
        if (setting("WRITELOG_SIGNAL") != 0) {
            kill(getpid(), (int)setting("WRITELOG_SIGNAL"));
        }
        errno = ENOSPC;
        return -1;
    }
    append(&kind, sizeof kind);
    append(&offset, sizeof offset);
    append(&length, sizeof length);
    if (data != NULL) {
        append(data, length);
    }
    return 0;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");

    return record('w', (uint64_t)offset, size, data) == 0 ? real(fd, data, size, offset) : -1;
}

int ftruncate64(int fd, off64_t length)
{
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, "ftruncate64");

    return record('t', 0, (uint64_t)length, NULL) == 0 ? real(fd, length) : -1;
}

int fsync(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");

    return record('s', 0, 0, NULL) == 0 ? real(fd) : -1;
}
