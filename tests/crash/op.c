/*
 * op.c - see op.h. Each operation is done by the file system and by the model; both must say the
 * same. The marks in the trace say from when on its steps may be on the disk, and from when on what
 * it promised must be.
 */
#include "tests/crash/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/error.h"
#include "fs/journal.h"
#include "fs/port.h"
#include "fs/reach.h"
#include "fs/sfs.h"
#include "tests/crash/port_crash.h"

#define CHUNK_BLOCKS 32         /* a write() is one step for each piece of so many blocks ... */
#define CHUNK_BYTES  (16 << 12) /* ... or so many pages ... */
                                /* ... or of one leaf of the tree, whichever ends first */
#define OWNER                                                                                      \
    (struct sfs_owner)                                                                             \
    {                                                                                              \
        0, 0                                                                                       \
    }

static void differ(const char *what, int64_t fs, int64_t expected)
{
    static char text[160];

    snprintf(text, sizeof(text), "%s: the file system says %lld, the model %lld", what,
             (long long)fs, (long long)expected);
    port_panic(__FILE__, __LINE__, text);
}

/* ---- Marks ---- */

static void begin(struct actor *a)
{
    port_clock += 1000;
    a->begun = trace_event(a->trace, EVENT_OP_BEGINS, 0);
}

/* All its steps may have reached the disk at any time since it began. */
static void end(struct actor *a)
{
    a->trace->event[a->begun].what = oracle_steps(a->oracle);
}

static void promised(struct actor *a, const struct oracle_sync *sync)
{
    trace_event(a->trace, EVENT_OP_RETURNED, oracle_synced(a->oracle, sync));
}

/* ---- Where things are ---- */

static int child(int dir, int name)
{
    return dir >= 0 && model[dir].type == SFS_TYPE_DIR ? model[dir].entry[name] : -1;
}

/* -1: it is not there any more, or no directory. */
static int dir_slot(uint8_t dir)
{
    static const int8_t parent[OP_DIRS] = {0, 0, 0, 1}, name[OP_DIRS] = {0, NAME_A, NAME_B, NAME_C};
    int slot = dir == 0 ? 0 : child(dir_slot((uint8_t)parent[dir]), name[dir]);

    return slot >= 0 && model[slot].type == SFS_TYPE_DIR ? slot : -1;
}

static const char *text(uint8_t name, size_t *length)
{
    *length = strlen(model_name[name]);
    return model_name[name];
}

/* ---- Namespace ---- */

/* The file system said FS. True: it did it, and so shall the model. */
static bool agree(struct actor *a, const char *what, int fs, int model_says)
{
    if (fs == SFS_ENOSPC && a->tight && model_says == 0) {
        return false;
    }
    if (fs != model_says) {
        differ(what, fs, model_says);
    }
    return fs == 0;
}

static int would_make(int dir, int name)
{
    return model[dir].entry[name] >= 0 ? SFS_EEXIST : 0;
}

static void make(struct actor *a, const struct op *op, int dir)
{
    static const char target[] = "file/../somewhere/that/is/long/enough/to/need/a/block/of/its/own/"
                                 "because/fast/links/have/87/bytes";
    size_t length, size = op->a % 2 == 0 ? 4 : sizeof(target) - 1;
    const char *name = text(op->name, &length);
    struct sfs_attr attr;
    uint32_t type = SFS_TYPE_REG;
    int error, made;

    if (op->kind == OP_MKDIR) {
        type = SFS_TYPE_DIR;
        error = sfs_mkdir(a->fs, model[dir].ino, name, length, 0750, OWNER, &attr);
    } else if (op->kind == OP_SYMLINK) {
        type = SFS_TYPE_LNK;
        error = sfs_symlink(a->fs, model[dir].ino, name, length, target, size, OWNER, &attr);
    } else {
        error = sfs_create(a->fs, model[dir].ino, name, length, 0750, OWNER, &attr);
    }
    if (!agree(a, "making a name", error, would_make(dir, op->name))) {
        return;
    }
    model_make(dir, op->name, type, attr.ino, target, type == SFS_TYPE_LNK ? size : 0, &made);
    sfs_forget(a->fs, attr.ino, 1);
    oracle_touches(a->oracle, dir);
    oracle_touches(a->oracle, made);
    oracle_step(a->oracle, a->fs);
}

