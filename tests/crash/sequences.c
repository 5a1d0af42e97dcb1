/* sequences.c - every sequence of one and two operations, with what makes them durable between. */
#include "tests/crash/kinds.h"

#include "fs/port.h"

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

struct op op_persist(const struct op *op, unsigned how)
{
    bool moved = op->kind == OP_RENAME || op->kind == OP_LINK || op->kind == OP_EXCHANGE;
    struct op after = {OP_NONE, moved ? op->to : op->dir, moved ? op->other : op->name, 0, 0, 0, 0};
    static const enum op_kind kinds[PERSISTS] = {OP_SYNC, OP_FSYNC, OP_FSYNC_DIR, OP_FDATASYNC};

    after.kind = kinds[how];
    return after;
}

uint64_t sequence_count(unsigned length)
{
    uint64_t count = 1;

    make_alphabet();
    for (unsigned i = 0; i < length; i++) {
        count *= (uint64_t)letters * PERSISTS;
    }
    return count;
}

void run_sequence(struct actor *a, uint64_t number, unsigned length)
{
    make_alphabet();
    for (unsigned i = 0; i < length; i++) {
        const struct op *op = &alphabet[number % letters];

        number /= letters;
        struct op after = op_persist(op, (unsigned)(number % PERSISTS));

        number /= PERSISTS;
        op_run(a, op);
        op_run(a, &after);
    }
}
