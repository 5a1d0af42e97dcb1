/*
 * test_sfs_ops.c - what each operation of SFS does and refuses, at every format: names, links,
 * rename, attributes, contents, holes, orphans, paths. After each test the volume is checked.
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

static struct ramdisk *disk;
static struct sfs *fs;
static uint32_t bs, version;
static struct sfs_attr attr;
static const struct sfs_owner me = {10, 100};

static void mount(void)
{
    const struct sfs_mount_options options = {.cache_blocks = 128, .page_kib = 256};

    assert_int_equal(sfs_mount(ramdisk_dev(disk), &options, &fs), 0);
}

static void unmount(void)
{
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
}

static void remount(void)
{
    unmount();
    mount();
}

static void begin(uint32_t block_size, uint32_t format, uint64_t sectors)
{
    struct sfs_mkfs_options options = {.block_size = block_size, .version = format};

    bs = block_size;
    version = format;
    disk = ramdisk_create(sectors, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    mount();
}

static void end(void)
{
    unmount();
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

#define N(name) (name), strlen(name)

static uint64_t make(uint64_t dir, const char *name)
{
    assert_int_equal(sfs_create(fs, dir, N(name), 0644, me, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    return attr.ino;
}

static uint64_t make_dir(uint64_t dir, const char *name)
{
    assert_int_equal(sfs_mkdir(fs, dir, N(name), 0755, me, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    return attr.ino;
}

static int look(uint64_t dir, const char *name)
{
    int error = sfs_lookup(fs, dir, N(name), &attr);

    if (error == 0) {
        assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    }
    return error;
}

static unsigned nlink_of(uint64_t ino)
{
    assert_int_equal(sfs_getattr(fs, ino, &attr), 0);
    return attr.nlink;
}

/* ---- Names ------------------------------------------------------------------------------------
 */

static void names(void)
{
    char longest[257];
    uint64_t d, f;

    memset(longest, 'x', 256);
    longest[version == 1 ? 55 : 255] = '\0';
    f = make(0, "f");
    assert_int_equal(look(0, "f"), 0);
    assert_int_equal(attr.ino, f);
    assert_int_equal(attr.mode, 0100644);
    assert_int_equal(attr.uid, 10);
    assert_int_equal(attr.gid, 100);
    assert_int_equal(attr.nlink, 1);
    assert_int_equal(sfs_create(fs, 0, N("f"), 0644, me, &attr), SFS_EEXIST);
    assert_int_equal(sfs_create(fs, 0, N("."), 0644, me, &attr), SFS_EEXIST);
    assert_int_equal(sfs_create(fs, 0, "a/b", 3, 0644, me, &attr), SFS_EINVAL);
    assert_int_equal(sfs_create(fs, 0, "", 0, 0644, me, &attr), SFS_ENOENT);
    assert_int_equal(sfs_create(fs, f, N("x"), 0644, me, &attr), SFS_ENOTDIR);
    assert_int_equal(look(0, "g"), SFS_ENOENT);
    assert_int_equal(look(f, "g"), SFS_ENOTDIR);
    make(0, longest);
    assert_int_equal(look(0, longest), 0);
    strcat(longest, "x");
    assert_int_equal(look(0, longest), SFS_ENAMETOOLONG);
    d = make_dir(0, "d");
    assert_int_equal(nlink_of(0), 3);
    assert_int_equal(nlink_of(d), 2);
    assert_int_equal(look(d, ".."), 0);
    assert_int_equal(attr.ino, 0);
    assert_int_equal(look(d, "."), 0);
    assert_int_equal(attr.ino, d);
    assert_int_equal(look(0, ".."), 0);
    assert_int_equal(attr.ino, 0);
    assert_int_equal(sfs_create(fs, 0, N("big"), 0644, (struct sfs_owner){65536, 0}, &attr),
                     SFS_EOVERFLOW);
    remount();
    assert_int_equal(look(0, "f"), 0);
    assert_int_equal(attr.ino, f);
    assert_int_equal(sfs_rmdir(fs, 0, N("f")), SFS_ENOTDIR);
    assert_int_equal(sfs_unlink(fs, 0, N("d")), SFS_EISDIR);
    assert_int_equal(sfs_unlink(fs, 0, N("none")), SFS_ENOENT);
    assert_int_equal(sfs_rmdir(fs, d, N(".")), SFS_EINVAL);
    assert_int_equal(sfs_rmdir(fs, d, N("..")), SFS_ENOTEMPTY);
    make(d, "inside");
    assert_int_equal(sfs_rmdir(fs, 0, N("d")), SFS_ENOTEMPTY);
    assert_int_equal(sfs_unlink(fs, d, N("inside")), 0);
    assert_int_equal(sfs_rmdir(fs, 0, N("d")), 0);
    assert_int_equal(nlink_of(0), 2);
    assert_int_equal(sfs_unlink(fs, 0, N("f")), 0);
    assert_int_equal(sfs_getattr(fs, f, &attr), SFS_ESTALE);
}

