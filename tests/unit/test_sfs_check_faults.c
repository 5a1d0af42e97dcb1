/*
 * test_sfs_check_faults.c - repairs that are disturbed: the power is cut at every write and flush, a
 * read, write or flush fails, memory runs out. What is left must be repaired by the next check, and
 * files that were not damaged must have come to no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/plants.h"
#include "tests/fs/port_host.h"

static const struct vol_format *format;
static char *before;

/* Several kinds of damage that do not hide each other: the repair writes everywhere. */
static const char *const sets[][8] = {
    {"csum_directory", "twice_data", "nlink_high", "block_leak", "inode_leak", "tail", "sparse"},
    {"unnamed_directory", "unnamed_file", "backup_garbage", "csum_stale_free"},
    {"no_log", "size_small", "orphan_garbage", "dangling_free"},
    {"primary_garbage", "dir_hole", "csum_data_bitmap"},
};
#define SETS (sizeof(sets) / sizeof(sets[0]))

/* Allocations fail one by one up to DENSE, where everything is set up; then every STRIDE-th. */
#define DENSE  40
#define STRIDE 29

static const struct plant *find(const char *name)
{
    const struct plant *plant = plants;

    while (plant->name != NULL && strcmp(plant->name, name) != 0) {
        plant++;
    }
    assert_non_null(plant->name);
    return plant;
}

/* The superblock goes last: the other plants need it. */
static struct ramdisk *damaged(size_t set)
{
    struct ramdisk *disk = vol_make(format);

    for (int i = 7; i >= 0; i--) {
        if (sets[set][i] != NULL) {
            find(sets[set][i])->damage(disk);
        }
    }
    ramdisk_settle(disk);
    return disk;
}

static bool may_differ(size_t set, const char *line)
{
    for (int i = 0; i < 8 && sets[set][i] != NULL; i++) {
        for (const char *at = find(sets[set][i])->touched; *at != '\0';) {
            size_t length = strcspn(at, " ");

            if (strncmp(line, at, length) == 0 && strchr(" /", line[length]) != NULL) {
                return true;
            }
            at += length + (at[length] == ' ');
        }
    }
    return false;
}

static void compare(size_t set, struct ramdisk *disk)
{
    char *after = vol_tree(disk);

    for (const char *at = before; *at != '\0'; at = strchr(at, '\n') + 1) {
        char path[4096];
        const char *now;

        snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, " "), at);
        now = vol_line(after, path);
        if (!may_differ(set, at) && (now == NULL || strncmp(at, now, strlen(now)) != 0)) {
            fail_msg("set %zu, %u bytes: %.*s is now %s", set, format->bs, (int)strcspn(at, "\n"),
                     at, now != NULL ? now : "gone");
        }
    }
    free(after);
}

/* A repair without disturbance leads to a sound volume. */
static void repair_rest(size_t set, struct ramdisk *disk, long n)
{
    int64_t found = vol_check(disk, true);

    if (found < 0 || vol_result.left != 0) {
        fail_msg("set %zu, %u bytes, %ld: %lld\n%s", set, format->bs, n, (long long)found,
                 vol_lines);
    }
    if (vol_check(disk, false) != 0) {
        fail_msg("set %zu, %u bytes, %ld: not clean\n%s", set, format->bs, n, vol_lines);
    }
    ramdisk_settle(disk);
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
    compare(set, disk);
}

static void for_all(void (*test)(size_t set))
{
    for (format = vol_formats; format->bs != 0; format++) {
        if (format->version == SFS_VERSION_SEED || (format->bs != 512 && format->bs != 4096)) {
            continue;
        }
        struct ramdisk *disk = vol_make(format);

        before = vol_tree(disk);
        ramdisk_free(disk);
        for (size_t set = 0; set < SETS; set++) {
            test(set);
        }
        free(before);
    }
}

/* ---- The power is cut ---- */

