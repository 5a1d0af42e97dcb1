/*
 * disk.h - a disk for unit tests of the block layer: a block_device whose driver keeps requests
 * until the test lets it finish them, in any order and with any result. It reads and writes memory
 * by physical addresses only, when a request finishes, as a real device may.
 *
 * Around it a small kernel: a clock that stands still, a log that can be read, and one thread that
 * may sleep: while it does, what the test has put into fake_while_asleep happens.
 */
#ifndef SECTOR0_FAKES_DISK_H
#define SECTOR0_FAKES_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/block.h"

#define FAKE_DISK_SLOTS 64

struct fake_disk {
    struct block_device device;
    uint8_t *contents;

    /* What the device has: slots in the order in which they were taken. */
    struct blk_req *slot[FAKE_DISK_SLOTS];
    bool finished[FAKE_DISK_SLOTS];
    int result[FAKE_DISK_SLOTS];
    unsigned used;

    /* How it behaves; the test may change all of it at any time. */
    unsigned depth;         /* how many it takes at once, at most FAKE_DISK_SLOTS */
    uint32_t merge_sectors; /* 0: nothing is merged */
    uint32_t merge_segments;
    bool at_once;        /* run finishes everything itself */
    bool when_looked_at; /* collect does */
    bool lazy;           /* run takes nothing */
    bool reset_works;
    unsigned put_back_once;   /* so many times run gives what it took back */
    uint64_t bad_lba;         /* the sector that fails ... */
    unsigned bad_times;       /* ... so often; UINT32_MAX: for ever ... */
    int bad_status;           /* ... with this */
    unsigned flush_fails;     /* so many flushes end with EIO */
    unsigned found_by_listen; /* so many times listen(true) says "look again" */
    void (*in_reset)(struct fake_disk *disk);

    /* What happened. */
    unsigned runs, kicks, resets, taken, looks, silent_looks;
    bool silent;
    uint64_t order[4096]; /* the LBAs of what was taken; flushes as UINT64_MAX */
};

/* Fill in DISK: SECTORS sectors, a cache that forgets, nothing strange; not registered yet. */
void fake_disk_make(struct fake_disk *disk, uint64_t sectors);
void fake_disk_release(struct fake_disk *disk);

/* For setup: forget everything, and make and register DISK; what that has counted is forgotten. */
void fake_disk_start(struct fake_disk *disk, uint64_t sectors);
/* For teardown: no lock is held, preemption is on, and DISK is released. */
void fake_disk_end(struct fake_disk *disk);

/* Let slot INDEX be finished, or all that are used: the data moves now. No interrupt comes. */
void fake_disk_finish(struct fake_disk *disk, unsigned index);
void fake_disk_finish_all(struct fake_disk *disk);

/* The same, and the interrupt comes. */
void fake_disk_work(struct fake_disk *disk);

/* ---- The kernel around it ---- */

extern uint64_t fake_now; /* nanoseconds */
extern uint64_t fake_clock_reads;
extern bool fake_clock_stands;
extern bool fake_may_sleep; /* what thread_may_sleep says, if no lock is held */
extern bool
    fake_others_ready; /* what thread_others_ready says, which asks fake_while_awake first */
extern int fake_preempt_off;
extern unsigned fake_wakes; /* of threads that wait for a request */
extern unsigned fake_sleeps;
extern unsigned fake_watch_wakes; /* of the thread "disks" */
extern void (*fake_while_asleep)(void);
extern void (*fake_while_awake)(void);
extern void (*fake_each_wait)(void); /* each time somebody waits by reading the clock */
extern unsigned fake_dma_fails;      /* so many times there is no memory */

/* Memory that devices reach, SIZE bytes of it, zeroed, beginning at a page; gone with the next
 * fake_kernel_reset. */
void *fake_memory(size_t size);

/* Memory behind page tables: one physical piece, or page after page BACKWARDS. */
void *fake_vmalloc(size_t size, bool backwards);

/* Forget everything: log, clock, threads, devices. */
void fake_kernel_reset(void);

/* Does a line of the log contain TEXT? Between two resets. */
bool fake_log_has(const char *text);
unsigned fake_log_lines(void);

/*
 * Let the thread "disks" run until it sleeps. Returns for how many nanoseconds it wants to,
 * UINT64_MAX if until somebody wakes it.
 */
uint64_t fake_watch_run(void);

#endif
