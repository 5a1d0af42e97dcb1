/*
 * disk_work.h - what is asked of a disk when it is measured: the same requests at the same places,
 * in the same order, in the kernel (bench/kernel/disk.c) and in Linux (bench/linux/disk_peer.c).
 * Portable, without a C library.
 *
 * A workload is so many requests of one size, so many of which are in flight at a time. Sequential
 * ones go on where the one before ended, from the start of the disk; random ones are anywhere in
 * its first DISK_SPAN bytes. Each block that is written begins with the mark that makes the disk a
 * scratch disk, so that it is one afterwards, too.
 */
#ifndef SECTOR0_BENCH_DISK_WORK_H
#define SECTOR0_BENCH_DISK_WORK_H

#include <stdbool.h>
#include <stdint.h>

#define DISK_SPAN              (256ull << 20) /* bytes of the disk that are used; all of it, if smaller */
#define DISK_BLOCK_MAX         (1u << 20) /* bytes of the largest request */
#define DISK_DEPTH_MAX         32
#define DISK_FILL              0x5A

#define DISK_SEQUENTIAL(block) ((128u << 20) / (block)) /* requests: 128 MiB */
#define DISK_RANDOM            4000
#define DISK_RANDOM_DEEP       16000
#define DISK_FLUSHES           200

struct disk_work {
    const char *name;
    bool write, random;
    bool flush;        /* after each write */
    uint32_t block;    /* bytes of a request */
    uint32_t depth;    /* requests in flight */
    uint32_t requests; /* in all, without the flushes */
};

static const struct disk_work disk_works[] = {
    {"seqwrite_64k", true, false, false, 64 << 10, 1, DISK_SEQUENTIAL(64 << 10)},
    {"seqread_64k", false, false, false, 64 << 10, 1, DISK_SEQUENTIAL(64 << 10)},
    {"seqwrite_1m", true, false, false, 1 << 20, 1, DISK_SEQUENTIAL(1 << 20)},
    {"seqread_1m", false, false, false, 1 << 20, 1, DISK_SEQUENTIAL(1 << 20)},
    {"randread_4k_qd1", false, true, false, 4096, 1, DISK_RANDOM},
    {"randwrite_4k_qd1", true, true, false, 4096, 1, DISK_RANDOM},
    {"randread_4k_qd32", false, true, false, 4096, DISK_DEPTH_MAX, DISK_RANDOM_DEEP},
    {"randwrite_4k_qd32", true, true, false, 4096, DISK_DEPTH_MAX, DISK_RANDOM_DEEP},
    {"write_4k_flush", true, false, true, 4096, 1, DISK_FLUSHES},
};
#define DISK_WORKS (sizeof(disk_works) / sizeof(disk_works[0]))

/* Where the requests of a workload go. */
struct disk_walk {
    uint32_t next; /* number of the next request */
    uint32_t bits; /* 2^bits blocks of the workload's size are used */
};

/* Begin WORK on the first SPAN bytes of the disk, rounded down to a power of two of its blocks. */
static inline struct disk_walk disk_walk_start(const struct disk_work *work, uint64_t span)
{
    struct disk_walk walk = {0, 0};

    while ((uint64_t)work->block << (walk.bits + 1) <= span) {
        walk.bits++;
    }
    return walk;
}

/*
 * The byte at which WORK's next request begins. For a random one the bits of its number are mixed
 * by steps that can be undone: so no block comes twice before all have come, and no two requests in
 * flight are for the same block.
 */
static inline uint64_t disk_walk_next(struct disk_walk *walk, const struct disk_work *work)
{
    uint32_t mask = (1u << walk->bits) - 1, half = (walk->bits + 1) / 2;
    uint32_t number = walk->next++ & mask;

    if (work->random) {
        number = (number + 1) * 0x9E3779B1u & mask;
        number = (number ^ number >> half) * 0x85EBCA6Bu & mask;
        number ^= number >> half;
    }
    return (uint64_t)number * work->block;
}

/*
 * The throughput of WORK, which took NANOS, in tenths of its unit: operations a second if it is
 * random or flushes, else millions of bytes a second.
 */
static inline const char *disk_work_unit(const struct disk_work *work)
{
    return work->random || work->flush ? "ops/s" : "MB/s";
}

static inline uint64_t disk_work_tenths(const struct disk_work *work, uint64_t nanos)
{
    uint64_t micros = nanos / 1000 + 1;

    return work->random || work->flush ? work->requests * 10000000ull / micros
                                       : (uint64_t)work->requests * work->block * 10 / micros;
}

#endif
