/*
 * kinds.h - the kinds of workloads, which workload.h lists, inside. Each does to the volume of A what
 * its random numbers, or its number, say.
 */
#ifndef SECTOR0_TESTS_CRASH_KINDS_H
#define SECTOR0_TESTS_CRASH_KINDS_H

#include "tests/crash/hash.h"
#include "tests/crash/op.h"
#include "tests/crash/workload.h"

/* sequences.c: the NUMBERth sequence of LENGTH operations, of sequence_count that there are. */
uint64_t sequence_count(unsigned length);
void run_sequence(struct actor *a, uint64_t number, unsigned length);

/* The HOWth way, of PERSISTS, to make OP durable. */
#define PERSISTS 4
struct op op_persist(const struct op *op, unsigned how);

/* soups.c */
/* A random operation, at a volume with blocks of BS bytes. */
struct op op_random(struct random *r, uint32_t bs);
void run_soup(struct actor *a, struct random *r);
void run_file(struct actor *a, struct random *r);
void run_ends(struct actor *a, struct random *r);
void run_wide(struct actor *a, struct random *r); /* many blocks at once; part of "beside" */
void run_wrap(struct actor *a, struct random *r);
void run_full(struct actor *a, struct random *r);
void run_orphan(struct actor *a, struct random *r);
void run_names(struct actor *a, struct random *r);
void run_over(struct actor *a, struct random *r);
void run_reuse(struct actor *a, struct random *r);
void run_after(struct actor *a, struct random *r);

/* beside.c */
void run_beside(struct actor *a, struct random *r);

#endif
