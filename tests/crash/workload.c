/* workload.c - see workload.h. */
#include "tests/crash/workload.h"

#include <stdlib.h>
#include <string.h>

#include "fs/port.h"
#include "fs/sfs.h"
#include "tests/crash/fiber.h"
#include "tests/crash/hash.h"
#include "tests/crash/op.h"
#include "tests/crash/port_crash.h"

const char *const kind_names[KINDS] = {"one",   "two",    "soup",  "file", "wrap",
                                       "full",  "orphan", "names", "over", "reuse",
                                       "after", "beside", "ends"};

/* ---- Every sequence of one and two operations ---- */

/* All operations that the sequences are made of. */
#define ALPHABET_MAX 256
static struct op alphabet[ALPHABET_MAX];
static unsigned letters;

static void letter(struct op op)
{
    SFS_ASSERT(letters < ALPHABET_MAX);
    alphabet[letters++] = op;
}

/* Operations that have one name, in directory DIR. The file's name is FOO, the new one's BAR. */
static void letters_of(uint8_t dir)
{
    letter((struct op){OP_CREATE, dir, NAME_BAR, 0, 0, 0, 0});
    letter((struct op){OP_MKDIR, dir, NAME_DIR, 0, 0, 0, 0});
    letter((struct op){OP_SYMLINK, dir, NAME_BAR, 0, 0, dir, 0});
    letter((struct op){OP_UNLINK, dir, NAME_FOO, 0, 0, 0, 0});
    letter((struct op){OP_WRITE, dir, NAME_FOO, 0, 0, 700, 0});     /* overwrite */
    letter((struct op){OP_WRITE, dir, NAME_FOO, 0, 0, 300, 40000}); /* far behind the end */
    letter((struct op){OP_APPEND, dir, NAME_FOO, 0, 0, 40, 0});     /* little */
    letter((struct op){OP_APPEND, dir, NAME_FOO, 0, 0, 9000, 0});   /* much */
    letter((struct op){OP_APPEND, dir, NAME_BAR, 0, 0, 1500, 0});   /* to a file that was made */
    letter((struct op){OP_TRUNCATE, dir, NAME_FOO, 0, 0, 0, 0});
    letter((struct op){OP_TRUNCATE, dir, NAME_FOO, 0, 0, 60, 0});
    letter((struct op){OP_TRUNCATE, dir, NAME_FOO, 0, 0, 20000, 0});
    letter((struct op){OP_RMDIR, dir, NAME_C, 0, 0, 0, 0});
}

/* Operations with two names. */
static void letters_between(uint8_t dir, uint8_t to)
{
    letter((struct op){OP_LINK, dir, NAME_FOO, to, NAME_BAR, 0, 0});
    letter((struct op){OP_RENAME, dir, NAME_FOO, to, NAME_BAR, 0, 0});
    if (dir != to) {
        letter((struct op){OP_RENAME, dir, NAME_FOO, to, NAME_FOO, 0, 0});
        letter((struct op){OP_RENAME, dir, NAME_BAR, to, NAME_FOO, 0, 0});
        letter((struct op){OP_EXCHANGE, dir, NAME_FOO, to, NAME_FOO, 0, 0});
        letter((struct op){OP_RENAME, dir, NAME_C, to, NAME_DIR, 0, 0});
    }
}

static void make_alphabet(void)
{
    if (letters > 0) {
        return;
    }
    for (uint8_t dir = 0; dir < OP_DIRS; dir++) {
        letters_of(dir);
        for (uint8_t to = 0; to < OP_DIRS; to++) {
            letters_between(dir, to);
        }
    }
}

/* What makes OP durable. */
#define PERSISTS 4
static struct op persist(const struct op *op, unsigned how)
{
    bool moved = op->kind == OP_RENAME || op->kind == OP_LINK || op->kind == OP_EXCHANGE;
    struct op after = {OP_NONE, moved ? op->to : op->dir, moved ? op->other : op->name, 0, 0, 0, 0};
    static const enum op_kind kinds[PERSISTS] = {OP_SYNC, OP_FSYNC, OP_FSYNC_DIR, OP_FDATASYNC};

