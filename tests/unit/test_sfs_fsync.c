/*
 * test_sfs_fsync.c - what fsync costs, counted in requests, and what it must wait for: the rules of
 * the journal on the side of files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/log.h"
#include "fs/page.h"
#include "tests/fs/checker.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

static struct ramdisk *disk;
static struct sfs *fs;
static uint32_t bs;
static unsigned logs, commits, homes, datas, flushes;
static uint8_t data[1 << 20];
static const struct sfs_owner me = {0, 0};
static const struct sfs_mount_options plain = {.cache_blocks = 256, .page_kib = 1024};

static void watch(void *ctx, const struct ramdisk_event *event)
{
    (void)ctx;
    flushes += event->op == BLK_FLUSH;
    logs += event->op == BLK_WRITE && event->cls == BLK_CLASS_LOG;
    commits += event->op == BLK_WRITE && event->cls == BLK_CLASS_COMMIT;
    datas += event->op == BLK_WRITE && event->cls == BLK_CLASS_DATA;
    homes += event->op == BLK_WRITE && event->cls == BLK_CLASS_HOME;
}

static void forget_counts(void)
{
    logs = commits = homes = datas = flushes = 0;
}

static uint64_t begin(uint32_t block_size)
{
    struct sfs_mkfs_options options = {.block_size = block_size};
    struct sfs_attr attr;

    bs = block_size;
    memset(data, 'd', sizeof(data));
    disk = ramdisk_create(65536, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    assert_int_equal(sfs_create(fs, 0, "f", 1, 0644, me, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    assert_int_equal(sfs_sync(fs), 0);
    ramdisk_watch(disk, watch, NULL);
    return attr.ino;
}

static void end(void)
{
    ramdisk_watch(disk, NULL, NULL);
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

static void both_sizes(void (*test)(uint64_t ino))
{
    for (uint32_t size = 512; size <= 4096; size *= 8) {
        uint64_t ino = begin(size);

        test(ino);
        end();
    }
}

/* J2, J14: one extent of the log, one flush, nothing in place; wherever in the block the end is. */
static void append_and_fsync(uint64_t ino)
{
    for (unsigned i = 0; i < 60; i++) {
        uint64_t offset;

        assert_int_equal(sfs_append(fs, ino, data, 100, &offset), 100);
        forget_counts();
        assert_int_equal(sfs_fsync(fs, ino, i % 2), 0);
        assert_int_equal(datas, 0);
        assert_in_range(flushes, 1, 1 + (homes > 0)); /* the log's tail moves now and then */
        assert_in_range(logs + commits, 1, 2);        /* two where the log wraps */
    }
}

/* Many appends: what the log needs now and then is a small part of what they write. */
static void many_appends(uint64_t ino)
{
    const unsigned count = 600;

    forget_counts();
    for (unsigned i = 0; i < count; i++) {
        uint64_t offset;

        assert_int_equal(sfs_append(fs, ino, data, 10, &offset), 10);
        assert_int_equal(sfs_fsync(fs, ino, false), 0);
    }
    assert_in_range(logs + commits, count, count + count / 20);    /* where the log wraps */
    assert_in_range(homes, 1, bs == 512 ? count / 10 : count / 3); /* 1 MiB of log: 254 blocks */
    assert_in_range(flushes, count, count + 2);
}

/* What is overwritten often soon goes in place, though the log took it when it was new and small. */
static void many_overwrites(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 4096), 4096);
    assert_int_equal(sfs_fsync(fs, ino, true), 0);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(sfs_write(fs, ino, 0, data, 4096), 4096);
        assert_int_equal(sfs_fsync(fs, ino, true), 0);
    }
    forget_counts();
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(sfs_write(fs, ino, 0, data, 4096), 4096);
        assert_int_equal(sfs_fsync(fs, ino, true), 0);
    }
    assert_int_equal(logs + commits, 0);
    assert_int_equal(datas, 10);
    assert_int_equal(flushes, 10);
}

/* The size of a file that nobody has changed since the mount is durable: what lies below it is
 * overwritten in place, and no commit is needed for that. */
