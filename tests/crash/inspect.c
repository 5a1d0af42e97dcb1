/*
 * inspect.c - see inspect.h.
 *
 *   workload --record--> trace --enumerate--> states --verify--> failures
 *                                               |
 *                            one in DEPTH_EVERY |  the same again, with the state as the image and
 *                            that lead to a     |  recovery, then a few operations, as the
 * workload: new volume         v  so the power is cut in recovery, and after it
 */
#include "tests/crash/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/sfs.h"
#include "tests/crash/hash.h"
#include "tests/crash/linter.h"
#include "tests/crash/port_crash.h"
#include "tests/crash/tally.h"
#include "tests/crash/verify.h"

#define DEPTH       2
#define DEPTH_EVERY 16
#define DEPTH_SHARE 16 /* of the states that a crash point may have */
#define FAILURES    10 /* of one workload are printed */

static const struct effort efforts[DEPTH] = {
    {.exhaustive = 4096, .pairs = 64, .random = 200},
    {.exhaustive = 64, .pairs = 8, .random = 10},
};

struct level {
    const struct inspection *inspection;
    struct verifier *verifier;
    struct scratch *disk;
    const struct trace *trace;
    unsigned depth;
    const char *above;  /* the id of the state that this level began with */
    const char *replay; /* the rest of it, from this level on */
    uint64_t volumes;
    bool failed;
};

static char id[160];

static const char *context(void)
{
    return id;
}

static void name_state(const struct level *level, const struct point *point)
{
    snprintf(id, sizeof(id), "%s/%u.%u", level->above, point->event, point->number);
}

/* ---- Failures ---- */

static void count_failure(const struct finding *finding)
{
    switch (finding->failure) {
    case FAILURE_MOUNT:
        tally->unmountable++;
        break;
    case FAILURE_CHECK:
        tally->findings++;
        break;
    case FAILURE_LOST:
        tally->lost += finding->bytes;
        break;
    case FAILURE_EXPOSED:
        tally->exposed += finding->bytes;
        break;
    case FAILURE_NONE:
        return;
    }
    tally->failures++;
}

static void print_failure(const struct level *level, const char *text)
{
    if (!level->inspection->quiet && tally->failures <= FAILURES) {
        printf("FAILED %s: %s\n       again: crash --replay %s\n", id, text, id);
        fflush(stdout);
    }
}

/* ---- Replay ---- */

static const char *class_name(enum blk_class cls)
{
    static const char *const names[] = {"-", "SB", "LOG", "COMMIT", "JSB", "HOME", "DATA"};

    return names[cls];
}

static void print_trace(const struct level *level, uint32_t until)
{
    static const char *const kinds[] = {"submit",  "complete",  "flush",
                                        "flushed", "op begins", "op returned"};

    for (uint32_t e = 0; e <= until; e++) {
        const struct event *event = &level->trace->event[e];

        printf("%5u %s", e, kinds[event->kind]);
        if (event->kind <= EVENT_COMPLETE) {
            const struct trace_write *w = &level->trace->write[event->what];

            printf(" write %u: %s, sectors %llu+%u", event->what, class_name(w->cls),
                   (unsigned long long)w->lba, w->nsect);
        } else {
            printf(" %u", event->what);
        }
        printf("\n");
    }
}

static void print_point(const struct level *level, const struct point *point,
                        const struct finding *finding)
{
    print_trace(level, point->event);
    printf("promised: need %u; begun: step %u; pending sectors:\n", point->need, point->now);
    for (uint32_t i = 0; i < point->sectors; i++) {
        const struct sector *s = &point->sector[i];

        printf("  sector %llu:", (unsigned long long)s->lba);
        for (uint32_t v = 0; v < s->versions; v++) {
            const char *mark = point->choice[i] == v ? "*" : "";

            if (v == 0) {
                printf(" %sold", mark);
            } else {
                printf(" %swrite %u (%s)", mark, s->version[v].write,
                       class_name(level->trace->write[s->version[v].write].cls));
            }
        }
        printf("%s\n", point->choice[i] == CHOICE_GARBAGE ? " *garbage" : "");
    }
    printf("%s: %s\n", id, finding->failure == FAILURE_NONE ? "nothing is wrong" : finding->text);
}

/* Is this the state that REPLAY names? REST: what is behind it. */
static bool is_replayed(const char *replay, const struct point *point, const char **rest)
{
    char *end;
    unsigned long event = strtoul(replay, &end, 10);
    unsigned long number = strtoul(end + 1, &end, 10);

    *rest = *end == '/' ? end + 1 : NULL;
    return event == point->event && number == point->number;
}

