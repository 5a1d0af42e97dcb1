/* csum_fast.h - see csum_fast.c. */
#ifndef SECTOR0_TESTS_CRASH_CSUM_FAST_H
#define SECTOR0_TESTS_CRASH_CSUM_FAST_H

#include <stdbool.h>

bool csum_fast_check(void);

#endif
