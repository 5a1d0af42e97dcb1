/*
 * linter.c - see linter.h. It goes along the trace with the same notion of "durable" as the
 * enumeration of states: completed before the submission of a flush that has completed.
 */
#include "tests/crash/linter.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/crash/logview.h"

struct linter {
    const struct trace *trace;
    struct logview log;
    uint32_t *pending; /* writes */
    uint32_t count;
    bool in_use;        /* the superblock says so, durably */
    bool recovering;    /* nothing but what recovery does has been written, and it has not ended */
    bool begun;         /* something but the superblock has been written */
    const char *broken; /* the first rule that was, and at which write */
    uint32_t where;
};

static void require(struct linter *l, bool kept, const char *rule, uint32_t write)
{
    if (!kept && l->broken == NULL) {
        l->broken = rule;
        l->where = write;
    }
}

static uint64_t block_of(const struct linter *l, const struct trace_write *w)
{
    return w->lba / l->log.sectors;
}

/* ---- A write is submitted ---- */

/* J1: of the data that are not durable, none are new. */
static bool only_overwrites(const struct linter *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        const struct trace_write *w = &l->trace->write[l->pending[i]];

        for (uint32_t s = 0; w->cls == BLK_CLASS_DATA && s < w->nsect; s += l->log.sectors) {
            if (!logview_allocated(&l->log, block_of(l, w) + s / l->log.sectors)) {
                return false;
            }
        }
    }
    return true;
}

static bool any_pending(const struct linter *l, enum blk_class cls)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->trace->write[l->pending[i]].cls == cls) {
            return true;
        }
    }
    return false;
}

/* J5: the space is free. */
static bool space_is_free(const struct linter *l, const struct trace_write *w)
{
    uint64_t first = block_of(l, w) - l->log.super->journal_start;

    for (uint32_t i = 0; i < w->nsect / l->log.sectors; i++) {
        if (l->log.owner[first + i] >= l->log.tail_seq) {
            return false;
        }
    }
    return true;
}

static void submit_log(struct linter *l, const struct trace_write *w, uint32_t number)
{
    require(l, space_is_free(l, w), "J5: the log is overwritten where the tail still needs it",
            number);
    require(l, !l->recovering, "J11: the log is written before recovery has ended", number);
    for (uint32_t i = 0; i < w->nsect; i += l->log.sectors) {
        const struct sfs_descriptor *d = logview_record(&l->log, w, i);

        if (d == NULL || d->seq != l->log.next_seq) {
            require(l, d == NULL || d->seq < l->log.next_seq,
                    "J3: a transaction begins before the one before it is durable", number);
            continue;
        }
        if (d->type == SFS_RECORD_COMMIT) {
            bool two_phase = (((const struct sfs_commit *)d)->flags & SFS_COMMIT_TWO_PHASE) != 0;

            require(l, only_overwrites(l), "J1: a commit block before its data are durable",
                    number);
            require(l, !two_phase || !any_pending(l, BLK_CLASS_LOG),
                    "J3: a commit block before its transaction is durable", number);
        }
    }
}

static void submit_home(struct linter *l, const struct trace_write *w, uint32_t number)
{
    for (uint32_t i = 0; i < w->nsect; i += l->log.sectors) {
        uint64_t block = block_of(l, w) + i / l->log.sectors;
        const uint8_t *data = w->data + (size_t)i * BLK_SECTOR;

        require(l, l->recovering || l->log.copy[block].hash == logview_hash(&l->log, block, data),
                "J4: written home is not the newest durable copy", number);
    }
}

/* J5: all that a tail at SEQ leaves behind is durable at home. */
static bool tail_may_move(const struct linter *l, uint64_t seq)
{
    for (uint64_t block = 0; block < l->log.super->total_blocks; block++) {
        const struct copy *copy = &l->log.copy[block];

        if (copy->seq != 0 && copy->seq < seq && copy->home != copy->hash) {
            return false;
        }
    }
    return true;
}

static void submit_jsb(struct linter *l, const struct trace_write *w, uint32_t number)
{
    const struct sfs_jsb *jsb = (const struct sfs_jsb *)w->data;

    require(l, !any_pending(l, BLK_CLASS_HOME),
            "J5, J11: the tail moves before what it leaves is durable at home", number);
    require(l, l->recovering || tail_may_move(l, jsb->tail_seq),
            "J5: the tail leaves what is not at home", number);
    require(l, jsb->gen == l->log.gen + 1, "J5: journal superblocks not in turn", number);
    require(l, !l->recovering || logview_newest(&l->log) < jsb->tail_seq,
            "J11: a number that is in the log is used again", number);
    if (l->recovering) {
        l->log.next_seq = jsb->tail_seq;
        l->log.next_at = (uint32_t)jsb->tail_blk;
    }
}