    after.kind = kinds[how];
    return after;
}

uint64_t kind_count(enum kind kind)
{
    make_alphabet();
    uint64_t one = (uint64_t)letters * PERSISTS;

    return kind == KIND_ONE ? one : kind == KIND_TWO ? one * one : UINT64_MAX;
}

static void run_sequence(struct actor *a, uint64_t number, unsigned length)
{
    for (unsigned i = 0; i < length; i++) {
        const struct op *op = &alphabet[number % letters];

        number /= letters;
        struct op after = persist(op, (unsigned)(number % PERSISTS));

        number /= PERSISTS;
        op_run(a, op);
        op_run(a, &after);
    }
}

/* ---- Random ones ---- */

struct op op_random(struct random *r, uint32_t bs)
{
    static const uint8_t kinds[] = {
        OP_CREATE, OP_CREATE,    OP_MKDIR,     OP_SYMLINK,     OP_WRITE,  OP_WRITE,  OP_WRITE,
        OP_APPEND, OP_APPEND,    OP_TRUNCATE,  OP_RENAME,      OP_RENAME, OP_RENAME, OP_EXCHANGE,
        OP_LINK,   OP_UNLINK,    OP_UNLINK,    OP_RMDIR,       OP_OPEN,   OP_CLOSE,  OP_FSYNC,
        OP_FSYNC,  OP_FDATASYNC, OP_FSYNC_DIR, OP_REPLACE_NOT, OP_SYNC,   OP_COMMIT};
    static const uint8_t names[] = {NAME_FOO, NAME_BAR, NAME_FOO, NAME_BAR, NAME_DIR, NAME_C, 6};
    struct op op = {.kind = (enum op_kind)kinds[random_below(r, sizeof(kinds))]};

    op.dir = (uint8_t)random_below(r, OP_DIRS);
    op.to = (uint8_t)random_below(r, OP_DIRS);
    op.name = names[random_below(r, sizeof(names))];
    op.other = names[random_below(r, sizeof(names))];
    op.a = 1 + random_below(r, random_below(r, 3) == 0 ? 14 * bs : 2 * bs);
    op.b = random_below(r, random_below(r, 3) == 0 ? 40 * bs : 3 * bs);
    return op;
}

static void run_soup(struct actor *a, struct random *r)
{
    unsigned count = 6 + random_below(r, 20);

    for (unsigned i = 0; i < count; i++) {
        struct op op = op_random(r, a->config->bs);

        op_run(a, &op);
    }
}

static void run_file(struct actor *a, struct random *r)
{
    static const enum op_kind kinds[] = {OP_WRITE,    OP_WRITE, OP_WRITE,     OP_APPEND, OP_APPEND,
                                         OP_TRUNCATE, OP_FSYNC, OP_FDATASYNC, OP_SYNC,   OP_COMMIT};
    unsigned count = 8 + random_below(r, 16);
    uint8_t dir = (uint8_t)random_below(r, OP_DIRS);

    for (unsigned i = 0; i < count; i++) {
        struct op op = op_random(r, a->config->bs);

        op.kind = kinds[random_below(r, sizeof(kinds) / sizeof(kinds[0]))];
        op.dir = dir;
        op.name = NAME_FOO;
        op_run(a, &op);
    }
}

/* The end of one file comes and goes within three blocks, and all that is written is near it. */
static void run_ends(struct actor *a, struct random *r)
{
    static const enum op_kind kinds[] = {OP_WRITE,  OP_WRITE,    OP_WRITE,    OP_APPEND,
                                         OP_APPEND, OP_TRUNCATE, OP_TRUNCATE, OP_TRUNCATE,
                                         OP_FSYNC,  OP_COMMIT};
    const uint32_t reach = 3 * a->config->bs;
    unsigned count = 12 + random_below(r, 16);

    for (unsigned i = 0; i < count; i++) {
        struct op op = {
            kinds[random_below(r, sizeof(kinds) / sizeof(kinds[0]))], 2, NAME_FOO, 0, 0, 0, 0};

        op.b = random_below(r, reach);
        op.a = op.kind == OP_TRUNCATE ? random_below(r, reach) : 1 + random_below(r, reach / 6);
        op_run(a, &op);
    }
}

