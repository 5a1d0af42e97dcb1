/*
 * scratch.h - a disk that is put into one state after the other. It remembers every sector that is
 * changed, so that going back costs as much as going there, and its hashes follow each change.
 *
 * As a block device it is quick and obedient: requests are done when they are submitted.
 */
#ifndef SECTOR0_TESTS_CRASH_SCRATCH_H
#define SECTOR0_TESTS_CRASH_SCRATCH_H

#include <stdint.h>

#include "include/blk.h"

struct scratch_saved {
    uint64_t lba, hash;
    uint8_t data[BLK_SECTOR];
};

struct scratch {
    struct blk_dev dev;
    uint8_t *bytes;
    uint64_t sectors;
    uint64_t *hash;              /* of each sector */
    uint64_t all;                /* of the disk */
    uint64_t home;               /* of the disk without its journal */
    uint64_t log_first, log_end; /* sectors of the journal */
    uint32_t *saved_in;          /* the round that each sector was saved in */
    uint32_t round;
    struct scratch_saved *saved;
    uint32_t count, room;
};

struct sfs_super;

/* A disk of SECTORS with a copy of BYTES on it; SUPER says where a volume's journal is. */
struct scratch *scratch_create(const uint8_t *bytes, uint64_t sectors,
                               const struct sfs_super *super);
void scratch_free(struct scratch *disk);

/* From here on changes are remembered ... */
void scratch_mark(struct scratch *disk);
/* ... until here, where all of them are undone. */
void scratch_undo(struct scratch *disk);
/* Everything that has changed stays. */
void scratch_keep(struct scratch *disk);

/* Change one sector; HASH is that of its new contents. */
void scratch_put(struct scratch *disk, uint64_t lba, const uint8_t *data, uint64_t hash);

#endif
