/*
 * tester.h - what the random testers of a mounted volume share: numbers from a seed, a log of the
 * last operations, and an end that says how to see the same again.
 *
 * A tester never asks the clock or another source of chance, so its seed repeats it; only who of
 * several processes comes first is up to the machine.
 */
#ifndef SECTOR0_TESTS_FUSE_TESTER_H
#define SECTOR0_TESTS_FUSE_TESTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status: a failure, and "the server died, as was announced with --crash". */
#define EXIT_FAILED  1
#define EXIT_CRASHED 3

struct tester {
    const char *words; /* the command line, to be repeated */
    uint64_t seed;
    uint64_t ops; /* how many operations */
    uint64_t op;  /* the one that is running, from 1 */
    bool full;    /* ENOSPC is no failure */
    uint64_t random;
    void (*crashed)(void); /* the server has died: write down what is known; NULL: a failure */
};
extern struct tester tester;

/* Take the arguments that all testers have. Returns the index of the first one behind them. */
int tester_start(int argc, char **argv);

/* Of words like "--size 5" among the arguments: the value behind NAME, or FALLBACK. */
const char *tester_word(const char *name, const char *fallback);
uint64_t tester_number(const char *name, uint64_t fallback);

/* Begin the numbers of SEED anew: for a process of its own. */
void tester_seed(uint64_t seed);
uint32_t pick(uint32_t limit); /* below LIMIT, which is not 0 */
bool chance(uint32_t of);      /* once in so many times */
void random_bytes(uint8_t *bytes, size_t size);

/* Log what is about to be done. The last lines are printed by fail(). */
void note(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* Print what is wrong, errno if it is not 0, and the log; end. */
_Noreturn void fail(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* A system call failed, as errno says: ends unless the server was to die. */
_Noreturn void fail_call(const char *call);

#endif
