/*
 * test_sfs_random.c - thousands of random operations, on SFS and on a plain model of it. They must
 * agree: on a roomy volume, on one that is always full, across unmounts; and when reads, writes and
 * allocations fail, or the power is cut, the volume must be sound afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/csum.h"
#include "fs/sfs.h"
#include "tests/fs/checker.h"
#include "tests/fs/model.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

#define WRITE_MAX 70000

static struct ramdisk *disk;
static struct sfs *fs;
static uint32_t bs;
static bool seed_format;
static bool is_full;    /* ENOSPC is to be expected */
static bool is_failing; /* so are EIO, ENOMEM, EROFS: the model is not followed any more */
static bool is_cutting; /* the power will be cut: one write is one transaction */
static struct sfs_attr attr;
static uint8_t buffer[WRITE_MAX], back[1 << 20];
static const struct sfs_owner me = {1, 2};

static void mount(void)
{
    const struct sfs_mount_options options = {.cache_blocks = 96, .page_kib = 256};

    assert_int_equal(sfs_mount(ramdisk_dev(disk), &options, &fs), 0);
}

static void begin(uint32_t block_size, uint32_t version, uint64_t sectors)
{
    struct sfs_mkfs_options options = {.block_size = block_size, .version = version};

    bs = block_size;
    seed_format = version == SFS_VERSION_SEED;
    disk = ramdisk_create(sectors, 512);
    memset(ramdisk_bytes(disk), 0xFF, ramdisk_size(disk)); /* what must never be seen */
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    model_reset(seed_format ? 55 : 255);
    mount();
}

static size_t name_length(int name)
{
    return strlen(model_name[name]);
}

#define N(name) model_name[name], name_length(name)

/* ---- Comparing --------------------------------------------------------------------------------
 */

static unsigned entries;

static bool count_entry(void *ctx, const struct sfs_entry *entry)
{
    (void)ctx;
    (void)entry;
    entries++;
    return true;
}

static void compare_contents(int i)
{
    uint64_t size = model[i].size;

    for (uint64_t at = 0; at < size; at += sizeof(back)) {
        size_t part = size - at < sizeof(back) ? size - at : sizeof(back);

        assert_int_equal(sfs_read(fs, model[i].ino, at, back, part), part);
        assert_memory_equal(back, model[i].data + at, part);
    }
}

static void compare_inode(int i)
{
    assert_int_equal(sfs_getattr(fs, model[i].ino, &attr), 0);
    assert_int_equal(attr.mode, model[i].type << 12 | model[i].permissions);
    assert_int_equal(attr.nlink, model[i].nlink);
    if (model[i].type == SFS_TYPE_REG || model[i].type == SFS_TYPE_LNK) {
        assert_int_equal(attr.size, model[i].size);
    }
    if (model[i].type == SFS_TYPE_REG) {
        compare_contents(i);
    } else if (model[i].type == SFS_TYPE_LNK) {
        assert_int_equal(sfs_readlink(fs, model[i].ino, (char *)back, sizeof(back)), model[i].size);
        assert_memory_equal(back, model[i].data, model[i].size);
    }
}

static void compare_dir(int dir)
{
    uint64_t cookie = 0;
    unsigned expected = model[dir].nlink > 0 ? 2 : 0;

    for (int name = 0; name < MODEL_NAMES; name++) {
        int i = model[dir].entry[name];
        int error = sfs_lookup(fs, model[dir].ino, N(name), &attr);

        assert_int_equal(error, i >= 0 ? 0 : SFS_ENOENT);
        if (i >= 0) {
            assert_int_equal(attr.ino, model[i].ino);
            assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
            expected++;
        }
    }
    entries = 0;
    assert_int_equal(sfs_readdir(fs, model[dir].ino, &cookie, count_entry, NULL), 0);
    assert_int_equal(entries, expected);
}

static void compare_all(void)
{
    for (int i = 0; i < MODEL_INODES; i++) {
        if (model[i].live) {
            compare_inode(i);
            if (model[i].type == SFS_TYPE_DIR) {
                compare_dir(i);
            }
        }
    }
}

static void release_all(void)
{
    for (int i = 0; i < MODEL_INODES; i++) {
        while (model[i].live && model[i].opens > 0) {
            assert_int_equal(sfs_forget(fs, model[i].ino, 1), 0);
            model_release(i);
        }
    }
}

