/*
 * checker.h - is an unmounted volume sound? Written from the specification alone, for the tests: it
 * shares nothing with fs/ but the layouts and the checksum.
 */
#ifndef SECTOR0_TESTS_CHECKER_H
#define SECTOR0_TESTS_CHECKER_H

#include <stdint.h>

/*
 * Check the unmounted volume of SIZE bytes at IMAGE: bitmaps against what is reachable, checksums,
 * trees, directories, links, orphans. Returns how many findings, and prints them.
 */
int check_volume(const uint8_t *image, uint64_t size);

#endif
