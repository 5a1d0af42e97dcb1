/*
 * inspect.h - one workload: run it, look at all its states, and from some of them go on: recover,
 * operate, and cut the power again.
 */
#ifndef SECTOR0_TESTS_CRASH_INSPECT_H
#define SECTOR0_TESTS_CRASH_INSPECT_H

#include "tests/crash/workload.h"

struct inspection {
    const struct config *config;
    enum kind kind;
    uint64_t number;
    const char
        *replay; /* the states to look at, "event.number", further ones behind a '/'; or NULL */
    bool stop, quiet; /* as in struct campaign */
    uint32_t limit;   /* of states of one crash point */
};

/* Returns false if there was a failure, and STOP is set; or if what is to be replayed was found. */
bool inspect(const struct inspection *inspection);

#endif
