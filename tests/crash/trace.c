/* trace.c - see trace.h. */
#include "tests/crash/trace.h"

#include <stdlib.h>
#include <string.h>

#include "tests/crash/hash.h"

void trace_free(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->writes; i++) {
        free(trace->write[i].data);
    }
    free(trace->write);
    free(trace->event);
    memset(trace, 0, sizeof(*trace));
}

uint32_t trace_event(struct trace *trace, enum event_kind kind, uint32_t what)
{
    if (trace->events == trace->event_room) {
        trace->event_room = trace->event_room == 0 ? 256 : 2 * trace->event_room;
        trace->event = realloc(trace->event, trace->event_room * sizeof(*trace->event));
    }
    trace->event[trace->events] = (struct event){kind, what};
    return trace->events++;
}

/* The hashes lie behind the data. */
static void copy_data(struct trace_write *write, const struct blk_req *req)
{
    uint64_t bytes = (uint64_t)req->nsect * BLK_SECTOR;
    uint8_t *to = malloc(bytes + req->nsect * sizeof(uint64_t));

    write->data = to;
    write->hash = (uint64_t *)(to + bytes);
    for (unsigned i = 0; i < req->nseg; i++) {
        memcpy(to, req->seg[i].va, req->seg[i].len);
        to += req->seg[i].len;
    }
    for (uint32_t i = 0; i < req->nsect; i++) {
        write->hash[i] = hash_sector(req->lba + i, write->data + (size_t)i * BLK_SECTOR);
    }
}

uint32_t trace_submit(struct trace *trace, const struct blk_req *req)
{
    if (trace->writes == trace->write_room) {
        trace->write_room = trace->write_room == 0 ? 64 : 2 * trace->write_room;
        trace->write = realloc(trace->write, trace->write_room * sizeof(*trace->write));
    }
    struct trace_write *write = &trace->write[trace->writes];

    *write = (struct trace_write){.lba = req->lba,
                                  .nsect = req->nsect,
                                  .cls = (enum blk_class)req->cls,
                                  .completed = TRACE_NEVER};
    copy_data(write, req);
    write->submitted = trace_event(trace, EVENT_SUBMIT, trace->writes);
    return trace->writes++;
}
