/*
 * test_sfs_journal.c - the journal under a random client, with the power cut at every write and
 * flush: whatever survives, the volume is as after some whole transaction, not older than the last
 * commit that returned, and no block holds what it should not (tests/fs/client.h).
 *
 * SFS_SEEDS=n tries n times as many seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/log.h"
#include "tests/fs/client.h"
#include "tests/fs/port_host.h"

#define STEPS 70

static unsigned long states_seen;

static unsigned seeds(void)
{
    const char *more = getenv("SFS_SEEDS");

    return more != NULL ? (unsigned)atoi(more) : 1;
}

/* With a small cache, that is the limit; with a bigger one, the log's length is. */
static struct client *fresh(uint32_t bs, uint64_t seed)
{
    struct client *c = client_create(bs, bs == 512 ? 700 : 300, 64, SFS_VERSION);

    c->cache = seed % 3 == 0 ? 64 : 256;
    return c;
}

/* Run the workload of SEED; the power goes at event CUT (negative: never). Not unmounted. */
static struct client *workload(uint32_t bs, uint64_t seed, long cut, unsigned steps)
{
    struct client *c = fresh(bs, seed);

    rng_seed(seed);
    ramdisk_cut_after(c->disk, cut);
    assert_int_equal(client_mount(c), 0);
    for (unsigned i = 0; i < steps && c->failures == 0; i++) {
        client_step(c);
    }
    return c;
}

static const struct ramdisk_fate fates[] = {
    {0, 0, -1, -1},
    {1, 0, -1, -1},
    {1, 0, BLK_CLASS_DATA, -1},
    {1, 0, BLK_CLASS_LOG, -1},
    {1, 0, BLK_CLASS_COMMIT, -1},
    {1, 0, BLK_CLASS_LOG_SUPER, -1},
    {1, 0, BLK_CLASS_HOME, -1},
    {1, 0, -1, BLK_CLASS_HOME},
    {1, 0, -1, BLK_CLASS_LOG_SUPER},
    {1, 0, -1, BLK_CLASS_NONE},
    {0.9, 0, -1, -1},
    {0.5, 0, -1, -1},
    {0.1, 0, -1, -1},
    {0.97, 0, -1, -1},
    {0.9, 0.2, -1, -1},
    {0.2, 0.5, -1, -1},
};
#define FATES (sizeof(fates) / sizeof(fates[0]))

/* Mount DISK and check it. Returns the state's index. */
static unsigned check_disk(struct client *c, struct ramdisk *disk, bool read_only)
{
    const struct sfs_mount_options options = {.read_only = read_only, .cache_blocks = 64};
    struct sfs *fs;

    assert_int_equal(sfs_mount(ramdisk_dev(disk), &options, &fs), 0);
    unsigned index = client_check(c, fs);

    assert_int_equal(sfs_unmount(fs), 0);
    states_seen++;
    return index;
}

/* A read-only mount sees the same and writes nothing; a second recovery finds the same. */
static void check_state(struct client *c, const struct ramdisk_fate *fate)
{
    struct ramdisk *disk = ramdisk_after_cut(c->disk, fate);
    unsigned only_read = check_disk(c, disk, true);

    assert_int_equal(ramdisk_events(disk), 0);
    assert_int_equal(check_disk(c, disk, false), only_read);
    assert_int_equal(check_disk(c, disk, false), only_read);
    ramdisk_free(disk);
}

/* The power is cut at every write and flush of the workload and of the unmount behind it. */
static void cut_everywhere(uint32_t bs, uint64_t seed)
{
    bool cut = true;

    for (long at = 0; cut; at++) {
        struct client *c = workload(bs, seed, at, STEPS);

        client_unmount(c);
        cut = ramdisk_is_cut(c->disk);
        rng_seed(seed * 1000003 + (uint64_t)at);
        for (unsigned i = 0; i < FATES && cut; i++) {
            check_state(c, &fates[i]);
        }
        client_free(c);
    }
}

static void test_power_cuts(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= seeds(); seed++) {
        cut_everywhere(512, 2 * seed);
        cut_everywhere(4096, 2 * seed + 1);
    }
}

/*
 * Depth 2: the power is cut, and cut again at every write of the recovery; and after a recovery the
 * client goes on, and the power is cut again. Numbers of torn transactions must not come back.
 */
