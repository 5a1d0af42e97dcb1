/*
 * test_sfs_memory.c - a volume in 2 MiB of memory, as a small machine mounts it: a file of many
 * pages, a directory of 10,000 names, and a file cut down in many transactions. What is allocated
 * at any moment is counted, mount and unmount included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

#define MEMORY    (2u << 20)
#define CACHE     (512u << 10) /* of metadata, and as much of contents */
#define SECTORS   (64u << 11)
#define NAMES     10000
#define PIECE     (64u << 10)
#define BIG_FILE  (12u << 20)
#define FAR_BYTES (100ull << 20) /* a hole behind the contents: a tree of three levels */

static struct ramdisk *disk;
static struct sfs *fs;
static uint8_t data[PIECE];
static const struct sfs_owner me = {0, 0};

static void mount(uint32_t bs)
{
    const struct sfs_mount_options options = {.cache_blocks = CACHE / bs, .page_kib = CACHE >> 10};

    assert_int_equal(sfs_mount(ramdisk_dev(disk), &options, &fs), 0);
}

static uint64_t create(uint64_t dir, const char *name)
{
    struct sfs_attr attr;

    assert_int_equal(sfs_create(fs, dir, name, strlen(name), 0644, me, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    return attr.ino;
}

static void check_peak(const char *what)
{
    print_message("%s: at most %zu KiB\n", what, port_peak() >> 10);
    assert_in_range(port_peak(), 1, MEMORY);
    port_reset_peak();
}

/* Stamp each piece, so that one read back from another place is noticed. */
static void big_file(uint64_t ino)
{
    for (uint32_t at = 0; at < BIG_FILE; at += PIECE) {
        memset(data, (int)(at / PIECE), sizeof(data));
        assert_int_equal(sfs_write(fs, ino, at, data, PIECE), PIECE);
    }
    for (uint32_t at = 0; at < BIG_FILE; at += PIECE) {
        assert_int_equal(sfs_read(fs, ino, at, data, PIECE), PIECE);
        assert_int_equal(data[0], at / PIECE % 256);
        assert_int_equal(data[PIECE - 1], at / PIECE % 256);
    }
    assert_int_equal(sfs_write(fs, ino, FAR_BYTES, data, PIECE), PIECE);
    check_peak("a big file");
    assert_int_equal(sfs_truncate(fs, ino, 100), 0);
    assert_int_equal(sfs_fsync(fs, ino, false), 0);
    check_peak("cut down");
}

static void many_names(uint64_t dir)
{
    struct sfs_attr attr;
    char name[16];

    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "file%u", i);
        (void)create(dir, name);
    }
    for (unsigned i = 0; i < NAMES; i += 7) {
        size_t length = (size_t)snprintf(name, sizeof(name), "file%u", i);

        assert_int_equal(sfs_lookup(fs, dir, name, length, &attr), 0);
        assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    }
    check_peak("many names");
}

static void remove_names(uint64_t dir)
{
    char name[16];

    for (unsigned i = 0; i < NAMES; i++) {
        size_t length = (size_t)snprintf(name, sizeof(name), "file%u", i);

        assert_int_equal(sfs_unlink(fs, dir, name, length), 0);
    }
    check_peak("their end");
}

static void in_two_megabytes(uint32_t bs)
{
    const struct sfs_mkfs_options options = {.block_size = bs};
    struct sfs_attr dir;

    disk = ramdisk_create(SECTORS, 512);
    port_reset_peak();
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    check_peak("mkfs");
    mount(bs);
    big_file(create(SFS_ROOT, "big"));
    assert_int_equal(sfs_mkdir(fs, SFS_ROOT, "dir", 3, 0755, me, &dir), 0);
    many_names(dir.ino);
    assert_int_equal(sfs_unmount(fs), 0);
    mount(bs);
    assert_int_equal(sfs_lookup(fs, SFS_ROOT, "dir", 3, &dir), 0);
    remove_names(dir.ino);
    assert_int_equal(sfs_unmount(fs), 0);
    check_peak("mount and unmount");
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

static void test_blocks_of_512(void **state)
{
    (void)state;
    in_two_megabytes(512);
}

static void test_blocks_of_4096(void **state)
{
    (void)state;
    in_two_megabytes(4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_512),
        cmocka_unit_test(test_blocks_of_4096),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