static void link_name(struct actor *a, const struct op *op, int dir, int to)
{
    int slot = child(dir, op->name);
    size_t length;
    const char *name = text(op->other, &length);
    struct sfs_attr attr;

    if (slot < 0 || to < 0) {
        return;
    }
    int expected = would_make(to, op->other);

    expected = expected == 0 && model[slot].type == SFS_TYPE_DIR ? SFS_EPERM : expected;
    int error = sfs_link(a->fs, model[slot].ino, model[to].ino, name, length, &attr);

    if (agree(a, "link", error, expected)) {
        model_link(slot, to, op->other);
        sfs_forget(a->fs, attr.ino, 1);
        oracle_touches(a->oracle, slot);
        oracle_touches(a->oracle, to);
        oracle_step(a->oracle, a->fs);
    }
}

static void remove_name(struct actor *a, const struct op *op, int dir)
{
    bool is_rmdir = op->kind == OP_RMDIR;
    int slot = child(dir, op->name);
    size_t length;
    const char *name = text(op->name, &length);
    int error = is_rmdir ? sfs_rmdir(a->fs, model[dir].ino, name, length)
                         : sfs_unlink(a->fs, model[dir].ino, name, length);
    int expected = model_remove(dir, op->name, is_rmdir);

    if (error != expected) {
        differ("removing a name", error, expected);
    }
    if (error == 0) {
        oracle_touches(a->oracle, dir);
        oracle_touches(a->oracle, slot);
        oracle_step(a->oracle, a->fs);
    }
}

static void rename_name(struct actor *a, const struct op *op, int dir, int to)
{
    unsigned flags = op->kind == OP_EXCHANGE      ? SFS_RENAME_EXCHANGE
                     : op->kind == OP_REPLACE_NOT ? SFS_RENAME_NOREPLACE
                                                  : 0;
    size_t length, other_length;
    const char *name = text(op->name, &length), *other = text(op->other, &other_length);

    if (to < 0) {
        return;
    }
    int slot = child(dir, op->name), replaced = child(to, op->other);
    int error =
        sfs_rename(a->fs, model[dir].ino, name, length, model[to].ino, other, other_length, flags);

    if (error == SFS_ENOSPC && a->tight) {
        return;
    }
    int expected = model_rename(dir, op->name, to, op->other, flags);
    if (!agree(a, "rename", error, expected) || slot == replaced) {
        return;
    }
    oracle_touches(a->oracle, dir);
    oracle_touches(a->oracle, to);
    oracle_touches(a->oracle, slot);
    if (replaced >= 0) {
        oracle_touches(a->oracle, replaced);
    }
    oracle_step(a->oracle, a->fs);
}

/* ---- Contents ---- */

/* Where the piece of a write that begins at OFFSET ends, if nothing else ends it. */
static uint64_t piece_end(const struct actor *a, uint64_t offset)
{
    uint32_t bs = a->config->bs;
    uint64_t first = offset / bs;
    uint64_t end = sfs_reach_leaf_end(bs / 8, first);
    uint64_t pages = (offset & ~4095ull) + CHUNK_BYTES;

    end = end < first + CHUNK_BLOCKS ? end : first + CHUNK_BLOCKS;
    end = a->tight ? first + 1 : end;
    return end * bs < pages ? end * bs : pages;
}

static void write_file(struct actor *a, int slot, uint64_t offset, uint32_t size)
{
    static uint8_t data[1 << 17];

    SFS_ASSERT(size <= sizeof(data));
    oracle_stamp(a->oracle, slot, offset, data, size);
    int64_t wrote = sfs_write(a->fs, model[slot].ino, offset, data, size);

    if (wrote != size && !(a->tight && (wrote == SFS_ENOSPC || wrote > 0))) {
        differ("write", wrote, size);
    }
    for (int64_t at = 0; at < wrote;) {
        uint64_t stop = piece_end(a, offset + (uint64_t)at);
        int64_t piece = (int64_t)(stop - offset) < wrote ? (int64_t)(stop - offset) : wrote;

        oracle_writes(a->oracle, slot, offset + (uint64_t)at, (uint64_t)(piece - at));
        model_write(slot, offset + (uint64_t)at, data + at, (size_t)(piece - at));
        oracle_step(a->oracle, a->fs);
        at = piece;
    }
}

static void truncate_file(struct actor *a, int slot, uint64_t size)
{
    int error = sfs_truncate(a->fs, model[slot].ino, size);

    if (agree(a, "truncate", error, 0)) {
        oracle_truncates(a->oracle, slot, size);
        model_truncate(slot, size);
        oracle_step(a->oracle, a->fs);
    }
}

static void rewrite_end(struct actor *a, int slot, uint32_t before, uint32_t size)
{
    before = before < model[slot].size ? before : (uint32_t)model[slot].size;
    size = size < before ? size : before;
    if (size > 0) {
        write_file(a, slot, model[slot].size - before, size);
    }
}

