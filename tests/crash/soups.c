/* soups.c - random operations of one thread, each kind with a trouble of its own in mind. */
#include "tests/crash/kinds.h"

#include <string.h>

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

void run_soup(struct actor *a, struct random *r)
{
    unsigned count = 6 + random_below(r, 20);

    for (unsigned i = 0; i < count; i++) {
        struct op op = op_random(r, a->config->bs);

        op_run(a, &op);
    }
}

void run_file(struct actor *a, struct random *r)
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
void run_ends(struct actor *a, struct random *r)
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
void run_wide(struct actor *a, struct random *r)
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
void run_wrap(struct actor *a, struct random *r)
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
void run_full(struct actor *a, struct random *r)
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

void run_orphan(struct actor *a, struct random *r)
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
void run_names(struct actor *a, struct random *r)
{
    static const enum op_kind kinds[] = {OP_LINK,   OP_RENAME, OP_RENAME, OP_UNLINK,   OP_CREATE,
                                         OP_RENAME, OP_MKDIR,  OP_RMDIR,  OP_EXCHANGE, OP_APPEND};
    unsigned count = 4 + random_below(r, 8);

    for (unsigned i = 0; i < count; i++) {
        struct op op = op_random(r, a->config->bs);

        op.kind = kinds[random_below(r, sizeof(kinds) / sizeof(kinds[0]))];
        op.a = 1 + op.a % 900;
        struct op after = op_persist(&op, random_below(r, PERSISTS));

        op_run(a, &op);
        if (random_below(r, 3) > 0) {
            op_run(a, &after);
        }
    }
}

/* Two files that do not grow. First the times of one are committed with the other, so that sync has
 * nothing but contents to write; then whatever comes. */
void run_over(struct actor *a, struct random *r)
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
void run_reuse(struct actor *a, struct random *r)
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

/* After a power cut: a little of everything. */
void run_after(struct actor *a, struct random *r)
{
    static const struct op ops[] = {
        {OP_APPEND, 1, NAME_FOO, 0, 0, 700, 0}, {OP_FSYNC, 1, NAME_FOO, 0, 0, 0, 0},
        {OP_CREATE, 2, 6, 0, 0, 0, 0},          {OP_APPEND, 2, 6, 0, 0, 900, 0},
        {OP_RENAME, 2, 6, 0, NAME_FOO, 0, 0},   {OP_SYNC, 0, 0, 0, 0, 0, 0},
    };

    a->tight = true; /* nobody knows how much space there is */
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (random_below(r, 4) > 0) {
            op_run(a, &ops[i]);
        }
    }
}