/* Names enough for a tree of the directory, and back. Records stay where they are. */
static bool count_entry(void *ctx, const struct sfs_entry *entry)
{
    (void)entry;
    ++*(unsigned *)ctx;
    return true;
}

static void many_names(void)
{
    enum { COUNT = 400 };
    char name[32];
    unsigned entries = 0;
    uint64_t cookie = 0;
    uint64_t d = make_dir(0, "d");

    for (int i = 0; i < COUNT; i++) {
        sprintf(name, "name number %d", i);
        make(d, name);
    }
    remount();
    assert_int_equal(sfs_readdir(fs, d, &cookie, count_entry, &entries), 0);
    assert_int_equal(entries, COUNT + 2);
    assert_int_equal(sfs_readdir(fs, d, &cookie, count_entry, &entries), 0);
    assert_int_equal(entries, COUNT + 2);
    for (int i = 0; i < COUNT; i += 2) {
        sprintf(name, "name number %d", i);
        assert_int_equal(sfs_unlink(fs, d, N(name)), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        sprintf(name, "name number %d", i);
        assert_int_equal(look(d, name), i % 2 ? 0 : SFS_ENOENT);
    }
    remount();
    for (int i = 1; i < COUNT; i += 2) {
        sprintf(name, "name number %d", i);
        assert_int_equal(sfs_unlink(fs, d, N(name)), 0);
    }
    assert_int_equal(sfs_rmdir(fs, 0, N("d")), 0);
}

/* An index may use so much memory and no more; without one it all works as well. */
static void no_index(void)
{
    enum { COUNT = 700 };
    const struct sfs_mount_options tiny = {.cache_blocks = 512, .page_kib = 4};
    uint64_t f = make(0, "f");
    char name[256];

    unmount();
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &tiny, &fs), 0);
    for (int d = 0; d < 12; d++) {
        sprintf(name, "d%d", d);
        uint64_t dir = make_dir(0, name);

        for (int i = 0; i < COUNT && version == 2; i++) {
            sprintf(name, "%0200d", i);
            assert_int_equal(sfs_link(fs, f, dir, N(name), &attr), 0);
            assert_int_equal(sfs_forget(fs, f, 1), 0);
        }
        for (int i = 0; i < COUNT && version == 2; i += 50) {
            sprintf(name, "%0200d", i);
            assert_int_equal(look(dir, name), 0);
            assert_int_equal(sfs_unlink(fs, dir, N(name)), 0);
            assert_int_equal(look(dir, name), SFS_ENOENT);
        }
    }
}

/* ---- Contents ---------------------------------------------------------------------------------
 */

static uint8_t data[1 << 20], back[1 << 20];

static void put(uint64_t ino, uint64_t offset, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(rng() | 1);
    }
    for (size_t done = 0; done < size;) {
        int64_t wrote = sfs_write(fs, ino, offset + done, data + done, size - done);

        assert_true(wrote > 0);
        done += (size_t)wrote;
    }
}

static void same(uint64_t ino, uint64_t offset, size_t size)
{
    assert_int_equal(sfs_read(fs, ino, offset, back, size), size);
    assert_memory_equal(data, back, size);
}