static void change_contents(struct actor *a, const struct op *op, int slot)
{
    if (slot < 0 || model[slot].type != SFS_TYPE_REG) {
        return;
    }
    switch (op->kind) {
    case OP_WRITE:
        write_file(a, slot, op->b, op->a);
        break;
    case OP_APPEND:
        write_file(a, slot, model[slot].size, op->a);
        break;
    case OP_STRETCH:
        truncate_file(a, slot, model[slot].size + op->a);
        break;
    case OP_REWRITE:
        rewrite_end(a, slot, op->b, op->a);
        break;
    default:
        truncate_file(a, slot, op->a);
        break;
    }
}

/* ---- References and durability ---- */

static void open_file(struct actor *a, int slot)
{
    struct sfs_attr attr;

    if (slot < 0 || model[slot].type != SFS_TYPE_REG || a->opens == OP_OPENS) {
        return;
    }
    int error = sfs_iget(a->fs, model[slot].ino, &attr);

    if (error < 0) {
        differ("iget", error, 0);
    }
    model[slot].opens++;
    a->open[a->opens++] = slot;
}

static void close_file(struct actor *a)
{
    if (a->opens > 0) {
        int slot = a->open[0];

        memmove(a->open, a->open + 1, --a->opens * sizeof(a->open[0]));
        sfs_forget(a->fs, model[slot].ino, 1);
        model_release(slot);
    }
}

static void sync_slot(struct actor *a, int slot, bool datasync)
{
    struct oracle_sync sync;

    if (slot < 0) {
        return;
    }
    oracle_sync_begins(a->oracle, slot, datasync, &sync);
    int error = sfs_fsync(a->fs, model[slot].ino, datasync);

    if (error == SFS_ESTALE && a->beside) {
        return; /* it has been removed meanwhile */
    }
    if (error < 0) {
        differ("fsync", error, 0);
    }
    promised(a, &sync);
}

static void sync_all(struct actor *a)
{
    struct oracle_sync sync;

    oracle_sync_begins(a->oracle, -1, false, &sync);
    int error = sfs_sync(a->fs);

    if (error < 0) {
        differ("sync", error, 0);
    }
    promised(a, &sync);
}

/* Nothing is promised: it may happen at any time. */
static void commit(struct actor *a)
{
    int error = sfs_commit_running(a->fs);

    if (error < 0) {
        differ("commit", error, 0);
    }
}

void op_unmount(struct actor *a)
{
    struct oracle_sync sync;

    oracle_sync_begins(a->oracle, -1, false, &sync);
    int error = sfs_unmount(a->fs);

    if (error < 0) {
        differ("unmount", error, 0);
    }
    promised(a, &sync);
}

static void remount(struct actor *a)
{
    while (a->opens > 0) {
        close_file(a);
    }
    op_unmount(a);
    int error = sfs_mount(crashsim_dev(a->sim), a->options, &a->fs);

    if (error < 0) {
        differ("remount", error, 0);
    }
}

/* ---- All of them ---- */

static void run(struct actor *a, const struct op *op)
{
    int dir = dir_slot(op->dir), to = dir_slot(op->to);

    if (dir < 0) {
        return;
    }
    switch (op->kind) {
    case OP_CREATE:
    case OP_MKDIR:
    case OP_SYMLINK:
        make(a, op, dir);
        break;
    case OP_WRITE:
    case OP_APPEND:
    case OP_TRUNCATE:
    case OP_STRETCH:
    case OP_REWRITE:
        change_contents(a, op, child(dir, op->name));
        break;
    case OP_RENAME:
    case OP_REPLACE_NOT:
    case OP_EXCHANGE:
        rename_name(a, op, dir, to);
        break;
    case OP_LINK:
        link_name(a, op, dir, to);
        break;
    case OP_UNLINK:
    case OP_RMDIR:
        remove_name(a, op, dir);
        break;
    case OP_OPEN:
        open_file(a, child(dir, op->name));
        break;
    case OP_CLOSE:
        close_file(a);
        break;
    case OP_FSYNC:
    case OP_FDATASYNC:
        sync_slot(a, child(dir, op->name), op->kind == OP_FDATASYNC);
        break;
    case OP_FSYNC_DIR:
        sync_slot(a, dir, false);
        break;
    case OP_SYNC:
        sync_all(a);
        break;
    case OP_COMMIT:
        commit(a);
        break;
    case OP_REMOUNT:
        remount(a);
        break;
    case OP_NONE:
    case OPS:
        break;
    }
}

/* Who only syncs begins no step. */
void op_run(struct actor *a, const struct op *op)
{
    if (!a->beside) {
        begin(a);
    }
    run(a, op);
    if (!a->beside) {
        end(a);
    }
}
