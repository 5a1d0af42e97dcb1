/* verify.c - see verify.h. */
#include "tests/crash/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/sfs.h"
#include "tests/crash/hash.h"
#include "tests/crash/port_crash.h"
#include "tests/fs/checker.h"

#define PROBE "crash probe"

const struct sfs_mount_options verify_options = {.cache_blocks = 64, .page_kib = 256};

/* A volume as recovery left it. */
struct volume {
    uint64_t hash;
    struct reading reading;
    enum failure failure; /* whatever is promised */
    char text[160];
    uint32_t judged_need; /* 1 + the newest need that it was judged by */
    struct judgement judgement;
};

/* A table of numbers by hash: open addressing. */
struct table {
    struct {
        uint64_t hash;
        uint32_t number;
    } * slot;
    uint32_t slots, used;
};

struct verifier {
    struct scratch *disk;
    const struct oracle *oracle;
    struct table states;  /* to volumes */
    struct table volumes; /* by the hash of what is not the journal */
    struct volume **volume;
    uint32_t count, room;
    uint32_t durable_event; /* 1 + the event that durable_sectors is of */
    uint8_t *durable;       /* sectors that hold contents in the tree that is durable there */
};

/* ---- Tables ---- */

static uint32_t *table_find(const struct table *table, uint64_t hash)
{
    for (uint32_t at = (uint32_t)hash; table->slots > 0; at++) {
        at &= table->slots - 1;
        if (table->slot[at].hash == hash) {
            return &table->slot[at].number;
        }
        if (table->slot[at].hash == 0) {
            return NULL;
        }
    }
    return NULL;
}

static void table_add(struct table *table, uint64_t hash, uint32_t number)
{
    if (table->used >= table->slots / 2) {
        struct table old = *table;

        table->slots = old.slots == 0 ? 1024 : 2 * old.slots;
        table->used = 0;
        table->slot = calloc(table->slots, sizeof(*table->slot));
        for (uint32_t i = 0; i < old.slots; i++) {
            if (old.slot[i].hash != 0) {
                table_add(table, old.slot[i].hash, old.slot[i].number);
            }
        }
        free(old.slot);
    }
    uint32_t at = (uint32_t)hash & (table->slots - 1);

    while (table->slot[at].hash != 0) {
        at = (at + 1) & (table->slots - 1);
    }
    table->slot[at].hash = hash;
    table->slot[at].number = number;
    table->used++;
}

/* ---- The volume that recovery leaves ---- */

static void fail(struct volume *volume, enum failure failure, const char *what, int64_t value)
{
    if (volume->failure == FAILURE_NONE) {
        volume->failure = failure;
        snprintf(volume->text, sizeof(volume->text), "%s (%lld)", what, (long long)value);
    }
}

static int recover(struct verifier *v, struct volume *volume)
{
    struct sfs *fs;
    int error = sfs_mount(&v->disk->dev, &verify_options, &fs);

    if (error < 0) {
        fail(volume, FAILURE_MOUNT, "mount fails", error);
        return error;
    }
    if (sfs_read_only(fs)) {
        fail(volume, FAILURE_MOUNT, "mounted read-only", 0);
    }
    error = sfs_unmount(fs);
    if (error < 0) {
        fail(volume, FAILURE_MOUNT, "unmount fails", error);
    }
    return error;
}

/* A file comes and goes. ENOSPC is no mistake of a full volume. */
static int use(struct sfs *fs, uint64_t *ino)
{
    const size_t length = strlen(PROBE);
    uint8_t data[700], back[sizeof(data)];
    struct sfs_attr attr;
    int error = sfs_create(fs, SFS_ROOT, PROBE, length, 0600, (struct sfs_owner){0, 0}, &attr);

    if (error < 0) {
        return error;
    }
    *ino = attr.ino;
    memset(data, 0x5A, sizeof(data));
    int64_t wrote = sfs_write(fs, attr.ino, 0, data, sizeof(data));
    error = sfs_fsync(fs, attr.ino, false);
    if (wrote > 0 && error == 0 &&
        (sfs_read(fs, attr.ino, 0, back, sizeof(back)) != wrote ||
         memcmp(data, back, (size_t)wrote) != 0)) {
        error = SFS_EIO;
    }
    int second = sfs_unlink(fs, SFS_ROOT, PROBE, length);

    sfs_forget(fs, attr.ino, 1);
    error = error < 0 ? error : second;
    return error < 0 ? error : wrote < 0 ? (int)wrote : 0;
}