static void overwrite_after_mount(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 256 << 10), 256 << 10);
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    forget_counts();
    assert_int_equal(sfs_write(fs, ino, 0, data, 256 << 10), 256 << 10);
    assert_int_equal(logs + commits + homes, 0);
    assert_int_equal(flushes, 1); /* "in use" */
}

/* Large data goes in place, before the commit: two flushes (J1, J3). */
static void large_write_and_fsync(uint64_t ino)
{
    forget_counts();
    assert_int_equal(sfs_write(fs, ino, 0, data, 100000), 100000);
    assert_int_equal(sfs_fsync(fs, ino, false), 0);
    assert_true(datas > 0);
    assert_int_equal(flushes, 2);
}

/* An overwrite of what is durable needs no transaction for fdatasync: a write and a flush. */
static void overwrite_and_fdatasync(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 100000), 100000);
    assert_int_equal(sfs_sync(fs), 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(sfs_write(fs, ino, 8192 * i, data, 4096), 4096);
        forget_counts();
        assert_int_equal(sfs_fsync(fs, ino, true), 0);
        assert_int_equal(logs + commits, 0);
        assert_int_equal(datas, 1);
        assert_int_equal(flushes, 1);
        forget_counts();
        assert_int_equal(sfs_fsync(fs, ino, true), 0);
        assert_int_equal(datas + flushes, 0); /* nothing was written since */
    }
}

/* J8: a name, a mode, a link are durable with fsync; fdatasync lets them wait. */
static void names_and_modes(uint64_t ino)
{
    struct sfs_attr attr = {.mode = 0600};

    assert_int_equal(sfs_setattr(fs, ino, SFS_SET_MODE, &attr), 0);
    forget_counts();
    assert_int_equal(sfs_fsync(fs, ino, true), 0);
    assert_int_equal(logs + commits, 0);
    assert_int_equal(sfs_fsync(fs, ino, false), 0);
    assert_true(logs + commits > 0);
    assert_int_equal(sfs_link(fs, ino, 0, "g", 1, &attr), 0);
    assert_int_equal(sfs_forget(fs, ino, 1), 0);
    forget_counts();
    assert_int_equal(sfs_fsync(fs, ino, false), 0);
    assert_true(logs + commits > 0);
    assert_int_equal(sfs_rename(fs, 0, "g", 1, 0, "h", 1, 0), 0);
    forget_counts();
    assert_int_equal(sfs_fsync(fs, ino, false), 0);
    assert_true(logs + commits > 0);
}

/* J7: a block with a copy in the log is overwritten through the log, until the tail has passed. */
static void overwrite_of_logged(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 100), 100);
    assert_int_equal(sfs_fsync(fs, ino, false), 0);
    forget_counts();
    assert_int_equal(sfs_write(fs, ino, 10, data, 20), 20);
    assert_int_equal(sfs_fsync(fs, ino, true), 0);
    assert_int_equal(datas, 0);
    assert_true(logs + commits > 0);
}

/* J14: bytes behind the durable end go through the log, even into a block that has been there. */
static void bytes_behind_the_durable_end(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 100000), 100000);
    assert_int_equal(sfs_sync(fs), 0);
    assert_int_equal(sfs_truncate(fs, ino, 50001), 0);
    assert_int_equal(sfs_truncate(fs, ino, 60000), 0);
    forget_counts();
    assert_int_equal(sfs_write(fs, ino, 50001, data, 10), 10);
    assert_int_equal(sfs_fsync(fs, ino, false), 0);
    assert_int_equal(datas, 0);
}

/* The power is cut now, and what was not flushed is lost: what is left, mounted. */
static struct sfs *recover(struct ramdisk **left)
{
    const struct ramdisk_fate lost = {.kept = 0, .lost_class = -1, .only_class = -1};
    struct sfs *recovered;

    *left = ramdisk_after_cut(disk, &lost);
    assert_int_equal(sfs_mount(ramdisk_dev(*left), &(struct sfs_mount_options){0}, &recovered), 0);
    return recovered;
}

/* And it is sound. */
static void settle(struct sfs *recovered, struct ramdisk *left)
{
    assert_int_equal(sfs_unmount(recovered), 0);
    assert_int_equal(check_volume(ramdisk_bytes(left), ramdisk_size(left)), 0);
    ramdisk_free(left);
}

