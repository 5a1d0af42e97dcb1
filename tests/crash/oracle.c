/* oracle.c - see oracle.h: what is remembered. Judging is in judge.c. */
#include "tests/crash/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/port.h"
#include "fs/sfs.h"
#include "tests/crash/hash.h"
#include "tests/crash/history.h"

#define GROW(array, count, room)                                                                   \
    do {                                                                                           \
        if ((count) == (room)) {                                                                   \
            (room) = (room) == 0 ? 16 : 2 * (room);                                                \
            (array) = realloc((array), (room) * sizeof(*(array)));                                 \
        }                                                                                          \
    } while (0)

/* ---- The volume that everything begins with ---- */

static int slot_of(const struct oracle *oracle, uint64_t ino)
{
    for (int i = 0; i < MODEL_INODES; i++) {
        if (model[i].live && model[i].ino == ino) {
            return i;
        }
    }
    (void)oracle;
    return -1;
}

static int name_of(const char *name, size_t length)
{
    for (int i = 0; i < MODEL_NAMES; i++) {
        if (strlen(model_name[i]) == length && memcmp(model_name[i], name, length) == 0) {
            return i;
        }
    }
    return -1;
}

static void take_entry(void *ctx, uint64_t dir, const char *name, size_t length, uint64_t ino,
                       const struct sfs_inode *inode, const char *target)
{
    struct oracle *oracle = ctx;
    int parent = length > 0 ? slot_of(oracle, dir) : 0;
    int slot = length > 0 ? slot_of(oracle, ino) : 0;
    uint64_t size = (uint64_t)inode->size_hi << 32 | inode->size_lo;

    if (slot < 0) {
        slot = model_slot();
        SFS_ASSERT(slot > 0);
        model[slot] = (struct model_inode){.live = true, .parent = parent};
        for (int i = 0; i < MODEL_NAMES; i++) {
            model[slot].entry[i] = -1;
        }
    }
    model[slot].type = inode->mode >> 12;
    model[slot].permissions = inode->mode & 07777;
    model[slot].nlink = inode->nlink;
    model[slot].ino = ino;
    if (target != NULL && model[slot].data == NULL) {
        model_write(slot, 0, target, size);
    }
    if (length > 0) {
        int at = name_of(name, length);

        SFS_ASSERT(at >= 0);
        model[parent].entry[at] = slot;
    }
}

/* ---- Files ---- */

static struct history *history_of(struct oracle *oracle, int slot)
{
    return &oracle->file[oracle->file_of[slot]];
}

static void snapshot(struct oracle *oracle, int slot, uint32_t step)
{
    struct history *h = history_of(oracle, slot);

    GROW(h->shot, h->shots, h->shot_room);
    struct snapshot *shot = &h->shot[h->shots++];

    *shot = (struct snapshot){step, model[slot].size, malloc(model[slot].size + 1)};
    memcpy(shot->data, model[slot].size > 0 ? model[slot].data : (uint8_t *)"", model[slot].size);
}

static void note(struct oracle *oracle, int slot, struct change change)
{
    struct history *h = history_of(oracle, slot);

    GROW(h->change, h->changes, h->change_room);
    h->change[h->changes++] = change;
}

/* A file that is new in the model gets a history of its own. */
static void new_file(struct oracle *oracle, int slot)
{
    GROW(oracle->file, oracle->files, oracle->file_room);
    oracle->file[oracle->files] = (struct history){.born = oracle->steps};
    oracle->file_of[slot] = oracle->files++;
    oracle->ino_of[slot] = model[slot].ino;
    snapshot(oracle, slot, oracle->steps);
}

/* ---- Steps ---- */

