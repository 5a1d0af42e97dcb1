/* beside.c - one thread changes files, others sync meanwhile: fibers, so each run can be repeated. */
#include "tests/crash/kinds.h"
#include "tests/crash/fiber.h"

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
void run_beside(struct actor *a, struct random *r)
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