static void test_cut_in_recovery(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40 * seeds(); seed++) {
        struct client *c = workload(seed % 2 ? 512 : 4096, seed, 10 + seed % 60, STEPS);

        sfs_unmount(c->fs);
        client_current = NULL;
        struct ramdisk *first = ramdisk_after_cut(c->disk, &fates[seed % FATES]);
        const struct sfs_mount_options options = {.cache_blocks = 64};
        struct ramdisk_fate none = {0, 0, -1, -1};
        bool cut = true;

        rng_seed(seed);
        for (long n = 0; cut; n++) {
            struct ramdisk *again = ramdisk_after_cut(first, &none);
            struct sfs *fs;

            ramdisk_cut_after(again, n);
            if (sfs_mount(ramdisk_dev(again), &options, &fs) == 0) {
                sfs_unmount(fs);
            }
            cut = ramdisk_is_cut(again);
            struct ramdisk *last = ramdisk_after_cut(again, &fates[rng_below(FATES)]);

            check_disk(c, last, false);
            ramdisk_free(last);
            ramdisk_free(again);
        }
        ramdisk_free(first);
        client_free(c);
    }
}

static void test_cut_recover_go_on(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 60 * seeds(); seed++) {
        struct client *c = workload(seed % 2 ? 512 : 4096, seed, 20 + seed % 40, STEPS);

        for (unsigned round = 0; round < 6; round++) {
            sfs_unmount(c->fs);
            struct ramdisk *disk = ramdisk_after_cut(c->disk, &fates[rng_below(FATES)]);

            client_continue(c, disk);
            assert_int_equal(client_mount(c), 0);
            client_go_on_from(c, client_check(c, c->fs));
            ramdisk_cut_after(disk, 5 + rng_below(60));
            for (unsigned i = 0; i < STEPS && c->failures == 0; i++) {
                client_step(c);
            }
        }
        sfs_unmount(c->fs);
        client_free(c);
    }
}

/* Without power cuts: thousands of operations, the log wraps many times, then all is there. */
static void long_run(uint32_t bs, uint32_t version, unsigned steps)
{
    struct client *c = client_create(bs, bs == 512 ? 700 : 300, version == 1 ? 0 : 64, version);

    rng_seed(bs + version);
    for (unsigned round = 0; round < 4; round++) {
        c->cache = round % 2 == 0 ? 64 : 256;
        assert_int_equal(client_mount(c), 0);
        for (unsigned i = 0; i < steps; i++) {
            client_step(c);
        }
        assert_int_equal(c->failures, 0);
        assert_int_equal(client_unmount(c), 0);
        assert_int_equal(check_disk(c, c->disk, false), c->now);
    }
    client_free(c);
}

static void test_long_run(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        long_run(bs, SFS_VERSION, 900);
    }
    long_run(512, SFS_VERSION_SEED, 900);
}

/* ---- Failures ---- */

/* One request, or several, of kind OP fail from the N-th on. What is left must be a good state. */
static bool fail_request(uint32_t bs, enum blk_op op, long n, long repeat)
{
    struct client *c = fresh(bs, 1);

    rng_seed(bs);
    assert_int_equal(client_mount(c), 0);
    ramdisk_fail(c->disk, op, n, repeat);
    for (unsigned i = 0; i < 40 && c->failures == 0; i++) {
        client_step(c);
    }
    bool aborted = c->fs->journal->aborted != 0;

    if (aborted) {
        struct sfs_handle h;

        assert_int_equal(sfs_begin(c->fs, &h, 1, 0), SFS_EROFS);
        assert_int_equal(sfs_commit(c->fs, c->fs->journal->run.seq), SFS_EIO);
        assert_int_equal(sfs_flush(c->fs), SFS_EIO);
        assert_true(sfs_read_only(c->fs));
    }
    bool failed = ramdisk_failed(c->disk);
    int error = client_unmount(c);

    assert_true(!aborted || error == SFS_EIO);
    ramdisk_fail(c->disk, op, -1, 0);
    check_disk(c, c->disk, true);
    client_free(c);
    return failed;
}

