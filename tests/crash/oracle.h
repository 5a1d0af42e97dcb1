/*
 * oracle.h - which trees and which contents a power cut may leave. It follows the operations on the
 * model of tests/fs/model.h and remembers:
 *
 *   step i   the tree after i changes. What is found must be one of them (prefix of the changes)
 *   need k   what is durable after the k-th call that promised something: a step, and of each file
 *            the contents at a step
 *   file     all contents that it ever had, each with its step
 *
 * Contents, byte by byte, of a file found in the tree of step i: the byte as it was at some step
 * from L on, before U. L: the last step up to i at which the byte came to be (the file reached it,
 * or its block was allocated: rules J1, J14), or at which an fsync that has returned found it. U:
 * the first step after i that cut it off.
 */
#ifndef SECTOR0_TESTS_CRASH_ORACLE_H
#define SECTOR0_TESTS_CRASH_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/crash/reader.h"
#include "tests/fs/model.h"

struct sfs;
struct oracle;

/* The volume at IMAGE, unmounted and durable, is where everything begins: step 0, need 0. Sets the
 * model to it. */
struct oracle *oracle_create(const uint8_t *image);
void oracle_free(struct oracle *oracle);

/* The model has changed by one step: take note of its tree. FS tells the times of the inodes. */
void oracle_step(struct oracle *oracle, struct sfs *fs);
/* Say before that step that it will be one that writes, or truncates, the file in SLOT. */
void oracle_writes(struct oracle *oracle, int slot, uint64_t offset, uint64_t size);
void oracle_truncates(struct oracle *oracle, int slot, uint64_t size);
/* Say before that step that it changes the inode in SLOT, or one of its names. */
void oracle_touches(struct oracle *oracle, int slot);
uint32_t oracle_steps(const struct oracle *oracle); /* the number of the newest */

/* What a call that makes SLOT, or everything (-1), durable promises when it begins; and when it has
 * returned: the number of the new need. Files that have lost their last name meanwhile are left out. */
struct oracle_sync {
    uint32_t step, durable;
    int slot[MODEL_INODES];
    uint32_t file[MODEL_INODES], files;
};
void oracle_sync_begins(const struct oracle *oracle, int slot, bool datasync,
                        struct oracle_sync *sync);
uint32_t oracle_synced(struct oracle *oracle, const struct oracle_sync *sync);
uint32_t oracle_needs(const struct oracle *oracle);

/* The byte that a write of step STEP puts at POSITION of the file in SLOT: known by all three. */
void oracle_stamp(struct oracle *oracle, int slot, uint64_t position, uint8_t *data, uint64_t size);

enum verdict_kind { VERDICT_FINE, VERDICT_TREE, VERDICT_LOST, VERDICT_EXPOSED };

struct judgement {
    enum verdict_kind kind;
    uint64_t bytes; /* lost, or exposed */
    uint32_t step;  /* that was found */
    char text[200]; /* what is wrong */
};

/*
 * May READING be what a power cut leaves, with need NEED promised and step NOW begun? GARBAGE: a
 * sector whose contents may be anything (a write in place was cut off there); 0: none.
 */
void oracle_judge(const struct oracle *oracle, const struct reading *reading, uint32_t need,
                  uint32_t now, uint32_t garbage, struct judgement *judgement);

#endif
