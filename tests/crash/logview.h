/*
 * logview.h - the log as the linter sees it: which transactions are durable in it, and of each block
 * of the volume the newest durable copy. Built from writes as they become durable; shares nothing
 * with fs/ but the layouts.
 */
#ifndef SECTOR0_TESTS_CRASH_LOGVIEW_H
#define SECTOR0_TESTS_CRASH_LOGVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/format.h"
#include "tests/crash/trace.h"

struct copy {
    uint64_t seq;  /* of the newest durable transaction that has the block; 0: none is live */
    uint64_t hash; /* its contents there */
    uint64_t home; /* the contents last made durable at home, by their hash */
};

struct logview {
    const struct sfs_super *super;
    uint32_t bs, sectors;
    uint8_t *bytes;    /* the journal, as all writes that were submitted left it */
    uint8_t *bitmap;   /* of data blocks, as the newest durable copies say */
    bool *pending;     /* of each sector of the journal */
    struct copy *copy; /* of each block of the volume */
    uint64_t *owner;   /* of each block of the journal: the transaction that lies there, or 0 */
    uint64_t next_seq; /* the transaction that is expected next ... */
    uint32_t next_at;  /* ... and where */
    uint64_t tail_seq, gen; /* of the newest durable journal superblock */
};

void logview_create(struct logview *view, const uint8_t *image, const struct sfs_super *super);
void logview_free(struct logview *view);

/* A write to the journal is submitted; has become durable. */
void logview_submit(struct logview *view, const struct trace_write *write);
void logview_stable(struct logview *view, const struct trace_write *write);
/* Transactions that have become durable are taken note of. */
void logview_advance(struct logview *view);

/* The highest number of any record that lies in the log, whole or not. */
uint64_t logview_newest(const struct logview *view);

bool logview_in_journal(const struct logview *view, uint64_t lba);
uint64_t logview_hash(const struct logview *view, uint64_t block, const uint8_t *data);
bool logview_allocated(const struct logview *view, uint64_t block);
/* The record that begins at sector I of WRITE, if the sector begins a block of the log with one. */
const struct sfs_descriptor *logview_record(const struct logview *view,
                                            const struct trace_write *write, uint32_t i);

#endif
