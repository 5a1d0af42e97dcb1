/* tally.c - see tally.h. The set of states is a table without locks: slots are only ever taken. */
#include "tests/crash/tally.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct tally *tally;
static _Atomic uint64_t *set;
static uint64_t slots;

static void *shared(uint64_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        perror("crash: memory");
        exit(2);
    }
    return memory;
}

void tally_create(uint64_t room)
{
    for (slots = 1024; slots < room; slots *= 2) {
    }
    tally = shared(sizeof(*tally));
    set = shared(slots * sizeof(*set));
}

void tally_reset(void)
{
    memset(tally, 0, sizeof(*tally));
    madvise((void *)set, slots * sizeof(*set), MADV_REMOVE);
}

void tally_state(uint64_t hash)
{
    hash += hash == 0;
    if (tally->states > slots / 8 * 7) {
        tally->full = 1;
        return;
    }
    for (uint64_t at = hash & (slots - 1);; at = (at + 1) & (slots - 1)) {
        uint64_t there = 0;

        if (atomic_compare_exchange_strong(&set[at], &there, hash)) {
            tally->states++;
            return;
        }
        if (there == hash) {
            return;
        }
    }
}