static void contents(void)
{
    size_t big = version == 1 ? 37888 : 600000;
    uint64_t f = make(0, "f");
    uint64_t offset;

    assert_int_equal(sfs_read(fs, f, 0, back, 10), 0);
    put(f, 0, big);
    same(f, 0, big);
    assert_int_equal(sfs_getattr(fs, f, &attr), 0);
    assert_int_equal(attr.size, big);
    remount();
    same(f, 0, big);
    assert_int_equal(sfs_read(fs, f, big - 10, back, 100), 10);
    assert_int_equal(sfs_read(fs, f, big, back, 100), 0);
    put(f, 1000, 5000);
    same(f, 1000, 5000);
    remount();
    same(f, 1000, 5000);
    if (version == 1) {
        assert_int_equal(sfs_write(fs, f, big, data, 1), SFS_EFBIG);
        assert_int_equal(sfs_truncate(fs, f, big + 1), SFS_EFBIG);
    }
    assert_int_equal(sfs_truncate(fs, f, 3000), 0);
    assert_int_equal(sfs_append(fs, f, "tail", 4, &offset), 4);
    assert_int_equal(offset, 3000);
    assert_int_equal(sfs_read(fs, f, 2990, back, 100), 14);
    assert_memory_equal(back + 10, "tail", 4);
    assert_int_equal(sfs_write(fs, 0, 0, data, 1), SFS_EISDIR);
    assert_int_equal(sfs_read(fs, 0, 0, back, 1), SFS_EISDIR);
}

/* What was cut off is zeros when the file grows again. */
static void truncation(void)
{
    uint64_t f = make(0, "f");

    put(f, 0, 20000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sfs_truncate(fs, f, 5001), 0);
        assert_int_equal(sfs_truncate(fs, f, 20000), 0);
        assert_int_equal(sfs_read(fs, f, 0, back, 20000), 20000);
        assert_memory_equal(back, data, 5001);
        for (int at = 5001; at < 20000; at++) {
            assert_int_equal(back[at], 0);
        }
        remount();
    }
    put(f, 10, 15000);
    assert_int_equal(sfs_fsync(fs, f, false), 0);
    assert_int_equal(sfs_truncate(fs, f, 0), 0);
    assert_int_equal(sfs_getattr(fs, f, &attr), 0);
    assert_int_equal(attr.size, 0);
    assert_int_equal(attr.blocks, 0);
    assert_int_equal(sfs_truncate(fs, 0, 0), SFS_EISDIR);
}

static void holes(void)
{
    uint64_t f = make(0, "f");
    uint64_t far = version == 1 ? 30000 : 4000000000ull;
    uint64_t at = 0;
    uint64_t begin_of_data = far / bs * bs;

    put(f, far, 100);
    assert_int_equal(sfs_getattr(fs, f, &attr), 0);
    assert_int_equal(attr.size, far + 100);
    assert_true(attr.blocks * 512 <= 8 * bs);
    assert_int_equal(sfs_read(fs, f, 12345, back, 100), 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(back[i], 0);
    }
    same(f, far, 100);
    assert_int_equal(sfs_seek(fs, f, false, &at), 0);
    assert_int_equal(at, begin_of_data);
    assert_int_equal(sfs_seek(fs, f, true, &at), 0);
    assert_int_equal(at, far + 100);
    assert_int_equal(sfs_seek(fs, f, true, &at), SFS_ENXIO);
    at = 1;
    assert_int_equal(sfs_seek(fs, f, true, &at), 0);
    assert_int_equal(at, 1);
    assert_int_equal(sfs_truncate(fs, f, far), 0);
    assert_int_equal(sfs_truncate(fs, f, far / 2), 0);
    at = 0;
    assert_int_equal(sfs_seek(fs, f, false, &at), SFS_ENXIO);
    assert_int_equal(sfs_getattr(fs, f, &attr), 0);
    assert_true(attr.blocks * 512 <= 4 * bs); /* indirect blocks that lead nowhere may stay */
    assert_int_equal(sfs_truncate(fs, f, 100), 0);
}

/* ---- Links and rename -------------------------------------------------------------------------
 */

