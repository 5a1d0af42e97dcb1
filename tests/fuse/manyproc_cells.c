/*
 * manyproc_cells.c - files whose contents say where they belong: cells of 64 bytes, each either
 * zero or marked with file and offset, and sealed. Whatever the processes do, nothing else may ever
 * be read: no other file's bytes, no other offset's, no half of two writes.
 *
 * Writers hold the file's lock, for a read beside a write may see half of it, on any file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/fuse/manyproc.h"
#include "tests/fuse/tester.h"

#define MOST 600u /* cells in one operation */

struct cell {
    uint64_t file;
    uint64_t index;
    uint64_t value[5];
    uint64_t seal;
};
_Static_assert(sizeof(struct cell) == CELL, "the size of a cell");

static struct cell buffer[FILE_CELLS] __attribute__((aligned(4096)));

static uint64_t seal(const struct cell *cell)
{
    uint64_t sum = cell->file * 31 + cell->index + 0x5EA1;

    for (int i = 0; i < 5; i++) {
        sum = (sum ^ cell->value[i]) * 0x9E3779B97F4A7C15u;
    }
    return sum | 1;
}

static void make(struct cell *cell, uint64_t file, uint64_t index)
{
    *cell = (struct cell){.file = file, .index = index};
    random_bytes((uint8_t *)cell->value, sizeof cell->value);
    cell->seal = seal(cell);
}

static bool sound(const struct cell *cell, uint64_t file, uint64_t index)
{
    static const struct cell empty;

    return memcmp(cell, &empty, CELL) == 0 ||
           (cell->file == file && cell->index == index && cell->seal == seal(cell));
}

static void judge(const struct cell *cells, uint64_t file, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!sound(&cells[i], file, first + i)) {
            errno = 0;
            fail("cell %llu of file %llu is that of file %llu, cell %llu, or torn",
                 (unsigned long long)(first + i), (unsigned long long)file,
                 (unsigned long long)cells[i].file, (unsigned long long)cells[i].index);
        }
    }
}

/* A full volume may take a part of a cell: cut it off, or the rest of it, by zeros. */
static void mend(int fd, uint64_t first, ssize_t done)
{
    static const uint8_t zeros[CELL];
    uint32_t part = done > 0 ? (uint32_t)done % CELL : 0;
    off_t end = (off_t)first * CELL + done;

    if (part != 0 && pwrite(fd, zeros, part, end - part) != (ssize_t)part) {
        fail_call("pwrite over what was written");
    }
}

static void store_mapped(int fd, uint64_t first, uint32_t count)
{
    off_t offset = (off_t)first * CELL;
    off_t lead = offset % 4096;
    struct stat status;
    uint8_t *mapped;

    if (tester.full || fstat(fd, &status) != 0 || offset + (off_t)count * CELL > status.st_size) {
        return; /* there is no store behind the end; and none in a hole of a full volume */
    }
    mapped = mmap(NULL, (size_t)lead + count * CELL, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                  offset - lead);
    if (mapped == MAP_FAILED) {
        fail_call("mmap");
    }
    memcpy(mapped + lead, buffer, count * CELL);
    if (chance(4) && msync(mapped, (size_t)lead + count * CELL, MS_SYNC) != 0) {
        fail_call("msync");
    }
    munmap(mapped, (size_t)lead + count * CELL);
}

void cells_write(int fd, uint64_t file)
{
    uint32_t count = pick(pick(4) == 0 ? MOST : 40) + 1;
    uint64_t first = pick(FILE_CELLS - count);
    struct iovec halves[2] = {{buffer, (count / 2) * CELL},
                              {buffer + count / 2, (count - count / 2) * CELL}};
    ssize_t done;

    for (uint32_t i = 0; i < count; i++) {
        make(&buffer[i], file, first + i);
    }
    switch (pick(4)) {
    case 0:
        store_mapped(fd, first, count);
        return;
    case 1:
        done = pwritev(fd, halves, 2, (off_t)first * CELL);
        break;
    default:
        done = pwrite(fd, buffer, count * CELL, (off_t)first * CELL);
    }
    if (done < 0 && !(tester.full && errno == ENOSPC)) {
        fail_call("write");
    }
    mend(fd, first, done);
}

