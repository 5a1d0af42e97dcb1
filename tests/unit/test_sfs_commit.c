/*
 * test_sfs_commit.c - what is done while a transaction is on its way to the disk: at a chosen write
 * of the commit the next transaction begins, and the power is cut there, or when the commit is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/journal.h"
#include "fs/page.h"
#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

static struct ramdisk *disk;
static struct sfs *fs;
static uint32_t bs;
static uint64_t f, g; /* files, empty */
static uint8_t d[1 << 21], e[1 << 16], back[1 << 16];

static const struct sfs_mount_options plain = {.cache_blocks = 1024, .page_kib = 1 << 14};
/* If the power is cut: of what is not flushed, file data alone survive, or nothing does. */
static const struct ramdisk_fate only_data = {
    .kept = 1, .lost_class = -1, .only_class = BLK_CLASS_DATA};
static const struct ramdisk_fate nothing = {.lost_class = -1, .only_class = -1};

static uint64_t make(const char *name)
{
    struct sfs_attr attr;

    assert_int_equal(sfs_create(fs, 0, name, 1, 0644, (struct sfs_owner){0, 0}, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    return attr.ino;
}

static void begin(uint32_t block_size)
{
    struct sfs_mkfs_options options = {.block_size = block_size};

    bs = block_size;
    memset(d, 'd', sizeof(d));
    memset(e, 'e', sizeof(e));
    disk = ramdisk_create(65536, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    f = make("f");
    g = make("g");
    assert_int_equal(sfs_sync(fs), 0);
}

static void end(void)
{
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

/* Everything is durable and at home, and the log is empty. */
static void settle(void)
{
    assert_int_equal(sfs_sync(fs), 0);
    assert_int_equal(sfs_checkpoint(fs), 0);
}

/* The power is cut now: the volume is sound, and file INO begins with SIZE bytes as in EXPECTED. */
static void cut(const struct ramdisk_fate *fate, uint64_t ino, const uint8_t *expected,
                uint64_t size)
{
    struct ramdisk *after = ramdisk_after_cut(disk, fate);
    struct sfs *again;

    assert_int_equal(sfs_mount(ramdisk_dev(after), &plain, &again), 0);
    assert_int_equal(sfs_read(again, ino, 0, back, size), size);
    assert_memory_equal(back, expected, size);
    assert_int_equal(sfs_unmount(again), 0);
    assert_int_equal(check_volume(ramdisk_bytes(after), ramdisk_size(after)), 0);
    ramdisk_free(after);
}

/* ---- In the midst of a commit ---- */

static void (*then)(void); /* what is done there, once */
static enum blk_class where;

static void watch(void *ctx, const struct ramdisk_event *event)
{
    void (*now)(void) = then;
    bool there =
        event->op == BLK_WRITE &&
        (event->cls == where || (where == BLK_CLASS_LOG && event->cls == BLK_CLASS_COMMIT));

    (void)ctx;
    if (there && now != NULL) {
        then = NULL;
        now();
    }
}

/* Commit; at the first write of class CLS do THIS. */
static void commit_and(enum blk_class cls, void (*this)(void))
{
    where = cls;
    then = this;
    ramdisk_watch(disk, watch, NULL);
    assert_int_equal(sfs_commit_running(fs), 0);
    ramdisk_watch(disk, NULL, NULL);
    assert_null(then);
}

/* J14: the file's durable end lies in a block that two later transactions, of which one is on its
 * way, have left far behind. It is an end all the same. */
static void write_behind_the_oldest_end(void)
{
    assert_int_equal(sfs_truncate(fs, f, 100 + 6 * bs), 0);
    assert_int_equal(sfs_write(fs, f, 100, e, 50), 50);
    assert_int_equal(sfs_pages_write(fs, NULL), 0);
    cut(&only_data, f, d, 100);
}

static void ends_of_three_transactions(void)
{
    assert_int_equal(sfs_write(fs, f, 0, d, 100), 100);
    settle();
    assert_int_equal(sfs_truncate(fs, f, 100 + 3 * bs), 0);
    commit_and(BLK_CLASS_LOG, write_behind_the_oldest_end);
}

/* J1: a block is owed, and the next transaction changes it before it is written. */
static void append_to_what_is_owed(void)
{
    assert_int_equal(sfs_write(fs, f, 100, e, 100), 100);
}

static void owed_to_the_older_one(void)
{
    const size_t much =
        300 * (size_t)bs; /* what is owed is written in two batches: f in the second */

    assert_int_equal(sfs_write(fs, f, 0, d, 100), 100);
    assert_int_equal(sfs_write(fs, g, 0, d, much), much);
    commit_and(BLK_CLASS_DATA, append_to_what_is_owed);
    cut(&nothing, f, d, 100);
}

/* J6: blocks that a transaction on its way has freed still are the old file's. */
static void take_and_write(void)
{
    assert_int_equal(sfs_write(fs, g, 0, e, 8 * bs), 8 * bs);
    assert_int_equal(sfs_pages_pay(fs, UINT64_MAX), 0);
    cut(&only_data, f, d, 8 * bs);
}

static void freed_by_the_older_one(void)
{
    assert_int_equal(sfs_write(fs, f, 0, d, 8 * bs), 8 * bs);
    settle();
    assert_int_equal(sfs_truncate(fs, f, 0), 0);
    commit_and(BLK_CLASS_LOG, take_and_write);
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        for (uint32_t size = 512; size <= 4096; size *= 8) {                                       \
            begin(size);                                                                           \
            name();                                                                                \
            end();                                                                                 \
        }                                                                                          \
    }
TEST(ends_of_three_transactions)
TEST(owed_to_the_older_one)
TEST(freed_by_the_older_one)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_of_three_transactions),
        cmocka_unit_test(test_owed_to_the_older_one),
        cmocka_unit_test(test_freed_by_the_older_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
