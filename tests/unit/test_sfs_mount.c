/*
 * test_sfs_mount.c - mount, unmount, the superblock's states and its backup, the read-only ways,
 * and failures of every request and allocation on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/super.h"
#include "fs/volume.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

const struct sfs_hooks sfs_upper_hooks = {0};

static const struct sfs_mount_options plain = {.cache_blocks = 64};
static const struct sfs_mount_options only_read = {.read_only = true, .cache_blocks = 64};

static struct ramdisk *volume(uint32_t bs, uint32_t version)
{
    struct sfs_mkfs_options options = {.block_size = bs, .version = version};
    struct ramdisk *disk = ramdisk_create(2048, 512);

    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    ramdisk_settle(disk);
    return disk;
}

static struct sfs_super *super_of(struct ramdisk *disk)
{
    return (struct sfs_super *)ramdisk_bytes(disk);
}

static void seal(struct sfs_super *super)
{
    super->crc = sfs_csum(0, super, 508);
}

/* Allocate one block and one inode, so that there is a change. */
static int change(struct sfs *fs)
{
    struct sfs_handle h;
    struct sfs_buf *buf;
    uint64_t block, ino;
    int error = sfs_begin(fs, &h, sfs_credits(fs, 4, 0), 1);

    if (error < 0) {
        return error;
    }
    error = sfs_alloc_meta(&h, 0, &block);
    if (error == 0) {
        error = sfs_new_block(&h, block, &buf);
        if (error == 0) {
            sfs_buf_put(fs, buf);
            error = sfs_alloc_inode(&h, 0, false, &ino);
        }
        if (error < 0) {
            sfs_abort(fs, error, block);
        }
    }
    sfs_end(&h);
    return error < 0 ? error : sfs_commit(fs, h.seq);
}

static void test_nothing_is_written_without_a_change(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= 2; version++) {
        struct ramdisk *disk = volume(512, version);
        long events = ramdisk_events(disk);
        struct sfs *fs;
        struct sfs_statfs stat;

        assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
        assert_int_equal(sfs_statfs(fs, &stat), 0);
        assert_int_equal(stat.blocks_free, stat.blocks - 1);
        assert_int_equal(stat.inodes_free, stat.inodes - 1);
        assert_int_equal(stat.name_max, version == 1 ? 55 : 255);
        assert_int_equal(sfs_sync(fs), 0);
        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(ramdisk_events(disk), events);
        ramdisk_free(disk);
    }
}

/* In use while changed, clean afterwards, and the counts are right the next time. */
static void test_states(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        for (uint32_t version = bs == 512 ? 1 : 2; version <= 2; version++) {
            struct ramdisk *disk = volume(bs, version);
            struct sfs *fs;
            struct sfs_statfs before, after;

            assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
            sfs_statfs(fs, &before);
            assert_int_equal(super_of(disk)->state, SFS_STATE_CLEAN);
            assert_int_equal(change(fs), 0);
            assert_int_equal(super_of(disk)->state, SFS_STATE_IN_USE);
            assert_int_equal(super_of(disk)->mount_count, 1);
            assert_int_equal(sfs_unmount(fs), 0);
            assert_int_equal(super_of(disk)->state, SFS_STATE_CLEAN);
            assert_int_equal(sfs_super_check(super_of(disk), 2048), 0);
            assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
            sfs_statfs(fs, &after);
            assert_int_equal(after.blocks_free, before.blocks_free - 1);
            assert_int_equal(after.inodes_free, before.inodes_free - 1);
            assert_int_equal(sfs_unmount(fs), 0);
            ramdisk_free(disk);
        }
    }
}

/* Who found a volume in use, and had nothing to change, leaves it clean all the same. */
static void test_clean_after_recovery(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= 2; version++) {
        struct ramdisk *disk = volume(512, version);
        struct sfs_super *super = (struct sfs_super *)ramdisk_bytes(disk);
        struct sfs *fs;

        super->state = SFS_STATE_IN_USE;
        super->crc = sfs_csum(0, super, offsetof(struct sfs_super, crc));
        ramdisk_settle(disk);
        assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(super_of(disk)->state, SFS_STATE_CLEAN);
        ramdisk_free(disk);
    }
}