static void links(void)
{
    char target[4097], text[4097];
    uint64_t f = make(0, "f");
    uint64_t d = make_dir(0, "d");

    assert_int_equal(sfs_link(fs, f, d, N("hard"), &attr), 0);
    assert_int_equal(sfs_forget(fs, f, 1), 0);
    assert_int_equal(attr.nlink, 2);
    assert_int_equal(sfs_link(fs, f, d, N("hard"), &attr), SFS_EEXIST);
    assert_int_equal(sfs_link(fs, d, 0, N("no"), &attr), SFS_EPERM);
    put(f, 0, 100);
    assert_int_equal(sfs_unlink(fs, 0, N("f")), 0);
    assert_int_equal(look(d, "hard"), 0);
    assert_int_equal(attr.nlink, 1);
    same(attr.ino, 0, 100);
    memset(target, 't', sizeof(target));
    for (size_t length = 1; length <= 4095; length = length * 3 / 2 + 29) {
        char name[16];
        int got;

        sprintf(name, "l%zu", length);
        assert_int_equal(sfs_symlink(fs, d, N(name), target, length, me, &attr), 0);
        assert_int_equal(attr.size, length);
        assert_int_equal(attr.mode, 0120777);
        assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
        memset(text, 0, sizeof(text));
        got = sfs_readlink(fs, attr.ino, text, sizeof(text));
        assert_int_equal(got, length);
        assert_int_equal(strlen(text), length);
    }
    remount();
    assert_int_equal(look(d, "l1"), 0);
    assert_int_equal(sfs_readlink(fs, attr.ino, text, 10), 1);
    assert_int_equal(sfs_readlink(fs, d, text, 10), SFS_EINVAL);
    assert_int_equal(sfs_symlink(fs, d, N("x"), target, 4096, me, &attr), SFS_ENAMETOOLONG);
    assert_int_equal(sfs_symlink(fs, d, N("x"), target, 0, me, &attr), SFS_ENOENT);
    assert_int_equal(sfs_mknod(fs, d, N("null"), 0020666, 1ull << 32 | 3, me, &attr), 0);
    assert_int_equal(attr.rdev, 1ull << 32 | 3);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    assert_int_equal(sfs_mknod(fs, d, N("pipe"), 0010600, 7, me, &attr), 0);
    assert_int_equal(attr.rdev, 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    assert_int_equal(sfs_mknod(fs, d, N("reg"), 0100600, 7, me, &attr), SFS_EINVAL);
    assert_int_equal(sfs_unlink(fs, d, N("null")), 0);
    for (size_t length = 1; length <= 4095; length = length * 3 / 2 + 29) {
        char name[16];

        sprintf(name, "l%zu", length);
        assert_int_equal(sfs_unlink(fs, d, N(name)), 0);
    }
}

static int move(uint64_t from, const char *name, uint64_t to, const char *other, unsigned flags)
{
    return sfs_rename(fs, from, N(name), to, N(other), flags);
}

static void renames(void)
{
    uint64_t a = make_dir(0, "a");
    uint64_t b = make_dir(a, "b");
    uint64_t c = make_dir(b, "c");
    uint64_t f = make(0, "f");
    uint64_t g = make(0, "g");

    assert_int_equal(move(0, "none", 0, "x", 0), SFS_ENOENT);
    assert_int_equal(move(0, "a", c, "x", 0), SFS_EINVAL);
    assert_int_equal(move(0, "a", a, "x", 0), SFS_EINVAL);
    assert_int_equal(move(b, "c", 0, "a", 0), SFS_ENOTEMPTY);
    assert_int_equal(move(b, "c", 0, "a", SFS_RENAME_EXCHANGE), SFS_EINVAL);
    assert_int_equal(move(0, "f", 0, "g", SFS_RENAME_NOREPLACE), SFS_EEXIST);
    assert_int_equal(move(0, "f", 0, "f", SFS_RENAME_NOREPLACE), SFS_EEXIST);
    assert_int_equal(move(0, "f", 0, "f", 0), 0);
    assert_int_equal(move(0, "f", 0, "x", SFS_RENAME_EXCHANGE), SFS_ENOENT);
    assert_int_equal(move(0, "f", 0, "x", 3), SFS_EINVAL);
    assert_int_equal(move(0, "f", 0, "a", 0), SFS_EISDIR);
    assert_int_equal(move(0, "a", 0, "f", 0), SFS_ENOTDIR);
    assert_int_equal(move(0, ".", 0, "f", 0), SFS_EBUSY);
    assert_int_equal(move(0, "f", 0, "..", 0), SFS_EBUSY);
    assert_int_equal(move(0, "f", 0, "g", SFS_RENAME_EXCHANGE), 0);
    assert_int_equal(look(0, "f"), 0);
    assert_int_equal(attr.ino, g);
    assert_int_equal(move(0, "f", 0, "g", 0), 0);
    assert_int_equal(look(0, "g"), 0);
    assert_int_equal(attr.ino, g);
    assert_int_equal(sfs_getattr(fs, f, &attr), SFS_ESTALE);
    assert_int_equal(move(b, "c", 0, "top", 0), 0);
    assert_int_equal(nlink_of(b), 2);
    assert_int_equal(nlink_of(0), 4);
    assert_int_equal(look(c, ".."), 0);
    assert_int_equal(attr.ino, 0);
    assert_int_equal(move(0, "g", b, "g", 0), 0);
    assert_int_equal(move(b, "g", 0, "top", SFS_RENAME_EXCHANGE), 0);
    assert_int_equal(nlink_of(b), 3);
    assert_int_equal(nlink_of(0), 3);
    assert_int_equal(look(c, ".."), 0);
    assert_int_equal(attr.ino, b);
    make_dir(0, "empty");
    assert_int_equal(move(b, "g", 0, "empty", 0), 0);
    assert_int_equal(look(0, "empty"), 0);
    assert_int_equal(attr.ino, c);
    remount();
    assert_int_equal(look(0, "empty"), 0);
    assert_int_equal(attr.ino, c);
    assert_int_equal(sfs_link(fs, g, 0, N("same"), &attr), 0);
    assert_int_equal(sfs_forget(fs, g, 1), 0);
    assert_int_equal(move(0, "same", 0, "top", 0), 0);
    assert_int_equal(look(0, "same"), 0);
    assert_int_equal(attr.nlink, 2);
}

/* ---- Inodes that nobody links, attributes, paths ----------------------------------------------
 */

static void orphans(void)
{
    struct sfs_statfs before, after;
    uint64_t f, d;

    sfs_statfs(fs, &before);
    assert_int_equal(sfs_create(fs, 0, N("f"), 0644, me, &attr), 0);
    f = attr.ino;
    put(f, 0, 30000);
    assert_int_equal(sfs_unlink(fs, 0, N("f")), 0);
    assert_int_equal(sfs_getattr(fs, f, &attr), 0);
    assert_int_equal(attr.nlink, 0);
    same(f, 0, 30000);
    assert_int_equal(sfs_link(fs, f, 0, N("again"), &attr), SFS_ENOENT);
    assert_int_equal(sfs_fsync(fs, f, false), 0);
    assert_int_equal(sfs_forget(fs, f, 1), 0);
    assert_int_equal(sfs_getattr(fs, f, &attr), SFS_ESTALE);
    assert_int_equal(sfs_mkdir(fs, 0, N("d"), 0755, me, &attr), 0);
    d = attr.ino;
    assert_int_equal(sfs_rmdir(fs, 0, N("d")), 0);
    assert_int_equal(sfs_create(fs, d, N("x"), 0644, me, &attr), SFS_ENOENT);
    assert_int_equal(look(d, "."), SFS_ENOENT);
    assert_int_equal(sfs_create(fs, 0, N("g"), 0644, me, &attr), 0);
    put(attr.ino, 0, 30000);
    assert_int_equal(sfs_unlink(fs, 0, N("g")), 0);
    assert_int_equal(sfs_create(fs, 0, N("cut"), 0644, me, &attr), 0);
    for (uint64_t leaf = 0; leaf < (version == SFS_VERSION ? 4 : 1); leaf++) {
        put(attr.ino, leaf * bs / 8 * bs, 10000);
    }
    assert_int_equal(sfs_unlink(fs, 0, N("cut")), 0);
    assert_int_equal(sfs_truncate(fs, attr.ino, 1),
                     0); /* in many steps, and nobody links it still */
    remount();           /* three orphans go with the unmount */
    sfs_statfs(fs, &after);
    assert_int_equal(after.blocks_free, before.blocks_free);
    assert_int_equal(after.inodes_free, before.inodes_free);
}

/* ---- An operation that fails takes nothing ----------------------------------------------------
 */

enum { TRY_DIRECTORY, TRY_LINK, TRY_TREE, TRY_NAME, TRIES };

/* Each allocates blocks of several kinds. A reference to what was made goes back at once. */
static int64_t try(int what, uint64_t file)
{
    static char text[4000];
    int64_t result;

    memset(text, 'n', sizeof(text));
    switch (what) {
    case TRY_DIRECTORY:
        result = sfs_mkdir(fs, 0, N("made"), 0755, me, &attr);
        break;
    case TRY_LINK:
        result = sfs_symlink(fs, 0, N("made"), text, sizeof(text), me, &attr);
        break;
    case TRY_NAME: /* in a directory that has to grow for it */
        result = sfs_create(fs, 0, text, 255, 0644, me, &attr);
        break;
    default: /* the tree gets new roots, and a way down */
        return sfs_write(fs, file, 1ull << 32, text, sizeof(text));
    }
    if (result == 0) {
        assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    }
    return result;
}

/* The N-th allocation or the N-th read fails. Returns whether there was one. */
static bool fails_without_a_trace(int what, bool read, long n)
{
    struct sfs_statfs before, after;
    uint64_t file;
    int64_t result;

    begin(512, SFS_VERSION, 8192);
    file = make(0, "file");
    put(file, 0, 30000);
    for (int i = 0; i < 19; i++) { /* two in a block, and the file: ten blocks are full */
        char name[201];

        snprintf(name, sizeof(name), "%0200d", i);
        make(0, name);
    }
    assert_int_equal(sfs_getattr(fs, 0, &attr), 0);
    assert_int_equal(attr.size, 10 * 512);
    remount();
    sfs_statfs(fs, &before);
    if (read) {
        ramdisk_fail(disk, BLK_READ, n, 1);
    } else {
        port_fail_alloc(n);
    }
    result = try(what, file);
    port_fail_alloc(-1);
    ramdisk_fail(disk, BLK_READ, -1, 0);
    sfs_statfs(fs, &after);
    if (result < 0) {
        assert_int_equal(result, read ? SFS_EIO : SFS_ENOMEM);
        assert_int_equal(after.blocks_free, before.blocks_free);
        assert_int_equal(after.inodes_free, before.inodes_free);
        assert_int_equal(sfs_sync(fs), 0);
        assert_true(try(what, file) >= 0);
    }
    end();
    return result < 0;
}

static void test_failures_take_nothing(void **state)
{
    (void)state;
    for (int what = 0; what < TRIES; what++) {
        for (int read = 0; read < 2; read++) {
            long n = 0;

            while (fails_without_a_trace(what, read == 1, n)) {
                n++;
            }
            assert_true(n > 0);
        }
    }
}

/* What mkfs takes for a journal is enough for whatever has to be freed, wherever it lies. */
static void test_smallest_journal(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 512, .journal_blocks = 64};
    struct sfs_statfs before, after;

    (void)state;
    disk = ramdisk_create(160 << 10, 512); /* many blocks of bitmaps and checksums */
    while (sfs_mkfs(ramdisk_dev(disk), &options) == SFS_ENOSPC) {
        options.journal_blocks++;
    }
    bs = 512;
    version = SFS_VERSION;
    mount();
    sfs_statfs(fs, &before);
    make_dir(0, "d");
    assert_int_equal(sfs_rmdir(fs, 0, N("d")), 0);
    put(make(0, "f"), 0, 200000);
    assert_int_equal(sfs_unlink(fs, 0, N("f")), 0);
    assert_int_equal(sfs_orphans(fs), 0);
    sfs_statfs(fs, &after);
    assert_int_equal(after.blocks_free, before.blocks_free);
    end();
}