static void try_to_use(struct verifier *v, struct volume *volume)
{
    const uint64_t blocks = volume->reading.free_blocks, inodes = volume->reading.free_inodes;
    struct sfs_statfs stat;
    struct reading after;
    struct sfs *fs;
    uint64_t ino = 0;
    int error = sfs_mount(&v->disk->dev, &verify_options, &fs);

    if (error < 0) {
        fail(volume, FAILURE_MOUNT, "the second mount fails", error);
        return;
    }
    sfs_statfs(fs, &stat);
    if (stat.blocks_free != blocks || stat.inodes_free != inodes) {
        fail(volume, FAILURE_CHECK, "free counts are wrong", (int64_t)stat.blocks_free);
    }
    error = use(fs, &ino);
    if (error < 0 && !(error == SFS_ENOSPC && (blocks < 16 || inodes == 0))) {
        fail(volume, FAILURE_CHECK, "it cannot be written", error);
    }
    sfs_statfs(fs, &stat);
    error = sfs_unmount(fs);
    if (error < 0) {
        fail(volume, FAILURE_MOUNT, "the second unmount fails", error);
        return;
    }
    int findings = check_volume(v->disk->bytes, v->disk->sectors * BLK_SECTOR);
    if (findings > 0) {
        fail(volume, FAILURE_CHECK, "findings after it was written", findings);
        return;
    }
    reader_read(v->disk->bytes, &after, NULL, NULL);
    if (after.free_blocks != stat.blocks_free || after.free_inodes != stat.inodes_free ||
        after.free_inodes != inodes || after.free_blocks > blocks ||
        after.free_blocks + 4 < blocks) {
        fail(volume, FAILURE_CHECK, "free counts after use are wrong", (int64_t)after.free_blocks);
    }
    reader_free(&after);
}

static struct volume *new_volume(struct verifier *v)
{
    if (v->count == v->room) {
        v->room = v->room == 0 ? 64 : 2 * v->room;
        v->volume = realloc(v->volume, v->room * sizeof(*v->volume));
    }
    return v->volume[v->count++] = calloc(1, sizeof(struct volume));
}

/* DISK holds a state: recover it, and look at what is there then. */
static struct volume *read_state(struct verifier *v, uint32_t *number, bool *is_new)
{
    struct volume *volume = new_volume(v);

    *number = v->count - 1;
    *is_new = true;
    if (recover(v, volume) < 0) {
        return volume;
    }
    uint64_t home = v->disk->home + (v->disk->home == 0);
    uint32_t *known = table_find(&v->volumes, home);

    if (known != NULL && volume->failure == FAILURE_NONE) {
        free(volume);
        v->count--;
        *number = *known;
        *is_new = false;
        return v->volume[*known];
    }
    volume->hash = home;
    int findings = check_volume(v->disk->bytes, v->disk->sectors * BLK_SECTOR);
    if (findings > 0) {
        fail(volume, FAILURE_CHECK, "findings of the checker", findings);
        return volume;
    }
    if (((const struct sfs_super *)v->disk->bytes)->state != SFS_STATE_CLEAN) {
        fail(volume, FAILURE_CHECK, "not clean after unmount", 0);
    }
    reader_read(v->disk->bytes, &volume->reading, NULL, NULL);
    try_to_use(v, volume);
    if (known == NULL) {
        table_add(&v->volumes, home, *number);
    }
    return volume;
}

/* ---- States ---- */

