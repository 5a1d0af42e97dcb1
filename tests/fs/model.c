/* model.c - see model.h. */
#include "tests/fs/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/error.h"
#include "fs/format.h"
#include "fs/sfs.h"

struct model_inode model[MODEL_INODES];

static char long_name[3][256];
const char *model_name[MODEL_NAMES] = {
    "a",  "b",          "c",          "file",      "dir",
    "x1", "x2",         "tmp",        "name.txt",  "another name",
    "B",  long_name[0], long_name[1], long_name[2]};

static void set_long_names(unsigned max)
{
    for (int i = 0; i < 3; i++) {
        memset(long_name[i], 'l' + i, sizeof(long_name[i]));
        long_name[i][i == 0 ? max : max / 2 + (unsigned)i] = '\0';
    }
}

static void no_entries(int inode)
{
    for (int i = 0; i < MODEL_NAMES; i++) {
        model[inode].entry[i] = -1;
    }
}

static void drop(int inode)
{
    if (model[inode].nlink == 0 && model[inode].opens == 0) {
        free(model[inode].data);
        free(model[inode].durable);
        memset(&model[inode], 0, sizeof(model[inode]));
    }
}

void model_reset(unsigned max)
{
    for (int i = 0; i < MODEL_INODES; i++) {
        free(model[i].data);
        free(model[i].durable);
    }
    memset(model, 0, sizeof(model));
    set_long_names(max);
    model[0] =
        (struct model_inode){.live = true, .type = SFS_TYPE_DIR, .permissions = 0755, .nlink = 2};
    no_entries(0);
}

int model_slot(void)
{
    for (int i = 1; i < MODEL_INODES; i++) {
        if (!model[i].live) {
            return i;
        }
    }
    return -1;
}

static bool is_dir(int inode)
{
    return model[inode].type == SFS_TYPE_DIR;
}

static int check_dir(int dir)
{
    return !is_dir(dir) ? SFS_ENOTDIR : model[dir].nlink == 0 ? SFS_ENOENT : 0;
}

int model_make(int dir, int name, uint32_t type, uint64_t ino, const void *target, size_t size,
               int *made)
{
    int slot = model_slot();
    int error = check_dir(dir);

    if (error < 0) {
        return error;
    }
    if (model[dir].entry[name] >= 0) {
        return SFS_EEXIST;
    }
    model[slot] = (struct model_inode){.live = true,
                                       .type = type,
                                       .permissions = type == SFS_TYPE_LNK ? 0777 : 0750,
                                       .nlink = type == SFS_TYPE_DIR ? 2 : 1,
                                       .ino = ino,
                                       .parent = dir};
    no_entries(slot);
    model[dir].entry[name] = slot;
    model[dir].nlink += type == SFS_TYPE_DIR;
    if (size > 0) {
        model_write(slot, 0, target, size);
    }
    *made = slot;
    return 0;
}

int model_link(int inode, int dir, int name)
{
    int error;

    if (is_dir(inode) && is_dir(dir)) { /* never; but a name that is taken is said first */
        return model[dir].nlink > 0 && model[dir].entry[name] >= 0 ? SFS_EEXIST : SFS_EPERM;
    }
    error = check_dir(dir);
    if (error < 0) {
        return error;
    }
    if (model[dir].entry[name] >= 0) {
        return SFS_EEXIST;
    }
    if (model[inode].nlink == 0) {
        return SFS_ENOENT;
    }
    model[dir].entry[name] = inode;
    model[inode].nlink++;
    return 0;
}

static bool is_empty(int dir)
{
    for (int i = 0; i < MODEL_NAMES; i++) {
        if (model[dir].entry[i] >= 0) {
            return false;
        }
    }
    return true;
}

static void lose_name(int dir, int inode)
{
    model[dir].nlink -= is_dir(inode);
    model[inode].nlink = is_dir(inode) ? 0 : model[inode].nlink - 1;
    drop(inode);
}