/* J12: the first thing written, and flushed, is "in use". */
static void first_events(void *ctx, const struct ramdisk_event *event)
{
    char *trace = ctx;

    if (strlen(trace) < 8) {
        strcat(trace, event->op == BLK_FLUSH               ? "F"
                      : event->cls == BLK_CLASS_SUPERBLOCK ? "S"
                                                           : "x");
    }
}

static void test_in_use_comes_first(void **state)
{
    struct ramdisk *disk = volume(512, 2);
    char trace[16] = "";
    struct sfs *fs;

    (void)state;
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    ramdisk_watch(disk, first_events, trace);
    assert_int_equal(change(fs), 0);
    assert_memory_equal(trace, "SFx", 3);
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_free(disk);
}

static void test_backup(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        struct ramdisk *disk = volume(bs, 2);
        long events;
        struct sfs *fs;

        assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
        assert_int_equal(change(fs), 0);
        assert_int_equal(sfs_unmount(fs), 0);
        memset(ramdisk_bytes(disk), 0xA5, 512);
        ramdisk_settle(disk);
        events = ramdisk_events(disk);
        assert_int_equal(sfs_mount(ramdisk_dev(disk), &only_read, &fs), 0);
        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(ramdisk_events(disk), events);
        assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
        assert_int_equal(sfs_super_check(super_of(disk), 2048), 0);
        assert_int_equal(super_of(disk)->state, SFS_STATE_IN_USE);
        assert_int_equal(change(fs), 0);
        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(super_of(disk)->state, SFS_STATE_CLEAN);
        ramdisk_free(disk);
    }
}

/* A backup that says something else than where it was read is not believed. */
static void test_backup_that_lies(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie < 3; lie++) {
        struct ramdisk *disk = volume(512, 2);
        struct sfs_super *back = (void *)(ramdisk_bytes(disk) + 2047 * 512);
        struct sfs *fs;

        memset(ramdisk_bytes(disk), 0, 512);
        if (lie == 0) {
            sfs_geometry(back, 2, 512, 2047, 0); /* another volume's, whole in itself */
        } else if (lie == 1) {
            sfs_geometry(back, 2, 1024, 1024, 0); /* would lie in the last 1024 bytes' first half */
        } else {
            back->backup_sb_block--;
        }
        seal(back);
        ramdisk_settle(disk);
        assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), SFS_EUCLEAN);
        assert_null(fs);
        ramdisk_free(disk);
    }
}

static void test_refused(void **state)
{
    struct ramdisk *disk = volume(512, 2);
    struct sfs *fs;

    (void)state;
    super_of(disk)->feat_incompat |= 0x20;
    seal(super_of(disk));
    ramdisk_settle(disk);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), SFS_EINVAL);
    ramdisk_free(disk);
    disk = volume(512, 2);
    ramdisk_dev(disk)->lbs = 4096;
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), SFS_EINVAL);
    ramdisk_free(disk);
}

/* Asked for, the device's, an unknown ro_compat feature, "error seen": nothing is written. */
static void test_read_only(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct ramdisk *disk = volume(512, 2);
        long events = ramdisk_events(disk);
        struct sfs *fs;

        ramdisk_dev(disk)->ro = way == 1;
        super_of(disk)->feat_ro_compat = way == 2;
        super_of(disk)->state = way == 3 ? SFS_STATE_ERROR : SFS_STATE_CLEAN;
        seal(super_of(disk));
        ramdisk_settle(disk);
        assert_int_equal(sfs_mount(ramdisk_dev(disk), way == 0 ? &only_read : &plain, &fs), 0);
        assert_true(sfs_read_only(fs));
        assert_int_equal(change(fs), SFS_EROFS);
        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(ramdisk_events(disk), events);
        ramdisk_free(disk);
    }
}

/* A block of metadata that changed behind our back: EUCLEAN, the superblock remembers, and the next
 * mount is read-only. */