static uint64_t digest_slot(struct oracle *oracle, int slot)
{
    const struct model_inode *m = &model[slot];
    uint64_t sum = digest_inode(
        &(struct digest_inode){.ino = m->ino,
                               .mode = m->type << 12 | m->permissions,
                               .nlink = m->nlink,
                               .size = m->type == SFS_TYPE_DIR ? oracle->dir_size[slot] : m->size,
                               .mtime = oracle->mtime[slot],
                               .ctime = oracle->ctime[slot],
                               .target = m->type == SFS_TYPE_LNK ? m->data : NULL});

    for (int i = 0; m->type == SFS_TYPE_DIR && i < MODEL_NAMES; i++) {
        if (m->entry[i] >= 0) {
            sum +=
                digest_name(m->ino, model_name[i], strlen(model_name[i]), model[m->entry[i]].ino);
        }
    }
    return sum;
}

/* Times, and the sizes of directories, are the file system's own affair: it is asked. */
static void ask(struct oracle *oracle, struct sfs *fs, int slot)
{
    struct sfs_attr attr;

    if (fs != NULL && sfs_getattr(fs, model[slot].ino, &attr) == 0) {
        oracle->mtime[slot] = attr.mtime_ns;
        oracle->ctime[slot] = attr.ctime_ns;
        oracle->dir_size[slot] = attr.size;
    }
}

static void push_step(struct oracle *oracle, struct sfs *fs)
{
    struct step step = {0};

    GROW(oracle->step, oracle->steps, oracle->step_room);
    for (int slot = 0; slot < MODEL_INODES; slot++) {
        if (!model[slot].live) {
            oracle->file_of[slot] = NO_FILE;
            continue;
        }
        if (oracle->file_of[slot] != NO_FILE && oracle->ino_of[slot] != model[slot].ino) {
            oracle->file_of[slot] = NO_FILE;
        }
        if (model[slot].type == SFS_TYPE_REG && oracle->file_of[slot] == NO_FILE) {
            new_file(oracle, slot);
        }
        if (model[slot].nlink == 0) {
            continue;
        }
        ask(oracle, fs, slot);
        step.digest += digest_slot(oracle, slot);
        if (model[slot].type == SFS_TYPE_REG) {
            step.file[step.files++] = (struct found_file){model[slot].ino, oracle->file_of[slot]};
        }
    }
    oracle->step[oracle->steps++] = step;
}

void oracle_step(struct oracle *oracle, struct sfs *fs)
{
    push_step(oracle, fs);
    if (oracle->changing >= 0) {
        snapshot(oracle, oracle->changing, oracle->steps - 1);
    }
    oracle->changing = -1;
}

void oracle_touches(struct oracle *oracle, int slot)
{
    oracle->meta_step[slot] = oracle->steps;
}

void oracle_writes(struct oracle *oracle, int slot, uint64_t offset, uint64_t size)
{
    oracle->changing = slot;
    oracle_touches(oracle, slot);
    if (offset + size > model[slot].size) {
        oracle->data_step[slot] = oracle->steps;
    }
    note(oracle, slot, (struct change){oracle->steps, false, offset, offset + size});
}

void oracle_truncates(struct oracle *oracle, int slot, uint64_t size)
{
    oracle->changing = slot;
    oracle_touches(oracle, slot);
    oracle->data_step[slot] = oracle->steps;
    note(oracle, slot, (struct change){oracle->steps, true, size, size});
}

uint32_t oracle_steps(const struct oracle *oracle)
{
    return oracle->steps - 1;
}

/* ---- Needs ---- */

void oracle_sync_begins(const struct oracle *oracle, int slot, bool datasync,
                        struct oracle_sync *sync)
{
    *sync = (struct oracle_sync){.step = oracle->steps - 1, .durable = oracle->steps - 1};
    if (slot >= 0) {
        sync->durable = datasync ? oracle->data_step[slot] : oracle->meta_step[slot];
    }
    for (int i = 0; i < MODEL_INODES; i++) {
        bool synced = slot < 0 || slot == i;

        if (synced && model[i].live && oracle->file_of[i] != NO_FILE) {
            sync->slot[sync->files] = i;
            sync->file[sync->files++] = oracle->file_of[i];
        }
    }
}

