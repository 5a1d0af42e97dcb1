/*
 * states.h - the states of one crash point: all of them if they are few; else those that are likely
 * to show a mistake, and some by chance.
 */
#ifndef SECTOR0_TESTS_CRASH_STATES_H
#define SECTOR0_TESTS_CRASH_STATES_H

#include "tests/crash/enumerate.h"

/* False: VISIT wants no more. */
bool states_visit(struct point *point, const struct effort *effort, uint64_t seed,
                  bool (*visit)(void *ctx, struct point *point), void *ctx);

#endif
