/*
 * test_sfs_cursor.c - how many blocks of a tree are looked up by who goes through a file from its
 * beginning to its end, and that the way that is remembered is never an old one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/cursor.h"
#include "fs/node.h"
#include "tests/fs/checker.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

/* tree.c is compiled here, so that its look-ups can be counted. */
static unsigned searches, lookups;
static bool forgetful; /* each search begins at the root */

static int count_read(struct sfs *volume, uint64_t block, struct sfs_buf **buf)
{
    lookups++;
    return sfs_buf_read(volume, block, buf);
}

static unsigned count_start(struct sfs *volume, const struct sfs_inode *inode, uint64_t n,
                            struct sfs_cursor *way)
{
    searches++;
    if (forgetful) {
        sfs_cursor_forget(volume, inode);
    }
    return sfs_cursor_start(volume, inode, n, way);
}

#define sfs_buf_read     count_read
#define sfs_cursor_start count_start
#include "fs/tree.c"
#undef sfs_buf_read
#undef sfs_cursor_start

static struct ramdisk *disk;
static struct sfs *fs;
static uint32_t bs;
static uint64_t file;
static uint8_t data[1 << 20];
static const struct sfs_owner me = {0, 0};
static const struct sfs_mount_options plain = {.cache_blocks = 512, .page_kib = 1024};

static uint64_t create(const char *name)
{
    struct sfs_attr attr;

    assert_int_equal(sfs_create(fs, 0, name, strlen(name), 0644, me, &attr), 0);
    return attr.ino;
}

static void begin(uint32_t block_size)
{
    struct sfs_mkfs_options options = {.block_size = block_size};

    bs = block_size;
    forgetful = false;
    disk = ramdisk_create(65536, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    file = create("f");
}

static void end(void)
{
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

static void write_at(uint64_t ino, uint64_t offset, size_t size, char with)
{
    memset(data, with, size);
    assert_int_equal(sfs_write(fs, ino, offset, data, size), size);
}

static void read_at(uint64_t ino, uint64_t offset, size_t size, char is)
{
    assert_int_equal(sfs_read(fs, ino, offset, data, size), size);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != (uint8_t)is) {
            fail_msg("block size %u: byte %zu is %u", bs, i, data[i]);
        }
    }
}

/* The first byte that needs a tree of HEIGHT. */
static uint64_t reach_of(unsigned height)
{
    return sfs_reach(bs / 8, height - 1) * bs;
}

/* Nothing of the file's contents is in memory. */
static void mount_again(void)
{
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    assert_int_equal(sfs_lookup(fs, 0, "f", 1, &(struct sfs_attr){0}), 0); /* it stays there */
}

#define LENGTH (sizeof(data))
#define STEP   4096u

/* From LENGTH bytes before a leaf's end or so, a page at a time. */
static void go_through(uint64_t from, bool write)
{
    searches = lookups = 0;
    for (uint64_t done = 0; done < LENGTH; done += STEP) {
        if (write) {
            write_at(file, from + done, STEP, 'w');
        } else {
            read_at(file, from + done, STEP, 'w');
        }
    }
}

/* A search costs one look-up, and a new leaf one more for its parent; a new parent is as rare as
 * one leaf in P. */
static void costs_little(unsigned height, bool write)
{
    uint64_t from = reach_of(height);
    unsigned leaves = (unsigned)(LENGTH / bs / (bs / 8)) + 1;
    unsigned without;

    forgetful = true;
    go_through(from, write);
    without = lookups;
    assert_in_range(without, height * (searches - 2), height * searches); /* but behind the end */
    forgetful = false;
    mount_again();
    go_through(from, write);
    print_message("blocks of %u, height %u, %s: %u searches, %u look-ups without, %u with\n", bs,
                  height, write ? "rewrite" : "read", searches, without, lookups);
    assert_in_range(lookups, searches, searches + leaves + 2 * height);
    assert_true(lookups < without);
}

static void test_sequential(void **state)
{
    (void)state;
    for (uint32_t size = 512; size <= 4096; size *= 8) {
        for (unsigned height = 2; height <= (size == 512 ? 4u : 3u); height++) {
            begin(size);
            write_at(file, reach_of(height), LENGTH, 'w');
            mount_again();
            costs_little(height, false);
            costs_little(height, true);
            end();
        }
    }
}

/* Look into the tree, though the contents may be in memory. */
static void look_up(uint64_t ino, uint64_t offset)
{
    uint64_t at = offset;

    assert_int_equal(sfs_seek(fs, ino, false, &at), 0);
    assert_int_equal(at, offset);
}

/* The leaf that the last look-up went through is freed, and is something else meanwhile. */
static void cut_and_grown_again(uint64_t keep, const char *beside)
{
    uint64_t at = reach_of(3), other = create(beside);

    write_at(file, at, bs, 'a');
    write_at(file, at - 4 * bs * (uint64_t)bs, bs, 'b');
    assert_int_equal(sfs_sync(fs), 0);
    look_up(file, at);
    assert_int_equal(sfs_truncate(fs, file, keep), 0);
    assert_int_equal(sfs_sync(fs), 0);
    write_at(other, 0, 200 * bs, 'o');
    assert_int_equal(sfs_truncate(fs, file, at + bs), 0);
    write_at(file, at + bs * (uint64_t)bs, bs, 'c');
    assert_int_equal(sfs_sync(fs), 0);
    read_at(file, at, bs, '\0');
    write_at(file, at, bs, 'd');
    read_at(file, at, bs, 'd');
    read_at(file, at + bs * (uint64_t)bs, bs, 'c');
    read_at(other, 0, 200 * bs, 'o');
}

static void test_cut(void **state)
{
    (void)state;
    for (uint32_t size = 512; size <= 4096; size *= 8) {
        begin(size);
        cut_and_grown_again(0, "g");
        cut_and_grown_again(reach_of(2) + size, "h");
        end();
    }
}

/* New roots go above the way that is known: it leads to the same blocks as before. */
static void test_growth(void **state)
{
    (void)state;
    for (uint32_t size = 512; size <= 4096; size *= 8) {
        begin(size);
        write_at(file, reach_of(2), bs, 'a');
        write_at(file, reach_of(2) + bs, bs, 'b');
        look_up(file, reach_of(2));
        write_at(file, reach_of(4), bs, 'z');
        look_up(file, reach_of(2));
        look_up(file, reach_of(4));
        mount_again();
        read_at(file, reach_of(2), bs, 'a');
        read_at(file, reach_of(2) + 2 * (uint64_t)bs, bs, '\0');
        write_at(file, reach_of(2) + 2 * (uint64_t)bs, bs, 'c');
        read_at(file, reach_of(2) + 2 * (uint64_t)bs, bs, 'c');
        read_at(file, reach_of(2) + bs, bs, 'b');
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sequential),
                                       cmocka_unit_test(test_cut), cmocka_unit_test(test_growth)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
