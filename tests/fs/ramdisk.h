/*
 * ramdisk.h - a disk in memory that is as mean as the rules of blk.h allow:
 *
 * - A request completes when it is waited for, not before, so a flush covers only what was waited
 *   for before it was submitted.
 * - Writes that no flush has covered are kept apart. When the power is cut, each of their sectors
 *   may be as before, or as any of the writes, or garbage.
 * - Memory of a write that changes before its completion, or overlapping requests in flight, end
 *   the test.
 * - The n-th request of a kind may fail, or the power be cut at it.
 */
#ifndef SECTOR0_TESTS_RAMDISK_H
#define SECTOR0_TESTS_RAMDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/blk.h"

struct ramdisk;

struct ramdisk *ramdisk_create(uint64_t sectors, uint32_t lbs);
void ramdisk_free(struct ramdisk *disk);
struct blk_dev *ramdisk_dev(struct ramdisk *disk);

/* What a read would see. May be changed between mounts. */
uint8_t *ramdisk_bytes(struct ramdisk *disk);
uint64_t ramdisk_size(const struct ramdisk *disk);
/* Everything that is there now has been there for ever. */
void ramdisk_settle(struct ramdisk *disk);

/* The power is cut when the COUNT-th write or flush from now on has been submitted: it and all that
 * follow fail. Negative: never. */
void ramdisk_cut_after(struct ramdisk *disk, long count);
bool ramdisk_is_cut(const struct ramdisk *disk);
/* Writes and flushes submitted since ramdisk_create. */
long ramdisk_events(const struct ramdisk *disk);

/* How much of what is not covered by a flush survives. */
struct ramdisk_fate {
    double kept;    /* probability of each sector of each write */
    double garbage; /* probability that a touched sector is garbage (not file data of class NONE) */
    int lost_class; /* writes of this class are lost altogether; negative: none */
    int only_class; /* writes of this class survive, all others do not; negative: any may */
};

/* A new disk, as it might be found after a power cut now. Chance: rng of port_host.h. */
struct ramdisk *ramdisk_after_cut(const struct ramdisk *disk, const struct ramdisk_fate *fate);

/* The COUNT-th request (from 0) of kind OP from now on fails, and REPEAT - 1 more. */
void ramdisk_fail(struct ramdisk *disk, enum blk_op op, long count, long repeat);
bool ramdisk_failed(const struct ramdisk *disk); /* it has happened since */

/* Called for every write and flush before it is submitted; ramdisk_fail may make it fail. */
struct ramdisk_event {
    enum blk_op op;
    enum blk_class cls;
    uint64_t lba;
    uint32_t nsect;
};
void ramdisk_watch(struct ramdisk *disk, void (*watch)(void *ctx, const struct ramdisk_event *),
                   void *ctx);

/* For ramdisk_watch, with RAMDISK_ORDER zeros as its ctx: a string of S for superblocks, H for all
 * other writes, F for flushes; each once in a row. */
#define RAMDISK_ORDER 16
void ramdisk_note_order(void *order, const struct ramdisk_event *event);

#endif
