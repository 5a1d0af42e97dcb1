/*
 * enumerate.h - from a trace to the states that a power cut may leave.
 *
 *   stable    what had completed before the submission of a flush that has completed
 *   pending   all other writes that were submitted: of each 512-byte sector of them, a power cut
 * may leave any version, the stable one included, whatever it leaves of others
 *
 * Crash points are taken where the set of states has grown (a batch has been submitted) and where
 * the promises have (a call has returned). The states of the points between are among them: all
 * that is pending there is pending at the next one, too.
 */
#ifndef SECTOR0_TESTS_CRASH_ENUMERATE_H
#define SECTOR0_TESTS_CRASH_ENUMERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/crash/scratch.h"
#include "tests/crash/trace.h"

#define CHOICE_GARBAGE 255
#define VERSIONS       24 /* of one sector, at most; older ones are left out */

struct version {
    const uint8_t *data;
    uint64_t hash;
    uint32_t write; /* that brought it; TRACE_NEVER: stable */
};

struct sector {
    uint64_t lba;
    uint32_t versions;
    struct version version[VERSIONS]; /* 0: stable */
};

/* A crash point, and the state of it that is looked at. */
struct point {
    const struct trace *trace;
    struct scratch *disk; /* as is stable */
    uint32_t event;
    uint32_t need, now; /* of the oracle */
    struct sector *sector;
    uint32_t sectors, room;
    uint8_t *choice;  /* of each sector: a version, or CHOICE_GARBAGE */
    uint32_t garbage; /* index of the sector that is garbage, or TRACE_NEVER */
    uint64_t hash;    /* of the state */
    uint32_t number;  /* of the state at this point, in the order of the enumeration */
};

struct effort {
    uint32_t exhaustive; /* all states, if there are no more than that */
    uint32_t pairs;      /* pairs of sectors are dropped up to that many sectors */
    uint32_t random;     /* states for each probability */
    uint32_t limit;      /* of states of one crash point: a part of them is left out, by chance */
};

/*
 * Call VISIT for every state of TRACE from event FIRST on, which began on DISK; it returns false to
 * end it all. At the end DISK is as after the last flush. SEED: of the random states.
 */
void enumerate(const struct trace *trace, uint32_t first, struct scratch *disk,
               const struct effort *effort, uint64_t seed,
               bool (*visit)(void *ctx, struct point *point), void *ctx);

/* Put the state of POINT onto its disk. */
void enumerate_apply(const struct point *point);
/* The contents of a sector that is garbage. */
const uint8_t *enumerate_garbage(uint64_t lba);

#endif
