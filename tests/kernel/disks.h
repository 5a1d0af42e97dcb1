/*
 * disks.h - what the tests of disks share: which disks they may write to, and sectors that say
 * where they belong.
 *
 * A stamped sector begins with its lba and its generation, a number that grows with each write; the
 * rest is made from the two. So a sector that has come from, or gone to, another place is seen, as
 * is one that is old, or new in part.
 */
#ifndef SECTOR0_TESTS_KERNEL_DISKS_H
#define SECTOR0_TESTS_KERNEL_DISKS_H

#include <stdint.h>

#include "drivers/block.h"

#define SCRATCH_FIRST 8 /* tests write from this sector on: before it are the mark and the plan */

/* The scratch disk (tests/kernel/scratch.h) behind PREVIOUS; NULL begins, and ends. */
struct block_device *scratch_next(const struct block_device *previous);

/* End the test as skipped if there are not at least COUNT of them. Says which there are. */
void need_scratch_disks(unsigned count);

/* A pseudo-random number below LIMIT. */
uint32_t random_below(uint32_t *state, uint32_t limit);

/* Fill COUNT sectors at BUFFER with what belongs to LBA and those behind it. */
void stamp_sectors(void *buffer, uint64_t lba, uint32_t count, uint32_t generation);

/* NULL if the sector at BUFFER is as it was stamped, or what is wrong with it. */
const char *stamp_error(const void *buffer, uint64_t lba, uint32_t generation);

/* Write COUNT stamped sectors at LBA out of BUFFER; read them into it, and look. */
void write_stamped(struct block_device *disk, uint64_t lba, uint32_t count, uint32_t generation,
                   void *buffer);
void read_stamped(struct block_device *disk, uint64_t lba, uint32_t count, uint32_t generation,
                  void *buffer);

/* A part of a disk, and what its sectors should be. */
struct disk_part {
    struct block_device *disk;
    uint64_t first;
    uint32_t sectors; /* a multiple of 8 */
    uint32_t seed;
    uint16_t *generation; /* of each sector; in the heap */
    uint8_t *buffer;      /* vmalloc's: all sectors, and a page */
};

/* Make the part, with all sectors stamped. The test fails if there is no memory. */
void part_begin(struct disk_part *part, struct block_device *disk, uint64_t first, uint32_t sectors,
                uint32_t seed);

/* STEPS random reads, writes and flushes; everything that is read must be what it should be. */
void part_exercise(struct disk_part *part, unsigned steps);

/* Read all of it once more, and give the memory back. */
void part_end(struct disk_part *part);

#endif
