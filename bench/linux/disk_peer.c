/*
 * disk_peer.c - see disk_peer.h. The disk is opened with O_DIRECT, so that each request goes to it,
 * from and to the program's own memory. One request at a time is pread and pwrite; several are
 * io_submit and io_getevents, in batches: what has ended is replaced by new requests at once.
 */
#define _GNU_SOURCE
#include "bench/linux/disk_peer.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench/disk_work.h"
#include "tests/kernel/scratch.h"

#define PAGE     4096
#define PATIENCE 50     /* tenths of a second until the disk is there */
#define TENTH    100000 /* microseconds */

static char *memory; /* DISK_BLOCK_MAX bytes: as many blocks as are in flight */

/* ---- Finding the disk -------------------------------------------------------------------------
 */

static void load_modules(void)
{
    struct dirent **list;
    int count = scandir("/modules", &list, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char path[512];

        snprintf(path, sizeof(path), "/modules/%s", list[i]->d_name);
        int file = open(path, O_RDONLY | O_CLOEXEC);

        syscall(SYS_finit_module, file, "", 0); /* what matters shows in whether there is a disk */
        close(file);
    }
}

static bool is_scratch(const char *path)
{
    char start[SCRATCH_MARK_SIZE] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool good = file >= 0 && read(file, start, sizeof(start)) == sizeof(start) &&
                memcmp(start, SCRATCH_MARK, sizeof(start)) == 0;

    close(file);
    return good;
}

static const char *find_scratch(void)
{
    static const char *const paths[] = {"/dev/vda", "/dev/vdb", "/dev/sda", "/dev/sdb"};

    for (int tenths = 0; tenths < PATIENCE; tenths++) {
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            if (is_scratch(paths[i])) {
                return paths[i];
            }
        }
        usleep(TENTH);
    }
    return NULL;
}

/* ---- The work ---------------------------------------------------------------------------------
 */

static bool run_one_by_one(const struct disk_work *work, struct disk_walk *walk, int disk)
{
    for (uint32_t i = 0; i < work->requests; i++) {
        off_t offset = (off_t)disk_walk_next(walk, work);
        ssize_t done = work->write ? pwrite(disk, memory, work->block, offset)
                                   : pread(disk, memory, work->block, offset);

        if (done != (ssize_t)work->block || (work->flush && fdatasync(disk) != 0)) {
            return false;
        }
    }
    return true;
}

struct deep {
    aio_context_t context;
    struct iocb block[DISK_DEPTH_MAX];
    struct iocb *batch[DISK_DEPTH_MAX];
    uint32_t submitted, done;
};

static void prepare(struct deep *deep, const struct disk_work *work, struct disk_walk *walk,
                    int disk, uint32_t slot, uint32_t place)
{
    deep->block[slot] = (struct iocb){
        .aio_fildes = (uint32_t)disk,
        .aio_lio_opcode = work->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
        .aio_buf = (uintptr_t)(memory + (size_t)slot * work->block),
        .aio_nbytes = work->block,
        .aio_data = slot,
        .aio_offset = (int64_t)disk_walk_next(walk, work),
    };
    deep->batch[place] = &deep->block[slot];
    deep->submitted++;
}

/* Take what has ended, and put as many new requests in its place, as long as there are any. */
static bool turn(struct deep *deep, const struct disk_work *work, struct disk_walk *walk, int disk)
{
    struct io_event event[DISK_DEPTH_MAX];
    long ended = syscall(SYS_io_getevents, deep->context, 1, DISK_DEPTH_MAX, event, NULL);
    uint32_t fresh = 0;

    for (long i = 0; i < ended; i++) {
        if (event[i].res != work->block) {
            return false;
        }
        if (deep->submitted < work->requests) {
            prepare(deep, work, walk, disk, (uint32_t)event[i].data, fresh++);
        }
    }
    deep->done += (uint32_t)ended;
    return ended > 0 && (fresh == 0 || syscall(SYS_io_submit, deep->context, (long)fresh,
                                               deep->batch) == (long)fresh);
}

static bool run_deep(const struct disk_work *work, struct disk_walk *walk, int disk)
{
    struct deep deep = {.context = 0};
    bool good = syscall(SYS_io_setup, DISK_DEPTH_MAX, &deep.context) == 0;

    for (uint32_t i = 0; i < work->depth; i++) {
        prepare(&deep, work, walk, disk, i, i);
    }
    good = good &&
           syscall(SYS_io_submit, deep.context, (long)work->depth, deep.batch) == (long)work->depth;
    while (good && deep.done < work->requests) {
        good = turn(&deep, work, walk, disk);
    }
    syscall(SYS_io_destroy, deep.context);
    return good;
}

static uint64_t nanos(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool measure(const struct disk_work *work, int disk, uint64_t span)
{
    struct disk_walk walk = disk_walk_start(work, span);
    uint64_t start = nanos();
    bool good = work->depth > 1 ? run_deep(work, &walk, disk) : run_one_by_one(work, &walk, disk);
    uint64_t passed = nanos() - start;
    uint64_t tenths = disk_work_tenths(work, passed);

    printf("BENCH disk_%s %llu.%llu %s requests=%u us=%llu\n", work->name,
           (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
           disk_work_unit(work), work->requests, (unsigned long long)(passed / 1000));
    fflush(stdout);
    return good;
}

static void fill_memory(void)
{
    memset(memory, DISK_FILL, DISK_BLOCK_MAX);
    for (size_t block = 0; block < DISK_BLOCK_MAX; block += PAGE) {
        memcpy(memory + block, SCRATCH_MARK, SCRATCH_MARK_SIZE);
    }
}

const char *disk_peer(const char *device)
{
    uint64_t size = 0;

    if (device == NULL) {
        mount("dev", "/dev", "devtmpfs", 0, NULL);
        load_modules();
        device = find_scratch();
    }
    if (device == NULL || !is_scratch(device)) {
        return "no disk with the scratch mark";
    }
    int disk = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);

    if (disk < 0 || ioctl(disk, BLKGETSIZE64, &size) != 0) {
        return "cannot open the disk";
    }
    memory = aligned_alloc(PAGE, DISK_BLOCK_MAX);
    for (size_t i = 0; i < DISK_WORKS; i++) {
        fill_memory(); /* what was read has no marks, if nobody had ever written it */
        if (!measure(&disk_works[i], disk, size < DISK_SPAN ? size : DISK_SPAN)) {
            return disk_works[i].name;
        }
    }
    close(disk);
    return NULL;
}
