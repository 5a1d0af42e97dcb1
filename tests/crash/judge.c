/* judge.c - see oracle.h: may this be what a power cut leaves? */
#include <stdio.h>
#include <string.h>

#include "include/blk.h"
#include "tests/crash/history.h"

/* The steps whose contents a byte may have: from LOW (a promise of fsync left aside: PLAIN) on,
 * before HIGH. */
struct span {
    uint32_t low, plain, high;
};

struct looking {
    const struct oracle *oracle;
    const struct history *history;
    const struct reader_file *file;
    uint32_t step, need, now; /* the tree's, and the bounds */
};

/* Does change C bring the byte at P into being: by reaching it, or by giving it a block? */
static bool brings(const struct looking *l, uint32_t c, uint64_t p, bool *has_block)
{
    const struct change *change = &l->history->change[c];
    uint64_t before = l->history->shot[c].size;
    uint64_t block = p / l->oracle->bs * l->oracle->bs;
    bool reached = before <= p && p < change->to;

    if (change->cut) {
        *has_block = *has_block && block < change->from;
        return reached;
    }
    if (change->from < block + l->oracle->bs && change->to > block && !*has_block) {
        *has_block = true;
        return true;
    }
    return reached;
}

static struct span span_of(const struct looking *l, uint64_t p)
{
    const struct history *h = l->history;
    uint64_t block = p / l->oracle->bs;
    bool has_block = block < h->base_blocks && h->base[block] != 0;
    struct span span = {.plain = h->born, .high = l->now + 1};
    uint32_t c = 0;

    for (; c < h->changes && h->change[c].step <= l->step; c++) {
        if (brings(l, c, p, &has_block)) {
            span.plain = h->change[c].step;
        }
    }
    for (; c < h->changes && h->change[c].step < span.high; c++) {
        if (h->change[c].cut && h->change[c].from <= p) {
            span.high = h->change[c].step;
        }
    }
    span.low = span.plain;
    for (uint32_t i = 0; i < h->syncs && h->sync[i].need <= l->need; i++) {
        span.low = h->sync[i].step > span.low ? h->sync[i].step : span.low;
    }
    return span;
}

/* Does a snapshot that is valid at a step from LOW on, before HIGH, have VALUE at P? */
static bool had(const struct history *h, uint64_t p, uint8_t value, uint32_t low, uint32_t high)
{
    for (uint32_t s = h->shots; s-- > 0;) {
        const struct snapshot *shot = &h->shot[s];

        if (shot->step < high && p < shot->size && shot->data[p] == value) {
            return true;
        }
        if (shot->step <= low) {
            return false;
        }
    }
    return false;
}

static void judge_byte(const struct looking *l, uint64_t p, uint64_t *lost, uint64_t *exposed)
{
    struct span span = span_of(l, p);
    uint8_t value = l->file->data[p];

    if (had(l->history, p, value, span.low, span.high)) {
        return;
    }
    if (had(l->history, p, value, span.plain, span.high)) {
        ++*lost;
    } else {
        ++*exposed;
    }
}

/* The quick way: are bytes FROM to TO as they are after the tree's step, or after the newest? The
 * sector must be there, whole and unsynced, at both; else every byte is looked at. */
static bool as_expected(const struct looking *l, uint64_t from, uint64_t to)
{
    const struct history *h = l->history;
    const struct snapshot *newest = NULL;

    for (uint32_t s = 0; s < h->shots && h->shot[s].step <= l->step; s++) {
        newest = &h->shot[s];
    }
    if (newest == NULL || newest->size < to) {
        return false;
    }
    for (uint32_t i = 0; i < h->syncs && h->sync[i].need <= l->need; i++) {
        if (h->sync[i].step > l->step) {
            return false;
        }
    }
    return memcmp(newest->data + from, l->file->data + from, to - from) == 0;
}

static void judge_file(const struct looking *l, uint32_t garbage, struct judgement *out)
{
    uint64_t lost = 0, exposed = 0, first = UINT64_MAX;

    for (uint64_t from = 0; from < l->file->size; from += BLK_SECTOR) {
        uint64_t to = from + BLK_SECTOR < l->file->size ? from + BLK_SECTOR : l->file->size;

        if ((garbage != 0 && l->file->lba[from / BLK_SECTOR] == garbage) ||
            as_expected(l, from, to)) {
            continue;
        }
        for (uint64_t p = from; p < to; p++) {
            judge_byte(l, p, &lost, &exposed);
            first = lost + exposed > 0 && first == UINT64_MAX ? p : first;
        }
    }
    if (lost + exposed > 0 && out->kind == VERDICT_FINE) {
        struct span span = span_of(l, first);

        out->kind = exposed > 0 ? VERDICT_EXPOSED : VERDICT_LOST;
        out->bytes = lost + exposed;
        snprintf(out->text, sizeof(out->text),
                 "inode %llu, byte %llu of %llu (sector %u): not as at steps %u..%u; tree of step "
                 "%u, %llu lost, %llu exposed",
                 (unsigned long long)l->file->ino, (unsigned long long)first,
                 (unsigned long long)l->file->size, l->file->lba[first / BLK_SECTOR], span.low,
                 span.high - 1, l->step, (unsigned long long)lost, (unsigned long long)exposed);
    }
}

static const struct history *history_at(const struct oracle *oracle, const struct step *step,
                                        uint64_t ino)
{
    for (uint32_t i = 0; i < step->files; i++) {
        if (step->file[i].ino == ino) {
            return &oracle->file[step->file[i].file];
        }
    }
    return NULL;
}

/* All contents, if the tree is that of step I. */
static void judge_contents(const struct oracle *oracle, const struct reading *reading, uint32_t i,
                           uint32_t need, uint32_t now, uint32_t garbage, struct judgement *out)
{
    *out = (struct judgement){.kind = VERDICT_FINE, .step = i};
    for (uint32_t f = 0; f < reading->files; f++) {
        struct looking l = {.oracle = oracle,
                            .history = history_at(oracle, &oracle->step[i], reading->file[f].ino),
                            .file = &reading->file[f],
                            .step = i,
                            .need = need,
                            .now = now};

        if (l.history != NULL) { /* the digest says that it is there */
            judge_file(&l, garbage, out);
        }
    }
}

static void say_tree(const struct oracle *oracle, const struct reading *reading, uint32_t low,
                     uint32_t now, struct judgement *out)
{
    out->kind = VERDICT_TREE;
    for (uint32_t i = 0; i < oracle->steps; i++) {
        if (oracle->step[i].digest == reading->digest) {
            snprintf(out->text, sizeof(out->text),
                     "the tree is that of step %u, and must be one of %u..%u", i, low, now);
            return;
        }
    }
    snprintf(out->text, sizeof(out->text), "the tree is that of no step; expected one of %u..%u",
             low, now);
}

void oracle_judge(const struct oracle *oracle, const struct reading *reading, uint32_t need,
                  uint32_t now, uint32_t garbage, struct judgement *out)
{
    uint32_t low = oracle->need[need];

    *out = (struct judgement){.kind = VERDICT_TREE};
    for (uint32_t i = low; i <= now && out->kind != VERDICT_FINE; i++) {
        if (oracle->step[i].digest == reading->digest) {
            judge_contents(oracle, reading, i, need, now, garbage, out);
        }
    }
    if (out->kind == VERDICT_TREE) {
        say_tree(oracle, reading, low, now, out);
    }
}