static void cut_power(void)
{
    struct ramdisk *left;
    struct sfs *recovered = recover(&left);

    settle(recovered, left);
}

/* J14: the zeros behind a cut are durable with the size, also where the block is as new. */
static void cut_what_is_new(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 100000), 100000);
    assert_int_equal(sfs_truncate(fs, ino, 3), 0);
    assert_int_equal(sfs_commit_running(fs), 0);
    cut_power();
}

/* Writing is sorted and merged: neighbours on the disk are one request. */
static void write_back_is_merged(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 400000), 400000);
    assert_int_equal(sfs_sync(fs), 0);
    for (int i = 97; i >= 0; i--) {
        assert_int_equal(sfs_write(fs, ino, (uint64_t)i * 4096, data, 4096), 4096);
    }
    forget_counts();
    assert_int_equal(sfs_fsync(fs, ino, true), 0);
    assert_in_range(datas, 1, bs == 512 ? 40 : 16);
}

/* J13: an overwrite in place that fails is told by fsync until it has been written after all. */
static void failed_overwrite(uint64_t ino)
{
    assert_int_equal(sfs_write(fs, ino, 0, data, 100000), 100000);
    assert_int_equal(sfs_sync(fs), 0);
    assert_int_equal(sfs_write(fs, ino, 0, data, 4096), 4096);
    ramdisk_fail(disk, BLK_WRITE, 0, 2);
    assert_int_equal(sfs_fsync(fs, ino, true), SFS_EIO);
    assert_int_equal(sfs_fsync(fs, ino, true), SFS_EIO);
    assert_int_equal(sfs_fsync(fs, ino, true), 0);
    assert_false(sfs_read_only(fs));
}

/* J14: the new end is in a block that is owed, of a file too large to be cut in one transaction. */
static void truncate_into_what_is_owed(uint64_t ino)
{
    uint64_t at = 3 << 20;
    struct sfs_attr other;

    assert_int_equal(sfs_write(fs, ino, at, data, 20000), 20000);
    assert_int_equal(sfs_truncate(fs, ino, at + 9000), 0);
    assert_int_equal(sfs_create(fs, 0, "g", 1, 0644, me, &other), 0);
    assert_int_equal(sfs_fsync(fs, other.ino, false), 0); /* commits, but does not write "f" */
    assert_int_equal(sfs_forget(fs, other.ino, 1), 0);
    cut_power();
}

/* ---- A truncate while fsync is at work takes back nothing that fsync promises ---- */

static uint64_t victim;
static unsigned moments; /* until then, fsync is alone */
static bool happened;

/* Would truncate have to wait for what this thread does? */
static bool must_wait(void)
{
    bool waits = fs->journal->busy || fs->journal->barrier || fs->journal->handles > 0;

    for (uint32_t i = 0; i < fs->upper->hash_size; i++) {
        const struct sfs_node *node = fs->upper->hash[i];

        for (; node != NULL; node = node->hash_next) {
            waits = waits || node->readers > 0 || node->writer;
            for (const struct sfs_page *page = node->pages; page != NULL; page = page->node_next) {
                waits = waits || page->busy;
            }
        }
    }
    return waits;
}

/* Is it now? Then it is not again. */
static bool now(void)
{
    if (must_wait() || moments-- > 0) {
        return false;
    }
    port_unlocked = NULL;
    happened = true;
    return true;
}

/* The next call lets MEANWHILE happen to INO, at MOMENT. */
static void let_happen(void (*meanwhile)(void), uint64_t ino, unsigned moment)
{
    victim = ino;
    moments = moment;
    happened = false;
    port_unlocked = meanwhile;
}

/* Once for each moment that there is; BESIDE says whether there was this one. */
static void at_every_moment(bool (*beside)(uint64_t ino, unsigned moment), uint64_t ino)
{
    unsigned moment = 0;

    ramdisk_watch(disk, NULL, NULL);
    while (beside(ino, moment)) {
        moment++;
    }
    assert_true(moment > 5);
}

static void truncate_meanwhile(void)
{
    if (!now()) {
        return;
    }
    assert_int_equal(sfs_truncate(fs, victim, 0), 0);
}