static void read_mapped(int fd, uint64_t file, uint64_t first, uint32_t count)
{
    size_t bytes = (size_t)count * CELL;
    off_t offset = (off_t)(first * CELL / 4096 * 4096);
    struct stat status;
    uint8_t *mapped;

    if (fstat(fd, &status) != 0 || offset + (off_t)bytes > status.st_size) {
        return;
    }
    mapped = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, offset);
    if (mapped == MAP_FAILED) {
        fail_call("mmap");
    }
    memcpy(buffer, mapped, bytes);
    munmap(mapped, bytes);
    judge(buffer, file, (uint64_t)offset / CELL, count);
}

void cells_read(int fd, uint64_t file)
{
    uint32_t count = pick(MOST) + 1;
    uint64_t first = pick(FILE_CELLS - count);
    ssize_t got;

    if (chance(4)) {
        read_mapped(fd, file, first, count);
        return;
    }
    got = pread(fd, buffer, count * CELL, (off_t)first * CELL);
    if (got < 0) {
        fail_call("read");
    }
    judge(buffer, file, first, (size_t)got / CELL);
}

void cells_truncate(int fd, const char *path)
{
    off_t size = (off_t)pick(FILE_CELLS) * CELL;

    (void)path; /* which may be another file by now */
    if (ftruncate(fd, size) != 0 && !(tester.full && errno == ENOSPC)) {
        fail_call("ftruncate");
    }
}

static void other_operation(int fd)
{
    struct stat status;
    off_t hole = lseek(fd, 0, SEEK_HOLE);

    if ((hole < 0 && errno != ENXIO) || fstat(fd, &status) != 0 || hole > status.st_size) {
        fail_call("lseek or fstat");
    }
    switch (pick(6)) {
    case 0:
        if (fsync(fd) != 0) {
            fail_call("fsync");
        }
        break;
    case 1:
        if (fdatasync(fd) != 0) {
            fail_call("fdatasync");
        }
        break;
    case 2:
        if (fchmod(fd, 0600 | pick(0100)) != 0) {
            fail_call("fchmod");
        }
        break;
    case 3:
        if (fchown(fd, pick(3), pick(3)) != 0) {
            fail_call("fchown");
        }
        break;
    case 4:
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        break;
    default:
        if (futimens(fd, NULL) != 0) {
            fail_call("futimens");
        }
    }
}

void cells_random(int fd, const char *path)
{
    struct stat status;

    if (flock(fd, LOCK_EX) != 0 || fstat(fd, &status) != 0) {
        fail_call("flock or fstat");
    }
    switch (pick(6)) {
    case 0:
        cells_truncate(fd, path);
        break;
    case 1:
        other_operation(fd);
        break;
    case 2:
    case 3:
        cells_read(fd, status.st_ino);
        break;
    default:
        cells_write(fd, status.st_ino);
    }
    if (flock(fd, LOCK_UN) != 0) {
        fail_call("flock");
    }
}

uint64_t cells_check(int fd, const char *path)
{
    uint64_t sum = 0;
    struct stat status;
    ssize_t got = pread(fd, buffer, sizeof buffer, 0);

    if (got < 0 || fstat(fd, &status) != 0) {
        fail_call(path);
    }
    errno = 0;
    if (got != status.st_size) {
        fail("%s: %zd bytes, the size is %lld", path, got, (long long)status.st_size);
    }
    judge(buffer, status.st_ino, 0, (size_t)got / CELL);
    for (ssize_t i = 0; i < got; i++) {
        sum = (sum + ((uint8_t *)buffer)[i]) * 0x100000001B3u;
    }
    return sum;
}
