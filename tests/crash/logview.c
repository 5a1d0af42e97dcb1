/* logview.c - see logview.h. */
#include "tests/crash/logview.h"

#include <stdlib.h>
#include <string.h>

#include "tests/crash/hash.h"

static uint64_t bitmap_blocks(const struct logview *view)
{
    return view->super->inode_table_start - view->super->data_bitmap_start;
}

void logview_create(struct logview *view, const uint8_t *image, const struct sfs_super *super)
{
    uint32_t bs = super->block_size;
    uint64_t journal = super->journal_blocks;

    *view = (struct logview){.super = super, .bs = bs, .sectors = bs / BLK_SECTOR};
    view->bytes = malloc(journal * bs);
    memcpy(view->bytes, image + super->journal_start * bs, journal * bs);
    view->bitmap = malloc(bitmap_blocks(view) * bs);
    memcpy(view->bitmap, image + super->data_bitmap_start * bs, bitmap_blocks(view) * bs);
    view->pending = calloc(journal * view->sectors, sizeof(*view->pending));
    view->copy = calloc(super->total_blocks, sizeof(*view->copy));
    view->owner = calloc(journal, sizeof(*view->owner));
    for (unsigned slot = 0; slot < 2; slot++) {
        const struct sfs_jsb *jsb = (const struct sfs_jsb *)(view->bytes + slot * bs);

        if (jsb->magic == SFS_JSB_MAGIC && jsb->gen > view->gen) {
            view->gen = jsb->gen;
            view->tail_seq = view->next_seq = jsb->tail_seq;
            view->next_at = (uint32_t)jsb->tail_blk;
        }
    }
}

void logview_free(struct logview *view)
{
    free(view->bytes);
    free(view->bitmap);
    free(view->pending);
    free(view->copy);
    free(view->owner);
}

bool logview_in_journal(const struct logview *view, uint64_t lba)
{
    uint64_t first = view->super->journal_start * view->sectors;

    return lba >= first && lba < first + view->super->journal_blocks * view->sectors;
}

static uint64_t sector_of(const struct logview *view, const struct trace_write *write)
{
    return write->lba - view->super->journal_start * view->sectors;
}

static void set_pending(struct logview *view, const struct trace_write *write, bool pending)
{
    for (uint32_t i = 0; i < write->nsect; i++) {
        view->pending[sector_of(view, write) + i] = pending;
    }
}

void logview_submit(struct logview *view, const struct trace_write *write)
{
    memcpy(view->bytes + sector_of(view, write) * BLK_SECTOR, write->data,
           (size_t)write->nsect * BLK_SECTOR);
    set_pending(view, write, true);
}

void logview_stable(struct logview *view, const struct trace_write *write)
{
    const struct sfs_jsb *jsb = (const struct sfs_jsb *)write->data;

    set_pending(view, write, false);
    if (write->cls == BLK_CLASS_LOG_SUPER && jsb->gen > view->gen) {
        view->gen = jsb->gen;
        view->tail_seq = jsb->tail_seq;
    }
}

uint64_t logview_hash(const struct logview *view, uint64_t block, const uint8_t *data)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < view->sectors; i++) {
        hash ^= hash_sector(block * view->sectors + i, data + (size_t)i * BLK_SECTOR);
    }
    return hash;
}

bool logview_allocated(const struct logview *view, uint64_t block)
{
    return view->bitmap[block / 8] >> block % 8 & 1;
}

const struct sfs_descriptor *logview_record(const struct logview *view,
                                            const struct trace_write *write, uint32_t i)
{
    const struct sfs_descriptor *d =
        (const struct sfs_descriptor *)(write->data + (size_t)i * BLK_SECTOR);
    bool begins = (sector_of(view, write) + i) % view->sectors == 0;

    return begins && d->magic == SFS_RECORD_MAGIC ? d : NULL;
}

uint64_t logview_newest(const struct logview *view)
{
    uint64_t newest = 0;

    for (uint64_t at = SFS_LOG_FIRST; at < view->super->journal_blocks; at++) {
        const struct sfs_descriptor *d =
            (const struct sfs_descriptor *)(view->bytes + at * view->bs);

        if (d->magic == SFS_RECORD_MAGIC && d->seq > newest) {
            newest = d->seq;
        }
    }
    return newest;
}

/* ---- Transactions ---- */

static uint32_t behind(const struct logview *view, uint32_t at)
{
    return at + 1 == view->super->journal_blocks ? SFS_LOG_FIRST : at + 1;
}

/* Block AT of the journal, or NULL if not all of it is durable. */
static const uint8_t *durable_block(const struct logview *view, uint32_t at)
{
    for (uint32_t i = 0; i < view->sectors; i++) {
        if (view->pending[at * view->sectors + i]) {
            return NULL;
        }
    }
    return view->bytes + (size_t)at * view->bs;
}

static void take_copy(struct logview *view, uint64_t seq, uint64_t home, const uint8_t *data)
{
    uint64_t map = view->super->data_bitmap_start;

    view->copy[home].seq = seq;
    view->copy[home].hash = logview_hash(view, home, data);
    if (home >= map && home < map + bitmap_blocks(view)) {
        memcpy(view->bitmap + (home - map) * view->bs, data, view->bs);
    }
}

/* The transaction at next_at, if all of it is durable: its blocks are taken if TAKE. Returns where it
 * ends, or 0. */
static uint32_t walk(struct logview *view, bool take)
{
    uint32_t at = view->next_at;
    bool last = false;

    while (!last) {
        const struct sfs_descriptor *d = (const struct sfs_descriptor *)durable_block(view, at);

        if (d == NULL || d->magic != SFS_RECORD_MAGIC || d->seq != view->next_seq ||
            d->type != SFS_RECORD_DESCRIPTOR) {
            return 0;
        }
        last = (d->flags & SFS_DESCRIPTOR_LAST) != 0;
        view->owner[at] = take ? d->seq : view->owner[at];
        at = behind(view, at);
        for (uint32_t i = 0; i < d->ntags; i++, at = behind(view, at)) {
            const uint8_t *data = durable_block(view, at);

            if (data == NULL) {
                return 0;
            }
            if (take) {
                view->owner[at] = d->seq;
                take_copy(view, d->seq, d->tag[i].home, data);
            }
        }
    }
    const struct sfs_commit *commit = (const struct sfs_commit *)durable_block(view, at);

    if (commit == NULL || commit->magic != SFS_RECORD_MAGIC || commit->seq != view->next_seq ||
        commit->type != SFS_RECORD_COMMIT) {
        return 0;
    }
    view->owner[at] = take ? commit->seq : view->owner[at];
    return behind(view, at);
}

void logview_advance(struct logview *view)
{
    while (walk(view, false) != 0) {
        view->next_at = walk(view, true);
        view->next_seq++;
    }
}
