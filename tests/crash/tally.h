/*
 * tally.h - what all workers have found together: memory that they share.
 */
#ifndef SECTOR0_TESTS_CRASH_TALLY_H
#define SECTOR0_TESTS_CRASH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

struct tally {
    _Atomic uint64_t next;   /* workload to run */
    _Atomic uint64_t states; /* distinct */
    _Atomic uint64_t looked; /* states looked at, the same ones again included */
    _Atomic uint64_t mounts;
    _Atomic uint64_t workloads, traces;
    _Atomic uint64_t unmountable, findings, lost, exposed;
    _Atomic uint64_t lint;     /* traces that broke a rule of the linter */
    _Atomic uint64_t failures; /* states in which something was wrong */
    _Atomic uint64_t full;     /* the set of states has no room: fewer are counted than there are */
};

extern struct tally *tally;

/* Before fork. ROOM: of the set of states, rounded up to a power of 2. */
void tally_create(uint64_t room);
/* Nothing found, nothing seen. */
void tally_reset(void);
/* Count the state with this hash, if it is a new one. */
void tally_state(uint64_t hash);

#endif