/* The power fails now: everything since the last sync is gone. Mount what is left. */
static void cut_power(void)
{
    const struct ramdisk_fate nothing_pending = {.lost_class = -1, .only_class = -1};
    struct ramdisk *left = ramdisk_after_cut(disk, &nothing_pending);

    (void)sfs_unmount(fs);
    ramdisk_free(disk);
    disk = left;
    mount();
}

static void make_open(const char *name, bool directory)
{
    assert_int_equal(directory ? sfs_mkdir(fs, 0, N(name), 0755, me, &attr)
                               : sfs_create(fs, 0, N(name), 0644, me, &attr),
                     0);
    if (!directory) {
        put(attr.ino, 0, 10000);
    }
}

/* Inodes without a name that were in use when the power failed are freed by the next mount. */
static void orphans_of_a_power_cut(void)
{
    struct sfs_statfs before, after;

    if (version == 1) {
        return; /* it promises nothing */
    }
    sfs_statfs(fs, &before);
    make_open("unlinked", false);
    make_open("removed", true);
    make_open("replaced", false);
    make_open("empty", true);
    make(0, "f");
    make_dir(0, "d");
    assert_int_equal(sfs_unlink(fs, 0, N("unlinked")), 0);
    assert_int_equal(sfs_rmdir(fs, 0, N("removed")), 0);
    assert_int_equal(move(0, "f", 0, "replaced", 0), 0);
    assert_int_equal(move(0, "d", 0, "empty", 0), 0);
    assert_int_equal(sfs_sync(fs), 0);
    cut_power();
    assert_int_equal(sfs_unlink(fs, 0, N("replaced")), 0);
    assert_int_equal(sfs_rmdir(fs, 0, N("empty")), 0);
    sfs_statfs(fs, &after);
    assert_int_equal(after.blocks_free, before.blocks_free);
    assert_int_equal(after.inodes_free, before.inodes_free);
}