static void check(void)
{
    assert_int_equal(check_volume(ramdisk_bytes(disk), ramdisk_size(disk)), 0);
}

static void remount(void)
{
    release_all();
    assert_int_equal(sfs_unmount(fs), 0);
    check();
    mount();
}

static void end(void)
{
    remount();
    compare_all();
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

/* ---- Operations -------------------------------------------------------------------------------
 */

static int any(bool directory)
{
    for (int tries = 0; tries < 1000; tries++) {
        int i = (int)rng_below(MODEL_INODES);

        if (model[i].live && (model[i].type == SFS_TYPE_DIR) == directory) {
            return i;
        }
    }
    return 0;
}

/* Mostly a directory, now and then not. */
static int somewhere(void)
{
    return any(rng_below(50) > 0);
}

/* Is the model to follow? What the disk says cannot be known is not. */
static bool goes_on(int64_t real)
{
    if (is_full && real == SFS_ENOSPC) {
        return false;
    }
    return !is_failing || real >= 0;
}

static void agree(int64_t real, int64_t expected)
{
    if (!is_failing && !ramdisk_is_cut(disk)) {
        assert_int_equal(real, expected);
    }
}

static void do_make(void)
{
    static const uint32_t types[] = {SFS_TYPE_REG, SFS_TYPE_REG, SFS_TYPE_REG, SFS_TYPE_DIR,
                                     SFS_TYPE_DIR, SFS_TYPE_LNK, SFS_TYPE_FIFO};
    int dir = somewhere();
    int name = (int)rng_below(MODEL_NAMES);
    uint32_t type = types[rng_below(7)];
    size_t size = type != SFS_TYPE_LNK ? 0 : 1 + rng_below(rng_below(2) ? 100 : 4095);
    int made = -1;
    int real;

    if (model_slot() < 0) {
        return;
    }
    memset(buffer, 't', size);
    if (type == SFS_TYPE_REG) {
        real = sfs_create(fs, model[dir].ino, N(name), 0750, me, &attr);
    } else if (type == SFS_TYPE_DIR) {
        real = sfs_mkdir(fs, model[dir].ino, N(name), 0750, me, &attr);
    } else if (type == SFS_TYPE_LNK) {
        real = sfs_symlink(fs, model[dir].ino, N(name), (char *)buffer, size, me, &attr);
    } else {
        real = sfs_mknod(fs, model[dir].ino, N(name), 0010750, 0, me, &attr);
    }
    if (goes_on(real)) {
        agree(real, model_make(dir, name, type, attr.ino, buffer, size, &made));
    }
    if (real == 0 && made >= 0 && rng_below(4) == 0) {
        model[made].opens++;
    } else if (real == 0) {
        assert_int_equal(sfs_forget(fs, attr.ino, 1), 0);
    }
}

static void do_link(void)
{
    int inode = any(rng_below(20) == 0);
    int dir = somewhere();
    int name = (int)rng_below(MODEL_NAMES);
    int real = sfs_link(fs, model[inode].ino, model[dir].ino, N(name), &attr);

    if (real == 0) {
        assert_int_equal(sfs_forget(fs, model[inode].ino, 1), 0);
    }
    if (goes_on(real)) {
        int expected = is_failing ? model_link(inode, dir, name)
                       : model[dir].type != SFS_TYPE_DIR && model[inode].type != SFS_TYPE_DIR
                           ? SFS_ENOTDIR
                           : model_link(inode, dir, name);

        agree(real, expected);
    }
}

static void do_remove(void)
{
    int dir = somewhere();
    int name = (int)rng_below(MODEL_NAMES);
    bool rmdir = rng_below(3) == 0;
    int real =
        rmdir ? sfs_rmdir(fs, model[dir].ino, N(name)) : sfs_unlink(fs, model[dir].ino, N(name));

    if (goes_on(real)) {
        agree(real, model_remove(dir, name, rmdir));
    }
}

static void do_rename(void)
{
    int from = somewhere();
    int to = rng_below(2) ? from : somewhere();
    int name = (int)rng_below(MODEL_NAMES);
    int other = (int)rng_below(MODEL_NAMES);
    unsigned flags = rng_below(3);
    int real = sfs_rename(fs, model[from].ino, N(name), model[to].ino, N(other), flags);

    if (goes_on(real)) {
        agree(real, model_rename(from, name, to, other, flags));
    }
}

/* In no file is byte I of this value for long, and never 0 or 0xFF. */
static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(1 + (i * 7 + (i >> 9) * 13) % 250);
}

