/*
 * scratch.h - which disks may be overwritten: those whose first sector begins with this mark. Tests
 * and measurements write to no other, and leave the mark where it is.
 */
#ifndef SECTOR0_TESTS_KERNEL_SCRATCH_H
#define SECTOR0_TESTS_KERNEL_SCRATCH_H

#include <assert.h>
#include <stdint.h>

#define SCRATCH_MARK      "SECTOR0 SCRATCH"
#define SCRATCH_MARK_SIZE (sizeof(SCRATCH_MARK) - 1) /* bytes: no NUL on the disk */

/*
 * A plan of what fails on the disk, made by whoever makes it fail; at the beginning of this sector.
 * The numbers are little-endian.
 */
#define SCRATCH_PLAN_LBA   1
#define SCRATCH_PLAN_MAGIC "S0FAULTS" /* 8 bytes: no NUL on the disk */

struct scratch_plan {
    char magic[8];
    uint32_t op;   /* enum blk_op */
    uint32_t once; /* 1: only the first time; 0: always */
    uint64_t lba;  /* a multiple of 8, 64 or more; does not matter for a flush */
};
static_assert(sizeof(struct scratch_plan) == 24, "tests/lib/disks.py writes it");

#endif