/* More of them than the orphan block has slots: then every inode is looked at. */
static void more_orphans_than_slots(void)
{
    struct sfs_statfs before, after;

    if (version == 1) {
        return;
    }
    sfs_statfs(fs, &before);
    for (uint32_t i = 0; i < bs / 8 + 20; i++) {
        assert_int_equal(sfs_create(fs, 0, N("f"), 0644, me, &attr), 0);
        assert_int_equal(sfs_unlink(fs, 0, N("f")), 0);
    }
    assert_int_equal(sfs_sync(fs), 0);
    cut_power();
    sfs_statfs(fs, &after);
    assert_int_equal(after.blocks_free, before.blocks_free);
    assert_int_equal(after.inodes_free, before.inodes_free);
}

static void attributes(void)
{
    uint64_t f = make(0, "f");
    uint64_t d = make_dir(0, "d");

    attr = (struct sfs_attr){.mode = 06777, .uid = 5, .gid = 6, .mtime_ns = 7, .atime_ns = 8};
    assert_int_equal(sfs_setattr(fs, f, SFS_SET_MODE | SFS_SET_MTIME | SFS_SET_ATIME, &attr), 0);
    assert_int_equal(attr.mode, 0106777);
    assert_int_equal(attr.mtime_ns, 7);
    assert_int_equal(attr.uid, 10);
    attr.uid = 11;
    assert_int_equal(sfs_setattr(fs, f, SFS_SET_UID, &attr), 0);
    assert_int_equal(attr.mode, 0100777);
    assert_int_equal(attr.uid, 11);
    attr.gid = 65536;
    assert_int_equal(sfs_setattr(fs, f, SFS_SET_GID, &attr), SFS_EOVERFLOW);
    attr.size = 100;
    assert_int_equal(sfs_setattr(fs, f, SFS_SET_SIZE, &attr), 0);
    assert_int_equal(attr.size, 100);
    assert_int_equal(sfs_setattr(fs, d, SFS_SET_SIZE, &attr), SFS_EISDIR);
    attr.mode = 02777;
    attr.gid = 77;
    assert_int_equal(sfs_setattr(fs, d, SFS_SET_MODE | SFS_SET_GID, &attr), 0);
    make_dir(d, "sub");
    assert_int_equal(attr.mode, 042755);
    assert_int_equal(attr.gid, 77);
    remount();
    assert_int_equal(sfs_getattr(fs, f, &attr), 0);
    assert_int_equal(attr.uid, 11);
    assert_int_equal(attr.atime_ns, 8);
    assert_int_equal(sfs_read(fs, f, 0, back, 10), 10);
    assert_int_equal(sfs_getattr(fs, f, &attr), 0);
    assert_true(attr.atime_ns > 8); /* relatime: it was older than ctime */
}