static void submit_data(struct linter *l, const struct trace_write *w, uint32_t number)
{
    require(l, !l->recovering, "J11: data are written before recovery has ended", number);
    for (uint32_t i = 0; i < w->nsect / l->log.sectors; i++) {
        const struct copy *copy = &l->log.copy[block_of(l, w) + i];

        require(l, copy->seq == 0 || copy->seq < l->log.tail_seq,
                "J6, J7: data in place where the log has a copy", number);
    }
}

static void submit_super(struct linter *l, const struct trace_write *w, uint32_t number)
{
    const struct sfs_super *super = (const struct sfs_super *)w->data;

    if (super->state == SFS_STATE_CLEAN) {
        require(l, l->count == 0, "J12: \"clean\" before all else is durable", number);
        require(l, l->log.tail_seq == l->log.next_seq,
                "J12: \"clean\" with a log that is not empty", number);
        l->in_use = false;
    }
}

static void submit(struct linter *l, uint32_t number)
{
    const struct trace_write *w = &l->trace->write[number];

    if (w->cls != BLK_CLASS_SUPERBLOCK) {
        require(l, l->in_use, "J12: something is written before \"in use\" is durable", number);
        l->recovering = l->recovering ||
                        (!l->begun && (w->cls == BLK_CLASS_HOME || w->cls == BLK_CLASS_LOG_SUPER));
        l->begun = true;
    }
    switch (w->cls) {
    case BLK_CLASS_LOG:
    case BLK_CLASS_COMMIT:
        submit_log(l, w, number);
        break;
    case BLK_CLASS_HOME:
        submit_home(l, w, number);
        break;
    case BLK_CLASS_LOG_SUPER:
        submit_jsb(l, w, number);
        break;
    case BLK_CLASS_DATA:
        submit_data(l, w, number);
        break;
    case BLK_CLASS_SUPERBLOCK:
        submit_super(l, w, number);
        break;
    case BLK_CLASS_NONE:
        require(l, false, "a write without a class", number);
        break;
    }
    if (logview_in_journal(&l->log, w->lba)) {
        logview_submit(&l->log, w);
    }
    l->pending[l->count++] = number;
}

/* ---- A write has become durable ---- */

static void stable(struct linter *l, const struct trace_write *w)
{
    if (logview_in_journal(&l->log, w->lba)) {
        logview_stable(&l->log, w);
    }
    if (w->cls == BLK_CLASS_LOG_SUPER) {
        l->recovering = false;
    } else if (w->cls == BLK_CLASS_SUPERBLOCK) {
        l->in_use = ((const struct sfs_super *)w->data)->state != SFS_STATE_CLEAN;
    }
    for (uint32_t i = 0; w->cls == BLK_CLASS_HOME && i < w->nsect; i += l->log.sectors) {
        uint64_t block = block_of(l, w) + i / l->log.sectors;

        l->log.copy[block].home = logview_hash(&l->log, block, w->data + (size_t)i * BLK_SECTOR);
    }
}

static void completed_before(struct linter *l, uint32_t event)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < l->count; i++) {
        const struct trace_write *w = &l->trace->write[l->pending[i]];

        if (w->completed != TRACE_NEVER && w->completed < event) {
            stable(l, w);
        } else {
            l->pending[left++] = l->pending[i];
        }
    }
    l->count = left;
    if (!l->recovering) {
        logview_advance(&l->log);
    }
}

static void follow(struct linter *l, uint32_t number)
{
    const struct event *event = &l->trace->event[number];

    if (event->kind == EVENT_SUBMIT) {
        submit(l, event->what);
    } else if (event->kind == EVENT_FLUSHED) {
        completed_before(l, event->what);
    } else if (event->kind == EVENT_COMPLETE && !l->trace->volatile_cache) {
        completed_before(l, number + 1);
    }
}

bool lint(const struct trace *trace, const uint8_t *image, const struct sfs_super *super,
          char *text, size_t size)
{
    struct linter l = {.trace = trace,
                       .pending = malloc((trace->writes + 1) * sizeof(*l.pending)),
                       .in_use = ((const struct sfs_super *)image)->state == SFS_STATE_IN_USE};

    logview_create(&l.log, image, super);
    for (uint32_t i = 0; i < trace->events && l.broken == NULL; i++) {
        follow(&l, i);
    }
    if (l.broken != NULL) {
        snprintf(text, size, "write %u (event %u): %s", l.where, trace->write[l.where].submitted,
                 l.broken);
    }
    logview_free(&l.log);
    free(l.pending);
    return l.broken == NULL;
}