int model_remove(int dir, int name, bool rmdir)
{
    int error = check_dir(dir);
    int inode;

    if (error < 0) {
        return error;
    }
    inode = model[dir].entry[name];
    if (inode < 0) {
        return SFS_ENOENT;
    }
    if (rmdir != is_dir(inode)) {
        return rmdir ? SFS_ENOTDIR : SFS_EISDIR;
    }
    if (rmdir && !is_empty(inode)) {
        return SFS_ENOTEMPTY;
    }
    model[dir].entry[name] = -1;
    lose_name(dir, inode);
    return 0;
}

/* Is A the directory B, or above it? */
static bool is_above(int a, int b)
{
    for (; b != 0; b = model[b].parent) {
        if (a == b) {
            return true;
        }
    }
    return a == 0;
}

static void move_dir(int inode, int from, int to)
{
    if (is_dir(inode)) {
        model[from].nlink--;
        model[to].nlink++;
        model[inode].parent = to;
    }
}

int model_rename(int from, int name, int to, int other, unsigned flags)
{
    int a, b;

    if (!is_dir(from) || !is_dir(to)) {
        return SFS_ENOTDIR;
    }
    if (check_dir(from) < 0 || check_dir(to) < 0) {
        return SFS_ENOENT;
    }
    a = model[from].entry[name];
    b = model[to].entry[other];
    if (a < 0) {
        return SFS_ENOENT;
    }
    if ((flags & SFS_RENAME_NOREPLACE) && b >= 0) {
        return SFS_EEXIST;
    }
    if ((flags & SFS_RENAME_EXCHANGE) && b < 0) {
        return SFS_ENOENT;
    }
    if (is_dir(a) && is_above(a, to)) {
        return SFS_EINVAL;
    }
    if (b >= 0 && is_dir(b) && is_above(b, from)) {
        return (flags & SFS_RENAME_EXCHANGE) ? SFS_EINVAL : SFS_ENOTEMPTY;
    }
    if (a == b) {
        return 0;
    }
    if (flags & SFS_RENAME_EXCHANGE) {
        model[from].entry[name] = b;
        model[to].entry[other] = a;
        move_dir(a, from, to);
        move_dir(b, to, from);
        return 0;
    }
    if (b >= 0 && is_dir(a) != is_dir(b)) {
        return is_dir(a) ? SFS_ENOTDIR : SFS_EISDIR;
    }
    if (b >= 0 && is_dir(b) && !is_empty(b)) {
        return SFS_ENOTEMPTY;
    }
    model[from].entry[name] = -1;
    model[to].entry[other] = a;
    move_dir(a, from, to);
    if (b >= 0) {
        lose_name(to, b);
    }
    return 0;
}

void model_truncate(int inode, uint64_t size)
{
    struct model_inode *m = &model[inode];

    m->data = realloc(m->data, size + 1);
    if (size > m->size) {
        memset(m->data + m->size, 0, size - m->size);
    }
    m->size = size;
    m->durable_size = m->durable_size < size ? m->durable_size : size;
}

void model_write(int inode, uint64_t offset, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    if (offset + size > model[inode].size) {
        model_truncate(inode, offset + size);
    }
    memcpy(model[inode].data + offset, data, size);
}

void model_release(int inode)
{
    model[inode].opens--;
    drop(inode);
}

void model_fsync(int inode)
{
    struct model_inode *m = &model[inode];

    free(m->durable);
    m->durable = malloc(m->size + 1);
    memcpy(m->durable, m->data != NULL ? m->data : (uint8_t *)"", m->size);
    m->durable_size = m->size;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x100000001B3ull + 0x9E3779B9u;
}

static uint64_t digest(int inode, int depth)
{
    const struct model_inode *m = &model[inode];
    uint64_t hash = mix(mix(mix(1, m->type << 12 | m->permissions), m->nlink), depth);

    if (!is_dir(inode)) {
        hash = mix(hash, m->size);
        for (uint64_t i = 0; m->type == SFS_TYPE_LNK && i < m->size; i++) {
            hash = mix(hash, m->data[i]);
        }
        return hash;
    }
    for (int i = 0; i < MODEL_NAMES; i++) {
        if (m->entry[i] >= 0) {
            hash = mix(mix(hash, (uint64_t)i), digest(m->entry[i], depth + 1));
        }
    }
    return hash;
}

uint64_t model_digest(void)
{
    return digest(0, 0);
}