static void fill(uint64_t offset, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        buffer[i] = is_cutting ? pattern(offset + i) : (uint8_t)rng();
    }
}

static size_t one_transaction(uint64_t offset, size_t size)
{
    uint64_t first = offset / bs;
    uint64_t leaf = first < 10 ? 10 : first + bs / 8 - (first - 10) % (bs / 8);
    uint64_t end = leaf < first + 8 ? leaf * bs : (first + 8) * bs;

    return end - offset < size ? end - offset : size;
}

static uint64_t any_offset(int inode)
{
    uint64_t size = model[inode].size;

    switch (rng_below(seed_format ? 3 : 40)) {
    case 0:
        return size;
    case 1:
        return rng_below(30000);
    case 39:
        return is_full || is_cutting ? size : 2050000 + rng_below(300000);
    default:
        return size > 0 ? rng_below((uint32_t)size) : 0;
    }
}

static void do_write(void)
{
    int inode = any(false);
    uint64_t offset = any_offset(inode);
    size_t size = 1 + rng_below(rng_below(4) ? 3000 : seed_format ? 5000 : WRITE_MAX - 1);
    int64_t real;

    if (seed_format && offset + size > 37888) {
        return;
    }
    size = is_cutting ? one_transaction(offset, size) : size;
    fill(offset, size);
    real = sfs_write(fs, model[inode].ino, offset, buffer, size);
    if (model[inode].type != SFS_TYPE_REG) {
        assert_true(real == (inode == 0 ? SFS_EISDIR : SFS_EINVAL) || is_failing);
    } else if (real > 0 || (is_cutting && ramdisk_is_cut(disk))) {
        if (!is_full) {
            agree(real, (int64_t)size);
        }
        model_write(inode, offset, buffer, real > 0 ? (size_t)real : size);
    } else {
        assert_true((is_full && real == SFS_ENOSPC) || is_failing);
    }
}

static void do_truncate(void)
{
    int inode = any(false);
    uint64_t size = rng_below(3) == 0 ? 0 : rng_below(seed_format ? 37889 : 100000);
    int real;

    if (rng_below(2) && model[inode].size > 0) {
        size = model[inode].size - rng_below((uint32_t)model[inode].size);
    }
    real = sfs_truncate(fs, model[inode].ino, size);
    if (model[inode].type != SFS_TYPE_REG) {
        assert_true(real == (inode == 0 ? SFS_EISDIR : SFS_EINVAL) || is_failing);
    } else if (goes_on(real)) {
        agree(real, 0);
        model_truncate(inode, size);
    }
}

static void do_chmod(void)
{
    int inode = any(rng_below(3) == 0);
    int real;

    attr.mode = (uint16_t)rng_below(01000);
    real = sfs_setattr(fs, model[inode].ino, SFS_SET_MODE, &attr);
    if (goes_on(real)) {
        agree(real, 0);
        model[inode].permissions = attr.mode & 07777;
    }
}

static void do_open(void)
{
    int inode = any(rng_below(3) == 0);

    if (inode != 0 && sfs_iget(fs, model[inode].ino, &attr) == 0) {
        model[inode].opens++;
    }
}

static void do_close(void)
{
    int inode = any(rng_below(3) == 0);

    if (model[inode].opens > 0) {
        assert_int_equal(sfs_forget(fs, model[inode].ino, 1), 0);
        model_release(inode);
    }
}

static void do_fsync(void)
{
    int inode = any(rng_below(4) == 0);
    int real = sfs_fsync(fs, model[inode].ino, rng_below(2));

    if (goes_on(real)) {
        agree(real, 0);
    }
    if (real == 0 && model[inode].type == SFS_TYPE_REG) {
        model_fsync(inode);
    }
}

static void one_operation(void)
{
    uint32_t what = rng_below(100);

    if (what < 22) {
        do_make();
    } else if (what < 27) {
        do_link();
    } else if (what < 40) {
        do_remove();
    } else if (what < 50) {
        do_rename();
    } else if (what < 75) {
        do_write();
    } else if (what < 83) {
        do_truncate();
    } else if (what < 86) {
        do_chmod();
    } else if (what < 90) {
        do_open();
    } else if (what < 95) {
        do_close();
    } else {
        do_fsync();
    }
}