static struct sfs_walk_result found;

static int walk(uint64_t cwd, const char *path, unsigned flags)
{
    int error = sfs_walk(fs, cwd, path, flags, &found);

    if (error == 0) {
        assert_int_equal(sfs_forget(fs, found.attr.ino, 1), 0);
    }
    return error;
}

static void link_to(uint64_t dir, const char *name, const char *target)
{
    assert_int_equal(sfs_symlink(fs, dir, N(name), N(target), me, &attr), 0);
    assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
}

static void paths(void)
{
    uint64_t a = make_dir(0, "a");
    uint64_t b = make_dir(a, "b");
    uint64_t f = make(b, "f");

    link_to(0, "up", "a/b/");
    link_to(b, "abs", "/a");
    link_to(b, "rel", "../b/f");
    link_to(0, "loop", "loop");
    link_to(0, "none", "nowhere");
    assert_int_equal(walk(0, "/", 0), 0);
    assert_int_equal(found.attr.ino, 0);
    assert_int_equal(walk(0, "", 0), SFS_ENOENT);
    assert_int_equal(walk(b, "f", 0), 0);
    assert_int_equal(found.attr.ino, f);
    assert_int_equal(walk(b, "//a/.//b/../b/f", 0), 0);
    assert_int_equal(found.attr.ino, f);
    assert_int_equal(walk(0, "up/f", 0), 0);
    assert_int_equal(found.attr.ino, f);
    assert_int_equal(walk(0, "up/abs/b/rel", 0), 0);
    assert_int_equal(found.attr.ino, f);
    assert_int_equal(walk(0, "up/rel", SFS_WALK_NOFOLLOW), 0);
    assert_int_equal(found.attr.mode, 0120777);
    assert_int_equal(walk(0, "up/", SFS_WALK_NOFOLLOW), 0);
    assert_int_equal(found.attr.ino, b);
    assert_int_equal(walk(0, "loop", 0), SFS_ELOOP);
    assert_int_equal(walk(0, "loop", SFS_WALK_NOFOLLOW), 0);
    assert_int_equal(walk(0, "none", 0), SFS_ENOENT);
    assert_int_equal(walk(0, "a/b/f/", 0), SFS_ENOTDIR);
    assert_int_equal(walk(0, "a/b/f/x", 0), SFS_ENOTDIR);
    assert_int_equal(walk(0, "a/b/f", SFS_WALK_DIRECTORY), SFS_ENOTDIR);
    assert_int_equal(walk(0, "up/new", SFS_WALK_PARENT), 0);
    assert_int_equal(found.attr.ino, b);
    assert_string_equal(found.last, "new");
    assert_int_equal(walk(0, "up/new//", SFS_WALK_PARENT), 0);
    assert_string_equal(found.last, "new");
    assert_int_equal(walk(0, "/", SFS_WALK_PARENT), SFS_EEXIST);
    assert_int_equal(walk(0, "a/b/f/new", SFS_WALK_PARENT), SFS_ENOTDIR);
}