/* A block here and there, so that soon half of the page cache is dirty and gets written. */
static void run_wide(struct actor *a, struct random *r)
{
    const struct op names[] = {{OP_NONE, 1, NAME_FOO, 0, 0, 0, 0},
                               {OP_NONE, 2, NAME_FOO, 0, 0, 0, 0}};

    for (unsigned i = 0; i < 90; i++) {
        struct op op = names[random_below(r, 2)];
        unsigned what = random_below(r, 40);

        op.kind = what == 0 ? OP_FSYNC : what == 1 ? OP_COMMIT : what < 5 ? OP_TRUNCATE : OP_WRITE;
        op.a = op.kind == OP_TRUNCATE ? 4096 * random_below(r, 12)
                                      : 1 + random_below(r, a->config->bs);
        op.b = 4096 * random_below(r, 36);
        op_run(a, &op);
    }
}

/* Commits, small ones and large ones, until the log has gone round. */
static void run_wrap(struct actor *a, struct random *r)
{
    unsigned count = 10 + random_below(r, 10);

    for (unsigned i = 0; i < count; i++) {
        unsigned names = 1 + random_below(r, i % 4 == 0 ? 4 : 16);
        const struct op sync = {random_below(r, 4) ? OP_FSYNC_DIR : OP_SYNC, 0, 0, 0, 0, 0, 0};

        for (unsigned k = 0; k < names; k++) {
            uint8_t dir = (uint8_t)random_below(r, OP_DIRS), name = (uint8_t)(5 + (i + k) % 6);
            const struct op gone = {OP_UNLINK, dir, name, 0, 0, 0, 0};
            const struct op make = {k % 2 ? OP_MKDIR : OP_CREATE, dir, name, 0, 0, 0, 0};

            op_run(a, random_below(r, 3) ? &make : &gone);
        }
        op_run(a, &sync);
    }
}

/* Work at the limit of a volume that has been filled. */
static void run_full(struct actor *a, struct random *r)
{
    const struct op fill = {OP_APPEND, 0, NAME_FOO, 0, 0, 20000, 0};
    const struct op sync = {OP_SYNC, 0, 0, 0, 0, 0, 0};
    uint64_t size;

    a->tight = true;
    do {
        size = model[model[0].entry[NAME_FOO]].size;
        op_run(a, &fill);
    } while (model[model[0].entry[NAME_FOO]].size > size);
    op_run(a, &sync);
    a->first = a->trace->events;
    for (unsigned i = 0; i < 12; i++) {
        struct op op = op_random(r, a->config->bs);

        op.b = op.b < 4 * a->config->bs ? op.b : 0;
        op_run(a, &op);
    }
}

static void run_orphan(struct actor *a, struct random *r)
{
    unsigned rounds = 2 + random_below(r, 3);

    for (unsigned i = 0; i < rounds; i++) {
        uint8_t dir = (uint8_t)random_below(r, OP_DIRS);
        const struct op ops[] = {
            {OP_CREATE, dir, NAME_BAR, 0, 0, 0, 0},
            {OP_OPEN, dir, NAME_BAR, 0, 0, 0, 0},
            {OP_OPEN, dir, NAME_FOO, 0, 0, 0, 0},
            {OP_APPEND, dir, NAME_BAR, 0, 0, 512 * (1 + random_below(r, 120)), 0},
            {random_below(r, 2) ? OP_FSYNC : OP_NONE, dir, NAME_BAR, 0, 0, 0, 0},
            {random_below(r, 2) ? OP_UNLINK : OP_TRUNCATE, dir, NAME_BAR, 0, 0, 3, 0},
            {random_below(r, 2) ? OP_SYNC : OP_NONE, dir, NAME_BAR, 0, 0, 0, 0},
            {OP_UNLINK, dir, NAME_FOO, 0, 0, 0, 0},
            {OP_CLOSE, 0, 0, 0, 0, 0, 0},
            {random_below(r, 2) ? OP_FSYNC_DIR : OP_SYNC, dir, 0, 0, 0, 0, 0},
            {random_below(r, 2) ? OP_CLOSE : OP_NONE, 0, 0, 0, 0, 0, 0},
        };

        for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
            op_run(a, &ops[k]);
        }
    }
}