/* Overwrite what is durable and at home, and fsync it. Returns whether there was such a moment. */
static bool fsync_beside_truncate(uint64_t ino, unsigned moment)
{
    struct ramdisk *left;
    uint8_t byte = 0;

    memset(data, 'd', 8 * bs);
    assert_int_equal(sfs_write(fs, ino, 0, data, 8 * bs), 8 * bs);
    assert_int_equal(sfs_checkpoint(fs), 0);
    memset(data, 'e', bs);
    assert_int_equal(sfs_write(fs, ino, 0, data, bs), bs);
    let_happen(truncate_meanwhile, ino, moment);
    assert_int_equal(sfs_fsync(fs, ino, true), 0);
    port_unlocked = NULL;

    struct sfs *recovered = recover(&left);
    int64_t got = sfs_read(recovered, ino, 0, &byte, 1);

    assert_true(got == 0 || byte == 'e');
    settle(recovered, left);
    return happened;
}

static void truncate_beside_fsync(uint64_t ino)
{
    at_every_moment(fsync_beside_truncate, ino);
}

/* ---- What changes while its inode is dropped from memory is not forgotten ---- */

static void change_meanwhile(void)
{
    struct sfs_attr attr = {.mode = 0123};

    if (!now()) {
        return;
    }
    assert_int_equal(sfs_write(fs, victim, 0, "e", 1), 1);
    assert_int_equal(sfs_setattr(fs, victim, SFS_SET_MODE, &attr), 0);
}

/* Drop the inode and read it again. Returns whether there was such a moment. */
static bool drop_beside_change(uint64_t ino, unsigned moment)
{
    struct sfs_attr attr = {.mode = 0600};
    struct ramdisk *left;
    uint8_t byte = 0;

    assert_int_equal(sfs_write(fs, ino, 0, data, 1), 1);
    assert_int_equal(sfs_setattr(fs, ino, SFS_SET_MODE, &attr), 0);
    let_happen(change_meanwhile, ino, moment);
    sfs_nodes_trim(fs, 0);
    port_unlocked = NULL;
    assert_int_equal(sfs_read(fs, ino, 0, &byte, 1), 1);
    assert_int_equal(byte, happened ? 'e' : 'd');
    assert_int_equal(sfs_fsync(fs, ino, false), 0);

    struct sfs *recovered = recover(&left);

    assert_int_equal(sfs_read(recovered, ino, 0, &byte, 1), 1);
    assert_int_equal(byte, happened ? 'e' : 'd');
    assert_int_equal(sfs_iget(recovered, ino, &attr), 0);
    assert_int_equal(attr.mode & 0777, happened ? 0123 : 0600);
    assert_int_equal(sfs_forget(recovered, ino, 1), 0);
    settle(recovered, left);
    return happened;
}

static void change_beside_drop(uint64_t ino)
{
    at_every_moment(drop_beside_change, ino);
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        both_sizes(name);                                                                          \
    }
TEST(append_and_fsync)
TEST(many_appends)
TEST(many_overwrites)
TEST(overwrite_after_mount)
TEST(large_write_and_fsync)
TEST(overwrite_and_fdatasync)
TEST(names_and_modes)
TEST(overwrite_of_logged)
TEST(bytes_behind_the_durable_end)
TEST(cut_what_is_new)
TEST(write_back_is_merged)
TEST(failed_overwrite)
TEST(truncate_into_what_is_owed)
TEST(truncate_beside_fsync)
TEST(change_beside_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_fsync),
        cmocka_unit_test(test_many_appends),
        cmocka_unit_test(test_many_overwrites),
        cmocka_unit_test(test_overwrite_after_mount),
        cmocka_unit_test(test_large_write_and_fsync),
        cmocka_unit_test(test_overwrite_and_fdatasync),
        cmocka_unit_test(test_names_and_modes),
        cmocka_unit_test(test_overwrite_of_logged),
        cmocka_unit_test(test_bytes_behind_the_durable_end),
        cmocka_unit_test(test_cut_what_is_new),
        cmocka_unit_test(test_write_back_is_merged),
        cmocka_unit_test(test_failed_overwrite),
        cmocka_unit_test(test_truncate_into_what_is_owed),
        cmocka_unit_test(test_truncate_beside_fsync),
        cmocka_unit_test(test_change_beside_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