static void test_requests_fail(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs += 4096 - 512) {
        for (int op = BLK_READ; op <= BLK_FLUSH; op++) {
            for (long repeat = 1; repeat <= 1000; repeat *= 1000) {
                for (long n = 0; fail_request(bs, (enum blk_op)op, n, repeat); n++) {
                }
            }
        }
    }
}

static void test_no_memory(void **state)
{
    bool failed = true;

    (void)state;
    for (long n = 0; failed; n++) {
        struct client *c = fresh(512, 1);

        rng_seed(3);
        assert_int_equal(client_mount(c), 0);
        port_fail_alloc(n);
        for (unsigned i = 0; i < 40 && c->failures == 0; i++) {
            client_step(c);
        }
        client_unmount(c);
        failed = port_alloc_failed();
        port_fail_alloc(-1);
        check_disk(c, c->disk, true);
        client_free(c);
    }
}

/* A copy that cannot go home at once is tried again; the volume lives on. */
static void fail_home(void *ctx, const struct ramdisk_event *event)
{
    struct client *c = ctx;

    if (event->cls == BLK_CLASS_HOME && !ramdisk_failed(c->disk)) {
        ramdisk_fail(c->disk, BLK_WRITE, 0, 1);
    }
}

static void test_home_is_tried_again(void **state)
{
    struct client *c = fresh(512, 1);

    (void)state;
    rng_seed(9);
    assert_int_equal(client_mount(c), 0);
    ramdisk_watch(c->disk, fail_home, c);
    for (unsigned i = 0; i < 40; i++) {
        client_step(c);
    }
    assert_int_equal(client_unmount(c), 0);
    assert_true(ramdisk_failed(c->disk));
    assert_int_equal(c->failures, 0);
    client_free(c);
}

/* Nothing goes home any more: the tail must stay, or the log's copies would be lost. */
static void fail_every_home(void *ctx, const struct ramdisk_event *event)
{
    struct client *c = ctx;

    if (event->cls == BLK_CLASS_HOME) {
        ramdisk_fail(c->disk, BLK_WRITE, 0, 1);
    }
}

static void test_home_fails(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 10; seed++) {
        struct client *c = fresh(512, seed);

        rng_seed(seed);
        assert_int_equal(client_mount(c), 0);
        ramdisk_watch(c->disk, fail_every_home, c);
        for (unsigned i = 0; i < 100 && c->failures == 0; i++) {
            client_step(c);
        }
        assert_int_equal(client_unmount(c), SFS_EIO);
        ramdisk_watch(c->disk, NULL, NULL);
        check_disk(c, c->disk, true);
        client_free(c);
    }
}

/* ---- What it costs ---- */

/* A steady stream of commits: one log write (two at the log's end) and one flush each, the tail's
 * flushes included (J5). */
static void test_cost(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs += 4096 - 512) {
        struct client *c = client_create(bs, 4000, 0, SFS_VERSION);
        struct blk_dev *dev = ramdisk_dev(c->disk);
        const struct sfs_mount_options options = {.cache_blocks = 512};

        assert_int_equal(sfs_mount(dev, &options, &c->fs), 0);
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t flushes = dev->flushes, writes = dev->writes;
            struct sfs_handle h;
            struct sfs_buf *buf;

            assert_int_equal(sfs_begin(c->fs, &h, 2, 0), 0);
            assert_int_equal(sfs_modify(&h, c->table[i % CLIENT_TABLES], &buf), 0);
            buf->data[0]++;
            sfs_buf_put(c->fs, buf);
            sfs_end(&h);
            assert_int_equal(sfs_commit(c->fs, h.seq), 0);
            assert_int_equal(sfs_flush(c->fs), 0);
            if (i > 0) {
                assert_int_equal(dev->flushes - flushes, 1);
                assert_true(dev->writes - writes <= 5);
            }
        }
        assert_true(dev->writes < 1350);
        assert_int_equal(sfs_unmount(c->fs), 0);
        client_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_cut_in_recovery),
        cmocka_unit_test(test_cut_recover_go_on),
        cmocka_unit_test(test_requests_fail),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_home_is_tried_again),
        cmocka_unit_test(test_home_fails),
        cmocka_unit_test(test_cost),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    printf("%lu crash states\n", states_seen);
    return failed;
}