/* ---- The model and the volume agree -----------------------------------------------------------
 */

static void run(uint32_t block_size, uint32_t version, uint64_t sectors, unsigned seed,
                unsigned operations)
{
    rng_seed(seed);
    begin(block_size, version, sectors);
    for (unsigned i = 1; i <= operations; i++) {
        one_operation();
        if (i % 500 == 0) {
            if (i % 1000 == 0) {
                remount();
            } else {
                assert_int_equal(sfs_sync(fs), 0);
            }
            compare_all();
        }
    }
    end();
}

static void test_random_operations(void **state)
{
    (void)state;
    for (uint32_t size = 512; size <= 4096; size *= 2) {
        run(size, SFS_VERSION, 65536, size, 4000);
    }
    run(512, SFS_VERSION_SEED, 16384, 3, 4000);
}

static void test_a_volume_that_is_always_full(void **state)
{
    (void)state;
    is_full = true;
    run(512, SFS_VERSION, 1400, 11, 5000);
    run(1024, SFS_VERSION, 2400, 12, 3000);
    run(4096, SFS_VERSION, 8000, 13, 5000);
    run(512, SFS_VERSION_SEED, 800, 14, 3000);
    is_full = false;
}

/* ---- Failures ---------------------------------------------------------------------------------
 */

enum fault { FAULT_READ, FAULT_WRITE, FAULT_FLUSH, FAULT_ALLOC, FAULTS };

static void set_fault(enum fault fault, long n)
{
    static const enum blk_op ops[] = {BLK_READ, BLK_WRITE, BLK_FLUSH};

    if (fault == FAULT_ALLOC) {
        port_fail_alloc(n);
    } else {
        ramdisk_fail(disk, ops[fault], n, 1);
    }
}

static bool fault_happened(enum fault fault)
{
    return fault == FAULT_ALLOC ? port_alloc_failed() : ramdisk_failed(disk);
}

/* A volume that an error was seen on is mounted read-only; say that it is in use. */
static void no_error_seen(void)
{
    struct sfs_super *super = (struct sfs_super *)ramdisk_bytes(disk);

    if (super->state == SFS_STATE_ERROR) {
        super->state = SFS_STATE_IN_USE;
        super->crc = sfs_csum(0, super, offsetof(struct sfs_super, crc));
        ramdisk_settle(disk);
    }
}

/* Some operations, the n-th request of which fails. Then: no crash, no leak, and a sound volume. */
static bool run_fault(uint32_t block_size, unsigned seed, enum fault fault, long n)
{
    bool happened;

    rng_seed(seed);
    begin(block_size, SFS_VERSION, 8192);
    for (int i = 0; i < 40; i++) {
        one_operation();
    }
    remount();
    is_failing = true;
    set_fault(fault, n);
    for (int i = 0; i < 40; i++) {
        one_operation();
    }
    (void)sfs_sync(fs);
    (void)sfs_unmount(fs);
    happened = fault_happened(fault);
    port_fail_alloc(-1);
    ramdisk_fail(disk, BLK_READ, -1, 0);
    is_failing = false;
    assert_int_equal(port_in_use(), 0);
    no_error_seen();
    mount();
    assert_int_equal(sfs_unmount(fs), 0);
    check();
    ramdisk_free(disk);
    return happened;
}

static void test_every_failure(void **state)
{
    (void)state;
    for (uint32_t size = 512; size <= 4096; size *= 8) {
        for (int fault = 0; fault < FAULTS; fault++) {
            long step = fault == FAULT_ALLOC ? 5 : 1;
            long n = 0;

            while (run_fault(size, 100 + (unsigned)fault, (enum fault)fault, n)) {
                n += step;
            }
            assert_true(n > 0);
        }
    }
}

/* ---- Power cuts -------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x100000001B3ull + 0x9E3779B9u;
}

/* Every byte of a file is what was once written there, or a hole's zero: never another's, never
 * 0xFF. */