/* Which sectors hold contents if nothing that is pending happens? */
static void find_durable(struct verifier *v, struct point *point)
{
    struct volume volume = {0};
    struct reading reading;

    if (v->durable_event == point->event + 1) {
        return;
    }
    v->durable_event = point->event + 1;
    memset(v->durable, 0, v->disk->sectors);
    scratch_mark(v->disk);
    if (recover(v, &volume) == 0 &&
        check_volume(v->disk->bytes, v->disk->sectors * BLK_SECTOR) == 0) {
        reader_read(v->disk->bytes, &reading, NULL, NULL);
        for (uint32_t f = 0; f < reading.files; f++) {
            uint64_t sectors = (reading.file[f].size + BLK_SECTOR - 1) / BLK_SECTOR;

            for (uint64_t i = 0; i < sectors; i++) {
                v->durable[reading.file[f].lba[i]] = 1;
            }
        }
        reader_free(&reading);
    }
    scratch_undo(v->disk);
}

/* A sector that is garbage may be so in a file, too, if it overwrites one that was durable. */
static uint32_t excused(struct verifier *v, struct point *point)
{
    if (point->garbage == TRACE_NEVER) {
        return 0;
    }
    const struct sector *sector = &point->sector[point->garbage];
    uint32_t write = sector->version[sector->versions - 1].write;

    if (point->trace->write[write].cls != BLK_CLASS_DATA) {
        return 0;
    }
    find_durable(v, point);
    return v->durable[sector->lba] ? (uint32_t)sector->lba : 0;
}

static void judge(struct verifier *v, struct volume *volume, struct point *point)
{
    if (volume->judged_need != point->need + 1 || volume->judgement.kind != VERDICT_FINE) {
        oracle_judge(v->oracle, &volume->reading, point->need, point->now, excused(v, point),
                     &volume->judgement);
        volume->judged_need = point->need + 1;
    }
}

static void report(const struct volume *volume, struct finding *finding)
{
    static const enum failure failures[] = {
        [VERDICT_FINE] = FAILURE_NONE,
        [VERDICT_TREE] = FAILURE_CHECK,
        [VERDICT_LOST] = FAILURE_LOST,
        [VERDICT_EXPOSED] = FAILURE_EXPOSED,
    };

    if (volume->failure != FAILURE_NONE) {
        finding->failure = volume->failure;
        snprintf(finding->text, sizeof(finding->text), "%s", volume->text);
        return;
    }
    finding->failure = failures[volume->judgement.kind];
    finding->bytes = volume->judgement.bytes;
    snprintf(finding->text, sizeof(finding->text), "%s", volume->judgement.text);
}

void verifier_look(struct verifier *v, struct point *point, struct finding *finding)
{
    uint64_t hash = point->hash + (point->hash == 0);
    uint32_t *known = table_find(&v->states, hash);
    struct volume *volume;
    uint32_t number;

    *finding = (struct finding){.failure = FAILURE_NONE, .fresh = known == NULL};
    if (known != NULL) {
        volume = v->volume[*known];
    } else {
        scratch_mark(v->disk);
        enumerate_apply(point);
        volume = read_state(v, &number, &finding->new_volume);
        scratch_undo(v->disk);
        table_add(&v->states, hash, number);
    }
    if (volume->failure == FAILURE_NONE) {
        judge(v, volume, point);
    }
    report(volume, finding);
}

struct verifier *verifier_create(struct scratch *disk, const struct oracle *oracle)
{
    struct verifier *v = calloc(1, sizeof(*v));

    v->disk = disk;
    v->oracle = oracle;
    v->durable = calloc(disk->sectors, 1);
    return v;
}

void verifier_free(struct verifier *v)
{
    for (uint32_t i = 0; i < v->count; i++) {
        reader_free(&v->volume[i]->reading);
        free(v->volume[i]);
    }
    free(v->volume);
    free(v->states.slot);
    free(v->volumes.slot);
    free(v->durable);
    free(v);
}
