/*
 * checker.h - is an unmounted volume sound? Written from the specification alone, for the tests: it
 * shares nothing with fs/ but the layouts and the checksum.
 */
#ifndef SECTOR0_TESTS_CHECKER_H
#define SECTOR0_TESTS_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

/* Do not print findings. */
extern bool checker_quiet;

/*
 * Check the volume of SIZE bytes at IMAGE, which may be anything: superblocks, bitmaps against what
 * is reachable, checksums, trees, directories, links, orphans. It must have been unmounted: what is
 * in its journal is not looked at. Returns how many findings, and prints them.
 */
int check_volume(const uint8_t *image, uint64_t size);

#endif