/* What the classic mistakes of file systems were found by: names that move, and an fsync. */
static void run_names(struct actor *a, struct random *r)
{
    static const enum op_kind kinds[] = {OP_LINK,   OP_RENAME, OP_RENAME, OP_UNLINK,   OP_CREATE,
                                         OP_RENAME, OP_MKDIR,  OP_RMDIR,  OP_EXCHANGE, OP_APPEND};
    unsigned count = 4 + random_below(r, 8);

    for (unsigned i = 0; i < count; i++) {
        struct op op = op_random(r, a->config->bs);

        op.kind = kinds[random_below(r, sizeof(kinds) / sizeof(kinds[0]))];
        op.a = 1 + op.a % 900;
        struct op after = persist(&op, random_below(r, PERSISTS));

        op_run(a, &op);
        if (random_below(r, 3) > 0) {
            op_run(a, &after);
        }
    }
}

/* Two files that do not grow. First the times of one are committed with the other, so that sync has
 * nothing but contents to write; then whatever comes. */
static void run_over(struct actor *a, struct random *r)
{
    static const enum op_kind syncs[] = {OP_FSYNC, OP_FDATASYNC, OP_SYNC, OP_SYNC, OP_NONE};
    static const struct op first[] = {{OP_WRITE, 1, NAME_FOO, 0, 0, 300, 20},
                                      {OP_WRITE, 3, NAME_FOO, 0, 0, 300, 20},
                                      {OP_FSYNC, 3, NAME_FOO, 0, 0, 0, 0},
                                      {OP_SYNC, 0, 0, 0, 0, 0, 0}};

    for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        op_run(a, &first[i]);
    }

    for (unsigned i = 0; i < 8; i++) {
        uint8_t dir = (uint8_t)(1 + 2 * random_below(r, 2));
        uint32_t size = 1 + random_below(r, a->config->bs);
        const struct op write = {
            OP_WRITE, dir, NAME_FOO, 0, 0, size, random_below(r, a->config->bs)};
        const struct op sync = {
            syncs[random_below(r, 5)], (uint8_t)(1 + 2 * random_below(r, 2)), NAME_FOO, 0, 0, 0, 0};

        if (random_below(r, 2) > 0) {
            op_run(a, &write);
        }
        op_run(a, &sync);
    }
}

/* Blocks of directories, links and trees are freed, and files take them. */
static void run_reuse(struct actor *a, struct random *r)
{
    for (unsigned i = 0; i < 4; i++) {
        uint8_t dir = (uint8_t)random_below(r, OP_DIRS), name = (uint8_t)(6 + i);
        bool file = random_below(r, 2) == 0;
        const struct op ops[] = {
            {file    ? OP_CREATE
             : i % 2 ? OP_MKDIR
                     : OP_SYMLINK,
             dir, name, 0, 0, 1, 0},
            {file ? OP_APPEND : OP_NONE, dir, name, 0, 0, 11 * a->config->bs, 0},
            {OP_SYNC, 0, 0, 0, 0, 0, 0},
            {!file && i % 2 ? OP_RMDIR : OP_UNLINK, dir, name, 0, 0, 0, 0},
            {OP_SYNC, 0, 0, 0, 0, 0, 0},
            {OP_APPEND, dir, NAME_FOO, 0, 0, (1 + random_below(r, 6)) * a->config->bs, 0},
            {random_below(r, 2) ? OP_FSYNC : OP_SYNC, dir, NAME_FOO, 0, 0, 0, 0},
        };

        for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
            op_run(a, &ops[k]);
        }
    }
}