uint32_t oracle_synced(struct oracle *oracle, const struct oracle_sync *sync)
{
    uint32_t need = oracle->needs;
    uint32_t before = need > 0 ? oracle->need[need - 1] : 0;

    for (uint32_t i = 0; i < sync->files; i++) {
        struct history *h = &oracle->file[sync->file[i]];

        if (oracle->file_of[sync->slot[i]] == sync->file[i]) {
            GROW(h->sync, h->syncs, h->sync_room);
            h->sync[h->syncs++] = (struct synced){need, sync->step};
        }
    }
    GROW(oracle->need, oracle->needs, oracle->need_room);
    oracle->need[oracle->needs++] = sync->durable > before ? sync->durable : before;
    return need;
}

uint32_t oracle_needs(const struct oracle *oracle)
{
    return oracle->needs - 1;
}

/* ---- Stamps ---- */

void oracle_stamp(struct oracle *oracle, int slot, uint64_t position, uint8_t *data, uint64_t size)
{
    uint64_t file = oracle->file_of[slot];

    for (uint64_t at = position; at < position + size; at++) {
        uint64_t word =
            hash_mix((file << 48 | (uint64_t)oracle->steps << 32) + at / 8 + oracle->salt);

        data[at - position] = (uint8_t)(word >> at % 8 * 8);
    }
}

/* ---- The whole ---- */

/* The contents of files at step 0 are what the volume says. */
static void take_contents(const struct reading *reading)
{
    for (uint32_t i = 0; i < reading->files; i++) {
        const struct reader_file *file = &reading->file[i];

        for (int slot = 0; slot < MODEL_INODES; slot++) {
            if (model[slot].live && model[slot].ino == file->ino) {
                model_write(slot, 0, file->data, file->size);
            }
        }
    }
}

static void take_times(void *ctx, uint64_t dir, const char *name, size_t length, uint64_t ino,
                       const struct sfs_inode *inode, const char *target)
{
    struct oracle *oracle = ctx;
    int slot = slot_of(oracle, ino);

    (void)dir;
    (void)name;
    (void)length;
    (void)target;
    oracle->mtime[slot] = inode->mtime_ns;
    oracle->ctime[slot] = inode->ctime_ns;
    oracle->dir_size[slot] = inode->size_lo;
}

/* Blocks that a file of step 0 has not got. */
static void take_holes(struct oracle *oracle, const struct reading *reading)
{
    for (uint32_t i = 0; i < reading->files; i++) {
        const struct reader_file *file = &reading->file[i];
        struct history *h = history_of(oracle, slot_of(oracle, file->ino));
        uint64_t blocks = (file->size + oracle->bs - 1) / oracle->bs;

        h->base_blocks = blocks;
        h->base = calloc(blocks + 1, 1);
        for (uint64_t n = 0; n < blocks; n++) {
            h->base[n] = file->lba[n * (oracle->bs / 512)] != 0;
        }
    }
}

struct oracle *oracle_create(const uint8_t *image)
{
    struct oracle *oracle = calloc(1, sizeof(*oracle));
    struct oracle_sync all;
    struct reading reading;

    model_reset(SFS_NAME_MAX);
    oracle->bs = ((const struct sfs_super *)image)->block_size;
    oracle->changing = -1;
    for (int i = 0; i < MODEL_INODES; i++) {
        oracle->file_of[i] = NO_FILE;
    }
    reader_read(image, &reading, take_entry, oracle);
    oracle->salt = reading.digest << 8;
    take_contents(&reading);
    reader_free(&reading);
    reader_read(image, &reading, take_times, oracle);
    push_step(oracle, NULL);
    take_holes(oracle, &reading);
    reader_free(&reading);
    oracle_sync_begins(oracle, -1, false, &all);
    oracle_synced(oracle, &all);
    return oracle;
}

void oracle_free(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->files; i++) {
        struct history *h = &oracle->file[i];

        for (uint32_t s = 0; s < h->shots; s++) {
            free(h->shot[s].data);
        }
        free(h->shot);
        free(h->change);
        free(h->sync);
        free(h->base);
    }
    free(oracle->file);
    free(oracle->step);
    free(oracle->need);
    free(oracle);
}