static void no_foreign_bytes(uint64_t ino, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += sizeof(back)) {
        size_t part = size - at < sizeof(back) ? size - at : sizeof(back);

        assert_int_equal(sfs_read(fs, ino, at, back, part), part);
        for (size_t i = 0; i < part; i++) {
            assert_true(back[i] == 0 || back[i] == pattern(at + i));
        }
    }
}

/* model_digest, of what is on the volume. */
static uint64_t digest(uint64_t ino, int depth)
{
    uint64_t hash;

    assert_int_equal(sfs_getattr(fs, ino, &attr), 0);
    hash = mix(mix(mix(1, attr.mode), attr.nlink), (uint64_t)depth);
    if (attr.mode >> 12 != SFS_TYPE_DIR) {
        uint64_t size = attr.size;

        hash = mix(hash, size);
        if (attr.mode >> 12 == SFS_TYPE_REG) {
            no_foreign_bytes(ino, size);
        } else if (attr.mode >> 12 == SFS_TYPE_LNK) {
            assert_int_equal(sfs_readlink(fs, ino, (char *)back, sizeof(back)), size);
            for (uint64_t i = 0; i < size; i++) {
                hash = mix(hash, back[i]);
            }
        }
        return hash;
    }
    for (int name = 0; name < MODEL_NAMES; name++) {
        if (sfs_lookup(fs, ino, N(name), &attr) == 0) {
            uint64_t child = attr.ino;

            hash = mix(mix(hash, (uint64_t)name), digest(child, depth + 1));
            assert_int_equal(sfs_forget(fs, child, 1), 0);
        }
    }
    return hash;
}

/* What fsync promised, for files that still have a name. */
static void durable_is_there(void)
{
    for (int i = 0; i < MODEL_INODES; i++) {
        const struct model_inode *m = &model[i];

        if (!m->live || m->nlink == 0 || m->durable_size == 0) {
            continue;
        }
        assert_int_equal(sfs_read(fs, m->ino, 0, back, m->durable_size), m->durable_size);
        for (uint64_t at = 0; at < m->durable_size; at++) {
            assert_true(m->durable[at] == 0 || back[at] == m->durable[at]);
        }
    }
}

#define STATES 400
static uint64_t states[STATES];

static void check_after_cut(const struct ramdisk_fate *fate, int low, int count)
{
    struct ramdisk *before = disk;
    struct sfs *old = fs;
    uint64_t found;
    int i = low;

    disk = ramdisk_after_cut(before, fate);
    mount();
    found = digest(0, 0);
    while (i < count && states[i] != found) {
        i++;
    }
    assert_in_range(i, low, count - 1); /* the tree of one moment, not before the last sync */
    durable_is_there();
    assert_int_equal(sfs_unmount(fs), 0);
    check();
    ramdisk_free(disk);
    disk = before;
    fs = old;
}

static void run_cut(uint32_t block_size, unsigned seed)
{
    static const struct ramdisk_fate fates[] = {
        {.kept = 1, .lost_class = -1, .only_class = -1},
        {.kept = 0, .lost_class = -1, .only_class = -1},
        {.kept = .5, .lost_class = -1, .only_class = -1},
        {.kept = .9, .lost_class = BLK_CLASS_DATA, .only_class = -1},
        {.kept = 1, .lost_class = BLK_CLASS_LOG, .only_class = -1},
    };
    int low = 0;
    int count = 0;

    rng_seed(seed);
    begin(block_size, SFS_VERSION, block_size == 512 ? 4096 : 8192);
    for (int i = 0; i < 60; i++) {
        one_operation();
    }
    assert_int_equal(sfs_sync(fs), 0);
    states[count++] = model_digest();
    ramdisk_cut_after(disk, 1 + rng_below(150));
    while (!ramdisk_is_cut(disk) && count < STATES) {
        one_operation();
        states[count++] = model_digest();
        if (rng_below(30) == 0 && sfs_sync(fs) == 0) {
            low = count - 1;
        }
    }
    for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
        check_after_cut(&fates[i], low, count);
    }
    (void)sfs_unmount(fs);
    ramdisk_free(disk);
    assert_int_equal(port_in_use(), 0);
}

static void test_power_cuts(void **state)
{
    (void)state;
    is_cutting = true;
    for (unsigned seed = 1; seed <= 150; seed++) {
        run_cut(seed % 2 ? 512 : 4096, seed);
    }
    is_cutting = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_failure),
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_a_volume_that_is_always_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