/* ---- One state after the other ---- */

static bool look_deeper(struct level *level, struct point *point, const char *replay);

static bool visit_replayed(struct level *level, struct point *point)
{
    struct finding finding;
    const char *rest;

    if (!is_replayed(level->replay, point, &rest)) {
        return true;
    }
    name_state(level, point);
    if (rest != NULL) {
        return look_deeper(level, point, rest);
    }
    port_verbose = true;
    verifier_look(level->verifier, point, &finding);
    port_verbose = false;
    print_point(level, point, &finding);
    level->failed = true;
    return false;
}

/* A part of the volumes; the more states are looked at, the more. */
static bool goes_deeper(struct level *level)
{
    return level->depth + 1 < DEPTH && level->volumes++ % DEPTH_EVERY == 1 &&
           level->volumes / DEPTH_EVERY <= level->inspection->limit / DEPTH_SHARE;
}

static bool visit(void *ctx, struct point *point)
{
    struct level *level = ctx;
    struct finding finding;

    if (level->replay != NULL) {
        return visit_replayed(level, point);
    }
    name_state(level, point);
    verifier_look(level->verifier, point, &finding);
    tally->looked++;
    if (finding.fresh) {
        tally_state(point->hash);
    }
    if (finding.failure != FAILURE_NONE) {
        count_failure(&finding);
        print_failure(level, finding.text);
        level->failed = true;
        return !level->inspection->stop;
    }
    return finding.new_volume && goes_deeper(level) ? look_deeper(level, point, NULL) : true;
}

/* ---- Levels ---- */

static bool run_level(struct level *level, const uint8_t *image, const uint8_t *recovered,
                      enum kind kind, uint64_t number)
{
    const struct inspection *inspection = level->inspection;
    const struct sfs_super *super = (const struct sfs_super *)inspection->config->base;
    struct effort effort = efforts[level->depth];
    struct recording recording;
    char text[200];

    workload_run(inspection->config, image, recovered, kind, number, &recording);
    level->trace = crashsim_trace(recording.sim);
    level->disk = scratch_create(image, config_sectors(inspection->config), super);
    level->verifier = verifier_create(level->disk, recording.oracle);
    tally->traces++;
    if (level->replay == NULL && !lint(level->trace, image, super, text, sizeof(text))) {
        tally->lint++;
        print_failure(level, text);
    }
    effort.limit = level->replay != NULL ? UINT32_MAX : inspection->limit;
    enumerate(level->trace, recording.first, level->disk, &effort, number, visit, level);
    verifier_free(level->verifier);
    scratch_free(level->disk);
    recording_free(&recording);
    return !level->failed || (!inspection->stop && level->replay == NULL);
}

/* The state of POINT as an image, and what recovery makes of it. */
static bool look_deeper(struct level *level, struct point *point, const char *replay)
{
    uint64_t bytes = level->disk->sectors * BLK_SECTOR;
    uint8_t *image = malloc(bytes), *recovered = malloc(bytes);
    char above[sizeof(id)];
    struct level next = {.inspection = level->inspection,
                         .depth = level->depth + 1,
                         .above = above,
                         .replay = replay};
    struct sfs *fs;

    snprintf(above, sizeof(above), "%s", id);
    scratch_mark(level->disk);
    enumerate_apply(point);
    memcpy(image, level->disk->bytes, bytes);
    bool more = sfs_mount(&level->disk->dev, &verify_options, &fs) < 0 || sfs_unmount(fs) < 0;
    memcpy(recovered, level->disk->bytes, bytes);
    scratch_undo(level->disk);
    if (!more) {
        more = run_level(&next, image, recovered, KIND_AFTER, point->hash % 16);
        level->failed = level->failed || next.failed;
    }
    free(image);
    free(recovered);
    return more;
}

bool inspect(const struct inspection *inspection)
{
    char name[64];
    struct level level = {.inspection = inspection, .above = name, .replay = inspection->replay};

    snprintf(name, sizeof(name), "%s.%s.%llu", inspection->config->name,
             kind_names[inspection->kind], (unsigned long long)inspection->number);
    snprintf(id, sizeof(id), "%s", name);
    port_context = context;
    return run_level(&level, inspection->config->base, inspection->config->base, inspection->kind,
                     inspection->number);
}
