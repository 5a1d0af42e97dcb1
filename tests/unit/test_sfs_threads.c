/*
 * test_sfs_threads.c - many threads on one volume at once: names of the same directories made,
 * moved and removed, one file written by all, syncs in between. Nothing hangs, the volume is sound,
 * and ThreadSanitizer has seen no two threads at the same memory.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/node.h"
#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

#define THREADS 6
#define ROUNDS  300

static struct ramdisk *disk;
static struct sfs *fs;
static uint64_t dir[3], shared;
static const struct sfs_owner me = {0, 0};
static const struct sfs_mount_options small = {.cache_blocks = 256, .page_kib = 256};

/* Each thread has numbers of its own. */
static uint32_t next(uint64_t *state, uint32_t limit)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % limit;
}

static void touch(uint64_t ino, uint64_t *random)
{
    uint8_t bytes[5000];
    uint64_t offset;

    memset(bytes, (int)next(random, 256), sizeof(bytes));
    (void)sfs_write(fs, ino, next(random, 60000), bytes, next(random, sizeof(bytes)));
    (void)sfs_append(fs, ino, bytes, next(random, 200), &offset);
    (void)sfs_read(fs, ino, next(random, 60000), bytes, sizeof(bytes));
    if (next(random, 4) == 0) {
        (void)sfs_truncate(fs, ino, next(random, 60000));
    }
    if (next(random, 6) == 0) {
        (void)sfs_fsync(fs, ino, next(random, 2));
    }
}

static bool ignore(void *ctx, const struct sfs_entry *entry)
{
    (void)ctx;
    return entry->length > 0;
}

static void one_round(uint64_t *random)
{
    struct sfs_attr attr;
    char name[2] = {(char)('a' + next(random, 6)), '\0'};
    char other[2] = {(char)('a' + next(random, 6)), '\0'};
    uint64_t from = dir[next(random, 3)];
    uint64_t to = dir[next(random, 3)];
    uint64_t cookie = 0;

    switch (next(random, 11)) {
    case 0:
    case 1:
        if (sfs_create(fs, from, name, 1, 0644, me, &attr) == 0 ||
            sfs_lookup(fs, from, name, 1, &attr) == 0) {
            touch(attr.ino, random);
            (void)sfs_forget(fs, attr.ino, 1);
        }
        break;
    case 2:
        if (sfs_mkdir(fs, from, name, 1, 0755, me, &attr) == 0) {
            (void)sfs_forget(fs, attr.ino, 1);
        }
        break;
    case 3:
        (void)sfs_unlink(fs, from, name, 1);
        break;
    case 4:
        (void)sfs_rmdir(fs, from, name, 1);
        break;
    case 5:
        (void)sfs_rename(fs, from, name, 1, to, other, 1, next(random, 3));
        break;
    case 6:
        if (sfs_link(fs, shared, to, name, 1, &attr) == 0) {
            (void)sfs_forget(fs, attr.ino, 1);
        }
        break;
    case 7:
        (void)sfs_readdir(fs, from, &cookie, ignore, NULL);
        break;
    case 8: /* a directory that others are changing just now */
        if (sfs_lookup(fs, dir[0], "E", 1, &attr) == 0) {
            (void)sfs_forget(fs, attr.ino, 1);
        }
        break;
    case 9:
        attr = (struct sfs_attr){.mode = (uint16_t)next(random, 01000)};
        (void)sfs_setattr(fs, next(random, 2) ? from : shared, SFS_SET_MODE, &attr);
        break;
    default:
        touch(shared, random);
        if (next(random, 10) == 0) {
            (void)sfs_sync(fs);
        }
    }
}

static void *worker(void *number)
{
    uint64_t random = (uint64_t)(uintptr_t)number;

    for (int i = 0; i < ROUNDS; i++) {
        one_round(&random);
    }
    return NULL;
}

static uint64_t made(uint64_t parent, const char *name, bool directory)
{
    struct sfs_attr attr;

    assert_int_equal(directory ? sfs_mkdir(fs, parent, name, 1, 0755, me, &attr)
                               : sfs_create(fs, parent, name, 1, 0644, me, &attr),
                     0);
    return attr.ino; /* the reference stays: it is not to be removed for good */
}

