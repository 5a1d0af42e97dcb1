/*
 * op.h - one operation of a workload, in words that make sense on any tree.
 */
#ifndef SECTOR0_TESTS_CRASH_OP_H
#define SECTOR0_TESTS_CRASH_OP_H

#include "tests/crash/workload.h"

struct sfs;

enum op_kind {
    OP_NONE,
    OP_CREATE,
    OP_MKDIR,
    OP_SYMLINK,
    OP_WRITE,    /* A bytes at B */
    OP_APPEND,   /* A bytes */
    OP_TRUNCATE, /* to A bytes */
    OP_STRETCH,  /* by A bytes */
    OP_REWRITE,  /* up to A bytes, B bytes before the end */
    OP_RENAME,
    OP_REPLACE_NOT, /* rename, NOREPLACE */
    OP_EXCHANGE,
    OP_LINK,
    OP_UNLINK,
    OP_RMDIR,
    OP_OPEN,  /* keep a reference */
    OP_CLOSE, /* give the oldest one back */
    OP_FSYNC,
    OP_FDATASYNC,
    OP_FSYNC_DIR, /* of the directory */
    OP_SYNC,
    OP_COMMIT, /* what runs, as if it were time to */
    OP_REMOUNT,
    OPS,
};

/* Directories: 0 is the root, 1 "a", 2 "b", 3 "a/c". Names are model_name's numbers. */
#define OP_DIRS  4
#define NAME_A   0
#define NAME_B   1
#define NAME_C   2
#define NAME_FOO 3 /* "file": exists in all four directories */
#define NAME_BAR 5 /* "x1": exists in none */
#define NAME_DIR 4

struct op {
    enum op_kind kind;
    uint8_t dir, name, to, other;
    uint32_t a, b;
};

#define OP_OPENS 8

/* Who runs operations. */
struct actor {
    const struct config *config;
    struct crashsim *sim;
    struct trace *trace;
    struct oracle *oracle;
    struct sfs *fs;
    struct sfs_mount_options *options;
    int open[OP_OPENS]; /* slots of the model, the oldest first */
    unsigned opens;
    bool tight;     /* there may be too little space */
    bool beside;    /* another one runs operations: this one only syncs */
    uint32_t begun; /* event */
    uint32_t first; /* event: where the preparation has ended */
};

void op_run(struct actor *actor, const struct op *op);
void op_unmount(struct actor *actor);

#endif