/* ---- Threads ---- */

struct thread {
    struct actor actor;
    struct random random;
};

/* Until they write to the disk, or for a while. */
static void let_others_go_on(const struct actor *a, struct random *r)
{
    bool any = random_below(r, 2) == 0;

    for (unsigned turns = random_below(r, 200); turns > 0; turns--) {
        if (any && crashsim_is_busy(a->sim)) {
            return;
        }
        fiber_pass();
    }
}

/* A file is made longer, twice, and written where its end was: that may be on its way, or not. */
static void grow_twice(struct actor *a, struct random *r, uint8_t dir)
{
    const uint32_t by = a->config->bs + random_below(r, 60);
    const struct op ops[] = {{OP_STRETCH, dir, NAME_FOO, 0, 0, by, 0},
                             {OP_STRETCH, dir, NAME_FOO, 0, 0, by, 0},
                             {OP_REWRITE, dir, NAME_FOO, 0, 0, 10, 2 * by - random_below(r, 60)},
                             {OP_FSYNC, dir, NAME_FOO, 0, 0, 0, 0}};

    op_run(a, &ops[0]);
    let_others_go_on(a, r);
    for (unsigned i = 1; i < sizeof(ops) / sizeof(ops[0]); i++) {
        op_run(a, &ops[i]);
    }
}

/* A block that is new in one transaction gets more in the next. */
static void append_twice(struct actor *a, struct random *r, uint8_t dir)
{
    const struct op append = {OP_APPEND, dir, NAME_FOO, 0, 0, a->config->bs / 3, 0};

    op_run(a, &append);
    let_others_go_on(a, r);
    op_run(a, &append);
    let_others_go_on(a, r);
}

/* Blocks are freed, and so much is written that it cannot wait for its commit. */
static void free_and_take(struct actor *a, struct random *r, uint8_t dir)
{
    const struct op gone = {OP_UNLINK, dir, NAME_FOO, 0, 0, 0, 0};

    op_run(a, &gone);
    let_others_go_on(a, r);
    for (unsigned i = 0; i < 36; i++) {
        const struct op write = {OP_WRITE, 2, NAME_FOO, 0, 0, a->config->bs, 4096 * i};

        op_run(a, &write);
    }
}

static void run_twice(struct actor *a, struct random *r)
{
    static void (*const runs[])(struct actor *, struct random *, uint8_t) = {
        grow_twice, grow_twice, grow_twice, append_twice, append_twice, free_and_take};

    for (unsigned i = 0; i < 8; i++) {
        runs[random_below(r, sizeof(runs) / sizeof(runs[0]))](a, r,
                                                              (uint8_t)random_below(r, OP_DIRS));
    }
}

/* Changes, of the kinds above. */
static void change_beside(void *ctx)
{
    static void (*const runs[])(struct actor *, struct random *) = {
        run_ends, run_ends, run_twice, run_twice, run_twice,  run_wide,
        run_wide, run_soup, run_over,  run_reuse, run_orphan, run_file};
    struct thread *t = ctx;

    runs[random_below(&t->random, sizeof(runs) / sizeof(runs[0]))](&t->actor, &t->random);
}

static void sync_beside(void *ctx)
{
    static const enum op_kind kinds[] = {OP_FSYNC,  OP_FDATASYNC, OP_FSYNC_DIR, OP_SYNC,
                                         OP_COMMIT, OP_COMMIT,    OP_COMMIT,    OP_COMMIT};
    struct thread *t = ctx;
    unsigned count = 4 + random_below(&t->random, 16);

    for (unsigned i = 0; i < count; i++) {
        struct op op = op_random(&t->random, t->actor.config->bs);

        op.kind = kinds[random_below(&t->random, sizeof(kinds) / sizeof(kinds[0]))];
        op_run(&t->actor, &op);
        let_others_go_on(&t->actor, &t->random);
    }
}