static void read_only(void)
{
    const struct sfs_mount_options options = {.read_only = true};
    uint64_t f = make(0, "f");

    put(f, 0, 5000);
    unmount();
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &options, &fs), 0);
    same(f, 0, 5000);
    assert_int_equal(sfs_write(fs, f, 0, data, 1), SFS_EROFS);
    assert_int_equal(sfs_create(fs, 0, N("g"), 0644, me, &attr), SFS_EROFS);
    assert_int_equal(sfs_unlink(fs, 0, N("f")), SFS_EROFS);
    assert_int_equal(sfs_truncate(fs, f, 0), SFS_EROFS);
    assert_int_equal(sfs_rename(fs, 0, N("f"), 0, N("g"), 0), SFS_EROFS);
    assert_int_equal(sfs_fsync(fs, f, false), 0);
}

/* ---- All of them, at every format -------------------------------------------------------------
 */

static void everywhere(void (*test)(void))
{
    static const struct {
        uint32_t bs, version;
    } formats[] = {{512, 2}, {1024, 2}, {2048, 2}, {4096, 2}, {512, 1}};

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        rng_seed(7);
        begin(formats[i].bs, formats[i].version, 16384);
        test();
        end();
    }
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        everywhere(name);                                                                          \
    }
TEST(names)
TEST(many_names)
TEST(no_index)
TEST(contents)
TEST(truncation)
TEST(holes)
TEST(links)
TEST(renames)
TEST(orphans)
TEST(orphans_of_a_power_cut)
TEST(more_orphans_than_slots)
TEST(attributes)
TEST(paths)
TEST(read_only)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_no_index),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_renames),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_failures_take_nothing),
        cmocka_unit_test(test_smallest_journal),
        cmocka_unit_test(test_orphans_of_a_power_cut),
        cmocka_unit_test(test_more_orphans_than_slots),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_read_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
