/*
 * test_sfs_check_worst.c - volumes that were made to be slow: what a check costs must follow from the
 * size of the metadata alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/name.h"
#include "fs/sfs.h"
#include "tests/fs/checkvol.h"
#include "tests/fs/port_host.h"

#define PATIENCE 120 /* seconds until a hang is a hang */

static const struct sfs_owner me = {0, 0};
static const struct sfs_mount_options usual;

static struct ramdisk *make_disk(uint32_t bs, uint64_t sectors, struct sfs **fs)
{
    const struct sfs_mkfs_options options = {.block_size = bs, .uuid = "0123456789abcde"};
    struct ramdisk *disk = ramdisk_create(sectors, 512);

    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &usual, fs), 0);
    return disk;
}

static void close_disk(struct ramdisk *disk, struct sfs *fs)
{
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_settle(disk);
}

static uint64_t make_dir(struct sfs *fs, uint64_t parent, const char *name)
{
    struct sfs_attr attr;

    assert_int_equal(sfs_mkdir(fs, parent, name, strlen(name), 0755, me, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    return attr.ino;
}

static uint64_t make_file(struct sfs *fs, uint64_t parent, const char *name)
{
    struct sfs_attr attr;

    assert_int_equal(sfs_create(fs, parent, name, strlen(name), 0644, me, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    return attr.ino;
}

/* ---- Names that all have one hash ---- */

#define PAIRS  13 /* of six letters each: 8192 names */
#define GROUP  6
#define LENGTH (GROUP * PAIRS)
#define TRIES  (1u << 18)

static char pairs[PAIRS][2][GROUP];

struct guess {
    uint32_t hash, number;
};

static int by_hash(const void *a, const void *b)
{
    const struct guess *x = a, *y = b;

    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void spell(char letters[GROUP], uint32_t number)
{
    number *= 0x9E3779B1u;
    for (int i = 0; i < GROUP; i++, number /= 26) {
        letters[i] = (char)('a' + number % 26);
    }
}

/* The hash goes from byte to byte, so two groups of letters that lead from one state to the same one
 * can stand for each other in any name. */
static void find_pairs(void)
{
    static struct guess guess[TRIES];
    char name[LENGTH];

    for (uint32_t pair = 0; pair < PAIRS; pair++) {
        uint32_t same = 1;

        for (uint32_t i = 0; i < TRIES; i++) {
            spell(name + GROUP * pair, i);
            guess[i] = (struct guess){sfs_name_hash(name, GROUP * (pair + 1)), i};
        }
        qsort(guess, TRIES, sizeof(*guess), by_hash);
        while (guess[same].hash != guess[same - 1].hash) {
            same++;
            assert_true(same < TRIES);
        }
        spell(pairs[pair][0], guess[same - 1].number);
        spell(pairs[pair][1], guess[same].number);
        memcpy(name + GROUP * pair, pairs[pair][0], GROUP);
    }
}

/* In each record of BLOCK the next one of the names. */
static void rename_all(struct ramdisk *disk, uint64_t block, uint32_t *number)
{
    uint8_t *data = vol_block(disk, block);

    for (uint32_t at = 0; at < vol_super(disk)->block_size;) {
        struct sfs_dirent *d = (struct sfs_dirent *)(data + at);

        if (d->name_len == LENGTH) {
            for (uint32_t pair = 0; pair < PAIRS; pair++) {
                memcpy(d->name + GROUP * pair, pairs[pair][*number >> pair & 1], GROUP);
            }
            (*number)++;
        }
        at += d->rec_len;
    }
    vol_sign(disk, block);
}

/* In a directory of 8192 names with one hash, each is compared with not all others */
static void test_one_hash(void **state)
{
    struct sfs *fs;
    struct ramdisk *disk = make_disk(4096, 65536, &fs);
    uint64_t dir = make_dir(fs, 0, "dir"), file = make_file(fs, 0, "file");
    uint32_t number = 0;

    (void)state;
    for (int i = 0; i < 1 << PAIRS; i++) {
        char name[LENGTH + 1];
        struct sfs_attr attr;

        snprintf(name, sizeof(name), "%0*d", LENGTH, i);
        assert_int_equal(sfs_link(fs, file, dir, name, LENGTH, &attr), 0);
        assert_int_equal(sfs_forget(fs, file, 1), 0);
    }
    close_disk(disk, fs);
    find_pairs();
    for (uint64_t n = 0; n * 4096 < vol_inode(disk, dir)->size_lo; n++) {
        rename_all(disk, vol_map(disk, dir, n), &number);
    }
    assert_int_equal(number, 1 << PAIRS);
    uint64_t before = ramdisk_dev(disk)->reads;

    assert_int_equal(vol_check(disk, false), 0);
    assert_in_range(ramdisk_dev(disk)->reads - before, 1000, 20000);
    ramdisk_free(disk);
}

/* ---- A directory that is very large ---- */

static uint64_t next_block;

/* A tree of HEIGHT levels over the next LEFT blocks of a directory, all without names. */
static uint64_t build(struct ramdisk *disk, unsigned height, uint64_t *left)
{
    const uint32_t bs = vol_super(disk)->block_size;
    uint64_t block = next_block++;

    if (height == 0) {
        ((struct sfs_dirent *)vol_block(disk, block))->rec_len = (uint16_t)bs;
        --*left;
    }
    for (uint32_t i = 0; height > 0 && i < bs / 8 && *left > 0; i++) {
        ((uint64_t *)vol_block(disk, block))[i] = build(disk, height - 1, left);
    }
    vol_sign(disk, block);
    return block;
}

/* Behind 100,000 blocks of directories, paths are still found */
static void test_far_path(void **state)
{
    struct sfs *fs;
    struct ramdisk *disk = make_disk(512, 262144, &fs);
    uint64_t large = make_dir(fs, 0, "large"), dir = make_dir(fs, 0, "dir"), left = 100100;
    uint64_t file = make_file(fs, dir, "file");
    char line[100];

    (void)state;
    close_disk(disk, fs);
    next_block = 100000;
    vol_inode(disk, large)->size_lo = (uint32_t)(left + 1) * 512;
    for (int i = 1; i < 10; i++) {
        vol_inode(disk, large)->direct[i] = build(disk, 0, &left);
    }
    vol_inode(disk, large)->indirect = build(disk, 3, &left);
    vol_inode(disk, large)->flags = 2;
    vol_sign_inode(disk, large);
    vol_inode(disk, file)->nlink = 5;
    vol_sign_inode(disk, file);
    assert_true(vol_check(disk, false) > 0);
    snprintf(line, sizeof(line), "inode %llu (/dir/file): says 5 links", (unsigned long long)file);
    assert_non_null(strstr(vol_lines, line));
    ramdisk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_hash),
        cmocka_unit_test(test_far_path),
    };

    alarm(PATIENCE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