static void test_damage_is_remembered(void **state)
{
    struct ramdisk *disk = volume(512, 2);
    struct sfs_super *super = super_of(disk);
    uint64_t root = super->orphan_block + 1;
    struct sfs_buf *buf;
    struct sfs *fs;

    (void)state;
    ramdisk_bytes(disk)[root * 512 + 100] ^= 1;
    ramdisk_settle(disk);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    assert_int_equal(sfs_buf_read(fs, root, &buf), SFS_EUCLEAN);
    assert_null(buf);
    assert_int_equal(sfs_buf_read(fs, root + 1, &buf), SFS_EUCLEAN); /* has no entry */
    assert_int_equal(sfs_buf_read(fs, 1ull << 40, &buf), SFS_EUCLEAN);
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(super->state, SFS_STATE_ERROR);
    assert_int_equal(super->first_err_block, root);
    assert_int_equal(super->first_err_code, 117);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    assert_true(sfs_read_only(fs));
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_free(disk);
}

/* An inode-table block that was never used needs no reading: whatever lies there is zero. */
static void test_unused_inode_table(void **state)
{
    struct ramdisk *disk = volume(512, 2);
    struct sfs_buf *buf;
    struct sfs *fs;
    uint32_t offset;

    (void)state;
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    uint64_t block = sfs_inode_block(fs, 42, &offset);

    assert_int_equal(offset, 42 % 4 * 128);
    assert_int_equal(block, super_of(disk)->inode_table_start + 10);
    memset(ramdisk_bytes(disk) + block * 512, 0x77, 512);
    assert_int_equal(sfs_buf_read(fs, block, &buf), 0);
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(buf->data[i], 0);
    }
    sfs_buf_put(fs, buf);
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_free(disk);
}

/* The whole life of a volume, with one request or allocation failing: an error is returned, nothing
 * leaks, and the volume can be mounted afterwards. */
static int life(struct ramdisk *disk)
{
    struct sfs *fs;
    int error = sfs_mount(ramdisk_dev(disk), &plain, &fs);

    if (error < 0) {
        return error;
    }
    error = change(fs);
    int second = error < 0 ? error : change(fs);
    int last = sfs_unmount(fs);

    return second < 0 ? second : last;
}

static void check_mountable(struct ramdisk *disk)
{
    struct sfs *fs;

    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    assert_int_equal(sfs_unmount(fs), 0);
}

static void test_every_request_fails(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs += 4096 - 512) {
        for (int op = BLK_READ; op <= BLK_FLUSH; op++) {
            bool failed = true;
            long n = 0;

            for (; failed; n++) {
                struct ramdisk *disk = volume(bs, 2);
                size_t before = port_in_use();

                ramdisk_fail(disk, (enum blk_op)op, n, 1000);
                int error = life(disk);
                failed = ramdisk_failed(disk);
                assert_true(failed ? error < 0 || op == BLK_READ : error == 0);
                assert_int_equal(port_in_use(), before);
                ramdisk_settle(disk);
                check_mountable(disk);
                ramdisk_free(disk);
            }
            assert_true(n > 3);
        }
    }
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs += 4096 - 512) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            struct ramdisk *disk = volume(bs, 2);
            size_t before = port_in_use();

            port_fail_alloc(n);
            int error = life(disk);
            failed = port_alloc_failed();
            port_fail_alloc(-1);
            assert_true(failed ? error == SFS_ENOMEM || error == SFS_EIO : error == 0);
            assert_int_equal(port_in_use(), before);
            check_mountable(disk);
            ramdisk_free(disk);
        }
    }
}

/* Version 1 has no log: what has changed is durable before the superblock says "clean". */
static void test_version_1_is_home_before_clean(void **state)
{
    struct ramdisk *disk = volume(512, SFS_VERSION_SEED);
    char order[RAMDISK_ORDER] = "";
    struct sfs *fs;

    (void)state;
    ramdisk_watch(disk, ramdisk_note_order, order);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    assert_int_equal(change(fs), 0);
    assert_int_equal(sfs_unmount(fs), 0);
    assert_string_equal(order, "SFHFSF");
    ramdisk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1_is_home_before_clean),
        cmocka_unit_test(test_nothing_is_written_without_a_change),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_clean_after_recovery),
        cmocka_unit_test(test_in_use_comes_first),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_backup_that_lies),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_damage_is_remembered),
        cmocka_unit_test(test_unused_inode_table),
        cmocka_unit_test(test_every_request_fails),
        cmocka_unit_test(test_every_allocation_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
