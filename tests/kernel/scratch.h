/*
 * scratch.h - which disks may be overwritten: those whose first sector begins with this mark. Tests
 * and measurements write to no other, and leave the mark where it is.
 */
#ifndef SECTOR0_TESTS_KERNEL_SCRATCH_H
#define SECTOR0_TESTS_KERNEL_SCRATCH_H

#define SCRATCH_MARK      "SECTOR0 SCRATCH"
#define SCRATCH_MARK_SIZE (sizeof(SCRATCH_MARK) - 1) /* bytes: no NUL on the disk */

#endif