static void cut(size_t set)
{
    const struct ramdisk_fate fates[] = {
        {0, 0, -1, -1}, {1, 0, -1, -1}, {0.5, 0, -1, -1}, {0.5, 0.5, -1, -1}};
    bool was_cut = true;

    for (long n = 0; was_cut; n++) {
        struct ramdisk *disk = damaged(set);

        ramdisk_cut_after(disk, n);
        (void)vol_check(disk, true);
        was_cut = ramdisk_is_cut(disk);
        for (size_t i = 0; i < 2 && was_cut; i++) {
            rng_seed((uint64_t)n * 10 + i);
            struct ramdisk *after = ramdisk_after_cut(disk, &fates[((size_t)n + i) % 4]);

            repair_rest(set, after, n);
            ramdisk_free(after);
        }
        ramdisk_free(disk);
    }
}

static void test_power_cuts(void **state)
{
    (void)state;
    for_all(cut);
}

/* ---- Something fails ---- */

static void fail_at(size_t set, enum blk_op op)
{
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct ramdisk *disk = damaged(set);

        ramdisk_fail(disk, op, n, 1);
        int64_t found = vol_check(disk, true);

        failed = ramdisk_failed(disk);
        assert_true(found > 0 || failed);
        ramdisk_settle(disk);
        repair_rest(set, disk, n);
        ramdisk_free(disk);
    }
}

static void eio(size_t set)
{
    fail_at(set, BLK_READ);
    fail_at(set, BLK_WRITE);
    fail_at(set, BLK_FLUSH);
}

static void enomem(size_t set)
{
    bool failed = true;

    for (long n = 0; failed; n += n < DENSE ? 1 : STRIDE) {
        struct ramdisk *disk = damaged(set);

        port_fail_alloc(n);
        int64_t found = vol_check(disk, true);

        failed = port_alloc_failed();
        port_fail_alloc(-1);
        assert_true(found > 0 || found == SFS_ENOMEM || found == SFS_EIO);
        ramdisk_settle(disk);
        repair_rest(set, disk, n);
        ramdisk_free(disk);
    }
}

static void test_eio(void **state)
{
    (void)state;
    for_all(eio);
}

static void test_enomem(void **state)
{
    (void)state;
    for_all(enomem);
}

/* ---- The mark ---- */

struct marked {
    struct ramdisk *disk;
    bool flushed; /* since the superblock was written */
    unsigned repairs;
};

static void on_event(void *ctx, const struct ramdisk_event *event)
{
    struct marked *marked = ctx;

    if (event->op == BLK_FLUSH) {
        marked->flushed = true;
    } else if (event->cls == BLK_CLASS_SUPERBLOCK) {
        marked->flushed = false;
    } else {
        assert_int_equal(vol_super(marked->disk)->state, SFS_STATE_ERROR);
        assert_true(marked->flushed || marked->repairs > 0);
        marked->repairs++;
    }
}

/* Before the first repair the superblock says "damaged", durably; "clean" is the last write. */
static void test_marked_while_it_is_repaired(void **state)
{
    (void)state;
    format = vol_formats;
    struct marked marked = {.disk = damaged(0)};

    ramdisk_watch(marked.disk, on_event, &marked);
    assert_true(vol_check(marked.disk, true) > 0);
    assert_true(marked.repairs > 10);
    assert_int_equal(vol_super(marked.disk)->state, SFS_STATE_CLEAN);
    assert_int_equal(vol_super(marked.disk)->error_count, 0);
    ramdisk_free(marked.disk);
}

/* A device that cannot be written is checked, and not repaired. */
static void test_read_only(void **state)
{
    (void)state;
    format = vol_formats;
    struct ramdisk *disk = damaged(0);

    ramdisk_dev(disk)->ro = true;
    assert_true(vol_check(disk, false) > 0);
    assert_int_equal(vol_check(disk, true), SFS_EROFS);
    ramdisk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts),
                                       cmocka_unit_test(test_eio), cmocka_unit_test(test_enomem),
                                       cmocka_unit_test(test_read_only),
                                       cmocka_unit_test(test_marked_while_it_is_repaired)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
