/*
 * bench.h - measurements inside the kernel: `bench NAME` at the prompt, `make bench` for all.
 *
 * Each figure is one line
 *
 *   BENCH <name> <median> cycles min=<smallest> max=<largest> runs=<how many>
 *
 * where a cycle is a step of the time stamp counter: under an emulator that counts instructions
 * (QEMU's -icount shift=0, Bochs) it is an instruction. Values are per operation.
 */
#ifndef SECTOR0_BENCH_KERNEL_BENCH_H
#define SECTOR0_BENCH_KERNEL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_RUNS 5 /* repetitions of everything that is not an interrupt by itself */

/*
 * Print the line of NAME: COUNT samples, which are put in order, of OPERATIONS operations each.
 * Context: any.
 */
void bench_report(const char *name, uint64_t *samples, size_t count, uint64_t operations);

/* Say why NAME cannot be measured. Returns false. */
bool bench_failed(const char *name, const char *reason);

/*
 * Run what is called NAME: one measurement, a group, or "all". Returns false if there is nothing of
 * that name, or a measurement failed, which has then been said. Context: a thread with THREAD_FPU.
 */
bool bench_run(const char *name);

/*
 * Measure the disk NAME, or the first scratch disk if it is NULL; it is overwritten, and no other
 * disk is. The lines are those of disk.c. Returns as above. Context: a thread.
 */
bool bench_disk(const char *name);

/* Print what there is. Context: any. */
void bench_list(void);

/* The measurements of primitives; each returns false after bench_failed. */
bool bench_tick(void);
bool bench_irq(void);
bool bench_switch(void);
bool bench_heap(void);

#endif