/* Files for a thread that removes them just when they are the next to be dropped from memory. */
#define CHURN  1500
#define BEHIND 60 /* of 64 inodes that are kept */

static _Atomic int churned;

static void name_of(int i, char name[8])
{
    (void)snprintf(name, 8, "%06d", i);
}

static void *remover(void *unused)
{
    uint64_t random = 1;

    for (int i = 0; i < CHURN; i++) {
        char name[8];
        int ahead = BEHIND + (int)next(&random, 8);

        while (churned < i + ahead && churned < CHURN) {
        }
        name_of(i, name);
        assert_int_equal(sfs_unlink(fs, 0, name, 6), 0);
    }
    return unused;
}

/* Make file I, or read it: then its access time is to be written before it is dropped. */
static void use(int i, bool create)
{
    struct sfs_attr attr;
    char name[8];

    name_of(i, name);
    if (create) {
        assert_int_equal(sfs_create(fs, 0, name, 6, 0644, me, &attr), 0);
        assert_int_equal(sfs_write(fs, attr.ino, 0, name, 6), 6);
    } else {
        assert_int_equal(sfs_lookup(fs, 0, name, 6, &attr), 0);
        assert_int_equal(sfs_read(fs, attr.ino, 0, name, 6), 6);
    }
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
}

/* Whoever drops an inode writes it first, and it may be removed meanwhile. */
static void test_removed_while_it_is_dropped(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 512};
    pthread_t thread;

    (void)state;
    disk = ramdisk_create(32768, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
    for (int i = 0; i < CHURN; i++) {
        use(i, true);
    }
    assert_int_equal(sfs_sync(fs), 0);
    assert_int_equal(pthread_create(&thread, NULL, remover, NULL), 0);
    for (churned = 0; churned < CHURN; churned++) {
        use(churned, false);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

static void run(uint32_t block_size)
{
    struct sfs_mkfs_options options = {.block_size = block_size};
    pthread_t thread[THREADS];

    disk = ramdisk_create(32768, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
    dir[0] = made(0, "D", true);
    dir[1] = made(dir[0], "E", true);
    dir[2] = made(0, "F", true);
    shared = made(0, "S", false);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, worker, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    assert_false(sfs_read_only(fs));
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

static void test_threads(void **state)
{
    (void)state;
    run(512);
    run(4096);
}

/* ---- An inode that comes, changes and goes while it is being read ---- */

static unsigned unlocks; /* until then, the reader is alone */
static uint32_t before;  /* nodes in memory */
static int64_t stamp;
static bool happened;

static void meanwhile(void)
{
    struct sfs_attr attr = {.mtime_ns = stamp};

    if (fs->upper->nodes != before || unlocks-- > 0) {
        return;
    }
    port_unlocked = NULL;
    happened = true;
    assert_int_equal(sfs_setattr(fs, shared, SFS_SET_MTIME, &attr), 0);
    sfs_nodes_trim(fs, 0);
}

static void test_an_inode_read_is_not_an_old_one(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 4096};
    struct sfs_attr attr;

    (void)state;
    disk = ramdisk_create(8192, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &small, &fs), 0);
    shared = made(0, "S", false);
    assert_int_equal(sfs_forget(fs, shared, 1), 0);
    happened = true;
    for (unsigned moment = 0; happened; moment++) {
        sfs_nodes_trim(fs, 0);
        before = fs->upper->nodes;
        unlocks = moment;
        stamp = 1000 + moment;
        happened = false;
        port_unlocked = meanwhile;
        assert_int_equal(sfs_iget(fs, shared, &attr), 0);
        port_unlocked = NULL;
        assert_true(!happened || attr.mtime_ns == stamp);
        assert_true(happened || moment > 1);
        assert_int_equal(sfs_forget(fs, shared, 1), 0);
    }
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_an_inode_read_is_not_an_old_one),
                                       cmocka_unit_test(test_removed_while_it_is_dropped)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
