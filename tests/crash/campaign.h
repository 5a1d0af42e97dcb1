/*
 * campaign.h - workloads, run and looked at: one after the other, and by several workers.
 */
#ifndef SECTOR0_TESTS_CRASH_CAMPAIGN_H
#define SECTOR0_TESTS_CRASH_CAMPAIGN_H

#include "tests/crash/workload.h"

struct campaign {
    unsigned workers;
    uint64_t states;  /* go on until there are so many */
    const char *only; /* workloads whose names begin so; NULL: all */
    uint32_t limit;   /* of states of one crash point: the lower, the more workloads */
    bool stop;        /* at the first failure */
    bool quiet;       /* do not print failures */
};

/* Run the fixed list of workloads, from its beginning, until there are enough states. */
void campaign_run(const struct campaign *campaign);

/* The same state again, with all that is known about it. ID: as a failure printed it. False: there
 * is no such state. */
bool campaign_replay(const char *id);

#endif
