/*
 * history.h - what the oracle remembers; oracle.c writes it, judge.c reads it.
 */
#ifndef SECTOR0_TESTS_CRASH_HISTORY_H
#define SECTOR0_TESTS_CRASH_HISTORY_H

#include "tests/crash/oracle.h"

#define NO_FILE    UINT32_MAX
#define STEP_FILES 40 /* regular files in one tree */

/* All that a file held after a step that changed it. */
struct snapshot {
    uint32_t step;
    uint64_t size;
    uint8_t *data;
};

/* What a step did to it: wrote bytes FROM to TO, or cut it to FROM bytes. */
struct change {
    uint32_t step;
    bool cut;
    uint64_t from, to;
};

struct synced {
    uint32_t need, step;
};

struct history {
    uint32_t born; /* step */
    struct snapshot *shot;
    uint32_t shots, shot_room;
    struct change *change;
    uint32_t changes, change_room;
    struct synced *sync;
    uint32_t syncs, sync_room;
    uint8_t *base; /* which blocks it had at step 0 */
    uint64_t base_blocks;
};

struct found_file {
    uint64_t ino;
    uint32_t file; /* index of its history */
};

struct step {
    uint64_t digest;
    uint32_t files;
    struct found_file file[STEP_FILES];
};

struct oracle {
    uint32_t bs;
    uint64_t salt; /* stamps of other volumes differ */
    struct step *step;
    uint32_t steps, step_room;
    uint32_t *need; /* the step that is durable */
    uint32_t needs, need_room;
    struct history *file;
    uint32_t files, file_room;

    /* Of each slot of the model. */
    uint32_t file_of[MODEL_INODES];
    uint64_t ino_of[MODEL_INODES];
    uint32_t meta_step[MODEL_INODES], data_step[MODEL_INODES];
    int64_t mtime[MODEL_INODES], ctime[MODEL_INODES];
    uint64_t dir_size[MODEL_INODES];
    int changing; /* slot whose contents the next step changes, or -1 */
};

#endif
