/*
 * trace.h - everything that happened to a disk while a workload ran, in order: writes with their
 * contents, when each was submitted and completed, flushes, and marks of the workload between them.
 */
#ifndef SECTOR0_TESTS_CRASH_TRACE_H
#define SECTOR0_TESTS_CRASH_TRACE_H

#include <stdint.h>

#include "include/blk.h"

enum event_kind {
    EVENT_SUBMIT,      /* write number WHAT */
    EVENT_COMPLETE,    /* write number WHAT */
    EVENT_FLUSH,       /* submitted */
    EVENT_FLUSHED,     /* the flush submitted at event WHAT has completed */
    EVENT_OP_BEGINS,   /* from now on the tree may be as late as step WHAT of the oracle */
    EVENT_OP_RETURNED, /* from now on what need number WHAT of the oracle says is durable */
};

struct event {
    enum event_kind kind;
    uint32_t what;
};

#define TRACE_NEVER UINT32_MAX

struct trace_write {
    uint64_t lba;
    uint32_t nsect;
    enum blk_class cls;
    uint32_t submitted, completed; /* event numbers; TRACE_NEVER */
    uint8_t *data;
    uint64_t *hash; /* of each sector */
};

struct trace {
    struct event *event;
    uint32_t events, event_room;
    struct trace_write *write;
    uint32_t writes, write_room;
    bool volatile_cache; /* of the disk: else what has completed is durable */
};

void trace_free(struct trace *trace);
/* Returns the event's number. */
uint32_t trace_event(struct trace *trace, enum event_kind kind, uint32_t what);
/* A write is submitted: its contents are copied from REQ. Returns its number. */
uint32_t trace_submit(struct trace *trace, const struct blk_req *req);

#endif