/* One changes, the others sync meanwhile. */
static void run_beside(struct actor *a, struct random *r)
{
    static void (*const runs[FIBERS])(void *) = {change_beside, sync_beside, sync_beside};
    struct thread thread[FIBERS];
    void *ctx[FIBERS];

    for (unsigned i = 0; i < FIBERS; i++) {
        thread[i] = (struct thread){*a, {random_next(r)}};
        thread[i].actor.beside = i > 0;
        ctx[i] = &thread[i];
    }
    fibers_run(runs, ctx, 2 + random_below(r, FIBERS - 1), random_next(r));
    *a = thread[0].actor;
}

/* After a power cut: a little of everything. NUMBER 0: nothing at all. */
static void run_after(struct actor *a, struct random *r, uint64_t number)
{
    static const struct op ops[] = {
        {OP_APPEND, 1, NAME_FOO, 0, 0, 700, 0}, {OP_FSYNC, 1, NAME_FOO, 0, 0, 0, 0},
        {OP_CREATE, 2, 6, 0, 0, 0, 0},          {OP_APPEND, 2, 6, 0, 0, 900, 0},
        {OP_RENAME, 2, 6, 0, NAME_FOO, 0, 0},   {OP_SYNC, 0, 0, 0, 0, 0, 0},
    };

    a->tight = true; /* nobody knows how much space there is */
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]) && number > 0; i++) {
        if (random_below(r, 4) > 0) {
            op_run(a, &ops[i]);
        }
    }
}

/* ---- The frame ---- */

static void run_kind(struct actor *a, enum kind kind, uint64_t number)
{
    struct random r = {number * 16 + kind};

    switch (kind) {
    case KIND_ONE:
        run_sequence(a, number, 1);
        break;
    case KIND_TWO:
        run_sequence(a, number, 2);
        break;
    case KIND_SOUP:
        run_soup(a, &r);
        break;
    case KIND_FILE:
        run_file(a, &r);
        break;
    case KIND_WRAP:
        run_wrap(a, &r);
        break;
    case KIND_FULL:
        run_full(a, &r);
        break;
    case KIND_ORPHAN:
        run_orphan(a, &r);
        break;
    case KIND_NAMES:
        run_names(a, &r);
        break;
    case KIND_OVER:
        run_over(a, &r);
        break;
    case KIND_REUSE:
        run_reuse(a, &r);
        break;
    case KIND_AFTER:
        run_after(a, &r, number);
        break;
    case KIND_BESIDE:
        run_beside(a, &r);
        break;
    case KIND_ENDS:
        run_ends(a, &r);
        break;
    case KINDS:
        break;
    }
}

static void must(int error, const char *what)
{
    if (error < 0) {
        port_panic(__FILE__, __LINE__, what);
    }
}

void workload_run(const struct config *config, const uint8_t *image, const uint8_t *recovered,
                  enum kind kind, uint64_t number, struct recording *recording)
{
    /* A small cache keeps the log short; with a large one it gets full. Threads wait for each other
     * in a short one. */
    unsigned small_each = kind == KIND_BESIDE ? 8 : 2;
    struct sfs_mount_options options = {.cache_blocks = number % small_each == 0 ? 64 : 512,
                                        .page_kib = 256};
    struct actor a = {.config = config, .options = &options};

    make_alphabet();
    port_clock = 2000000000;
    a.oracle = oracle_create(recovered);
    a.sim = crashsim_create(image, config_sectors(config), number * KINDS + kind);
    crashsim_dev(a.sim)->volatile_cache = config->volatile_cache;
    a.trace = crashsim_trace(a.sim);
    must(sfs_mount(crashsim_dev(a.sim), &options, &a.fs), "mount");
    run_kind(&a, kind, number);
    op_unmount(&a);
    *recording = (struct recording){a.sim, a.oracle, a.first};
}

void recording_free(struct recording *recording)
{
    crashsim_free(recording->sim);
    oracle_free(recording->oracle);
}
