/*
 * test_sfs_alloc.c - the bitmaps: runs of blocks, the quarantine, ENOSPC and what cures it, inodes,
 * bitmaps that lie; and threads that use the journal at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/log.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

/* What to do while a transaction is committing. */
static void (*while_committing)(struct sfs *fs);

static int pay(struct sfs *fs, uint64_t seq)
{
    if (while_committing != NULL) {
        while_committing(fs);
    }
    sfs_paid_data(fs, seq, 1, 0);
    return 0;
}

const struct sfs_hooks sfs_upper_hooks = {.pay = pay};

static const struct sfs_mount_options plain = {.cache_blocks = 64};

static struct sfs *mounted(uint32_t bs, uint64_t blocks, struct ramdisk **disk)
{
    struct sfs_mkfs_options options = {.block_size = bs, .journal_blocks = 64};
    struct sfs *fs;

    *disk = ramdisk_create(blocks * bs / 512, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(*disk), &options), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(*disk), &plain, &fs), 0);
    return fs;
}

static void unmounted(struct sfs *fs, struct ramdisk *disk)
{
    assert_int_equal(sfs_unmount(fs), 0);
    ramdisk_free(disk);
}

static uint32_t take(struct sfs *fs, uint64_t goal, uint32_t want, uint64_t *first)
{
    struct sfs_handle h;
    uint32_t got;

    assert_int_equal(sfs_begin(fs, &h, sfs_credits(fs, 3, 0), want), 0);
    assert_int_equal(sfs_alloc_data(&h, goal, want, first, &got), 0);
    assert_int_equal(h.blocks, want - got);
    sfs_end(&h);
    return got;
}

static int give(struct sfs *fs, uint64_t first, uint32_t count)
{
    struct sfs_handle h;
    int error = sfs_begin(fs, &h, sfs_credits(fs, 4, 0), 0);

    for (uint32_t i = 0; i < count && error == 0; i++) {
        error = sfs_free_block(&h, first + i, false);
    }
    sfs_end(&h);
    return error;
}

static void test_runs(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        struct ramdisk *disk;
        struct sfs *fs = mounted(bs, 1000, &disk);
        uint64_t free = sfs_blocks_free(fs), first, second;

        assert_int_equal(take(fs, 600, 50, &first), 50);
        assert_int_equal(first, 600);
        assert_int_equal(take(fs, 590, 50, &second), 10); /* as far as it is free */
        assert_int_equal(second, 590);
        assert_int_equal(take(fs, 600, 5, &second), 5);
        assert_int_equal(second, 650);
        assert_int_equal(take(fs, 1ull << 60, 1, &second), 1); /* any goal will do */
        assert_int_equal(sfs_blocks_free(fs), free - 66);
        assert_int_equal(give(fs, 600, 50), 0);
        assert_int_equal(sfs_blocks_free(fs), free - 16);
        assert_int_equal(take(fs, 600, 5, &second), 5); /* quarantine */
        assert_int_equal(second, 655);
        assert_int_equal(sfs_commit_running(fs), 0);
        assert_int_equal(take(fs, 600, 5, &second), 5);
        assert_int_equal(second, 600);
        assert_int_equal(give(fs, 605, 1), SFS_EUCLEAN); /* is free */
        assert_int_equal(give(fs, 3, 1), SFS_EUCLEAN);   /* cannot be freed */
        assert_int_equal(give(fs, 999, 1), SFS_EUCLEAN);
        assert_int_equal(give(fs, 1ull << 60, 1), SFS_EUCLEAN);
        unmounted(fs, disk);
    }
}

/* A block whose freeing is committing, not durable: still in quarantine (J6). */
static void take_while_committing(struct sfs *fs)
{
    uint64_t first;

    assert_int_equal(take(fs, 600, 1, &first), 1);
    assert_int_equal(first, 601);
}

static void test_quarantine_while_committing(void **state)
{
    struct ramdisk *disk;
    struct sfs *fs = mounted(512, 1000, &disk);
    struct sfs_handle h;
    uint64_t first;

    (void)state;
    assert_int_equal(take(fs, 600, 1, &first), 1);
    assert_int_equal(sfs_commit_running(fs), 0);
    assert_int_equal(give(fs, 600, 1), 0);
    assert_int_equal(sfs_begin(fs, &h, 6, 0), 0);
    sfs_owe_data(&h, 1);
    sfs_end(&h);
    while_committing = take_while_committing;
    assert_int_equal(sfs_commit(fs, h.seq), 0);
    while_committing = NULL;
    assert_int_equal(take(fs, 600, 1, &first), 1);
    assert_int_equal(first, 600);
    unmounted(fs, disk);
}

/* A block that was logged as data, freed and committed: free for metadata at once, for data when
 * the tail has passed. */
static void test_stuck(void **state)
{
    struct ramdisk *disk;
    struct sfs *fs = mounted(512, 1000, &disk);
    uint8_t data[512] = {1};
    struct sfs_handle h;
    struct sfs_buf *buf;
    uint64_t block, other;
    uint32_t got;

    (void)state;
    assert_int_equal(sfs_begin(fs, &h, 8, 1), 0);
    assert_int_equal(sfs_alloc_data(&h, 700, 1, &block, &got), 0);
    assert_int_equal(sfs_log_data(&h, block, data), 0);
    sfs_end(&h);
    assert_true(sfs_is_sticky(fs, block));
    assert_int_equal(sfs_commit(fs, h.seq), 0);
    assert_true(sfs_is_sticky(fs, block));
    assert_int_equal(give(fs, block, 1), 0);
    assert_int_equal(sfs_commit_running(fs), 0);
    assert_int_equal(take(fs, block, 1, &other), 1);
    assert_int_equal(other, block + 1);
    assert_int_equal(sfs_begin(fs, &h, 8, 1), 0);
    assert_int_equal(sfs_alloc_meta(&h, block, &other), 0);
    assert_int_equal(other, block);
    assert_int_equal(sfs_new_block(&h, block, &buf), 0);
    assert_int_equal(buf->data[0], 0);
    sfs_buf_put(fs, buf);
    assert_int_equal(sfs_free_block(&h, block, true), 0);
    sfs_end(&h);
    assert_int_equal(sfs_checkpoint(fs), 0);
    assert_false(sfs_is_sticky(fs, block));
    assert_int_equal(take(fs, block, 1, &other), 1);
    assert_int_equal(other, block);
    unmounted(fs, disk);
}

/* Fill it, free something: the quarantine is waited for, not refused. Nothing changes on ENOSPC. */
static void test_no_space(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs += 4096 - 512) {
        struct ramdisk *disk;
        struct sfs *fs = mounted(bs, 400, &disk);
        struct sfs_handle h;
        uint64_t first;
        uint32_t all = (uint32_t)sfs_blocks_free(fs);

        assert_int_equal(sfs_begin(fs, &h, 6, all + 1), SFS_ENOSPC);
        assert_int_equal(sfs_begin(fs, &h, sfs_credits_max(fs) + 1, 0), SFS_ENOSPC);
        assert_int_equal(sfs_begin(fs, &h, sfs_credits_max(fs), 0), 0);
        sfs_end(&h);
        for (uint32_t left = all; left > 0;) {
            left -= take(fs, 0, left, &first);
        }
        assert_int_equal(sfs_blocks_free(fs), 0);
        assert_int_equal(sfs_begin(fs, &h, 6, 1), SFS_ENOSPC);
        assert_int_equal(sfs_begin(fs, &h, 6, 0), 0);
        sfs_end(&h);
        assert_int_equal(give(fs, 300, 9), 0);
        assert_int_equal(sfs_begin(fs, &h, 6, 10), SFS_ENOSPC);
        assert_int_equal(take(fs, 0, 9, &first), 9);
        assert_int_equal(first, 300);
        /* What one handle was promised, another cannot have. */
        assert_int_equal(give(fs, 300, 9), 0);
        assert_int_equal(sfs_begin(fs, &h, 6, 5), 0);
        struct sfs_handle second;

        assert_int_equal(sfs_begin(fs, &second, 6, 4), 0);
        uint32_t got;

        assert_int_equal(sfs_alloc_data(&second, 0, 9, &first, &got), 0);
        assert_int_equal(got, 4);
        assert_int_equal(sfs_alloc_data(&second, 0, 9, &first, &got), SFS_ENOSPC);
        sfs_end(&second);
        sfs_end(&h);
        unmounted(fs, disk);
    }
}

static void test_inodes(void **state)
{
    struct ramdisk *disk;
    struct sfs *fs = mounted(512, 1000, &disk);
    uint64_t count = sfs_inodes_free(fs), ino, dirs[2];
    struct sfs_handle h;
    bool allocated;

    (void)state;
    assert_int_equal(sfs_inode_allocated(fs, 0, &allocated), 0);
    assert_true(allocated);
    assert_int_equal(sfs_inode_allocated(fs, count + 1, &allocated), SFS_EINVAL);
    assert_int_equal(sfs_begin(fs, &h, 4, 0), 0);
    assert_int_equal(sfs_alloc_inode(&h, 0, true, &dirs[0]), 0);
    assert_int_equal(sfs_alloc_inode(&h, 0, true, &dirs[1]), 0);
    assert_true(dirs[1] >= dirs[0] + 64);
    assert_int_equal(sfs_alloc_inode(&h, dirs[0], false, &ino), 0);
    assert_int_equal(ino, dirs[0] + 1);
    assert_int_equal(sfs_inode_allocated(fs, ino, &allocated), 0);
    assert_true(allocated);
    assert_int_equal(sfs_free_inode(&h, ino), 0);
    assert_int_equal(sfs_free_inode(&h, ino), SFS_EUCLEAN);
    assert_int_equal(sfs_free_inode(&h, 0), SFS_EUCLEAN);
    assert_int_equal(sfs_free_inode(&h, count + 1), SFS_EUCLEAN);
    for (uint64_t i = 2; i < count; i++) {
        assert_int_equal(sfs_alloc_inode(&h, i * 7, i % 2, &ino), 0);
        assert_true(ino <= count);
    }
    assert_int_equal(sfs_inodes_free(fs), 0);
    assert_int_equal(sfs_alloc_inode(&h, 0, false, &ino), SFS_ENOSPC);
    sfs_end(&h);
    sfs_abort(fs, SFS_EIO, 0);
    assert_int_equal(sfs_unmount(fs), SFS_EIO);
    ramdisk_free(disk);
}

/* A bitmap that says the journal is free, with a checksum that fits. */
static void test_bitmap_lies(void **state)
{
    struct ramdisk *disk;
    struct sfs *fs = mounted(512, 1000, &disk);
    struct sfs_super *super = (void *)ramdisk_bytes(disk);
    uint8_t *bitmap = ramdisk_bytes(disk) + super->data_bitmap_start * 512;
    uint64_t first, b = super->data_bitmap_start, lie = super->journal_start + 8;
    struct sfs_handle h;
    uint32_t got, entry;

    (void)state;
    assert_int_equal(sfs_unmount(fs), 0);
    bitmap[lie / 8] = 0;
    memset(bitmap + 1000 / 8 + 1, 0, 100); /* and what lies behind the end */
    entry = sfs_csum_entry(sfs_csum_uuid(super->uuid), b, bitmap, 512);
    memcpy(ramdisk_bytes(disk) + super->csum_start * 512 + b * 4, &entry, 4);
    ramdisk_settle(disk);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    assert_int_equal(sfs_begin(fs, &h, 12, 20), 0);
    assert_int_equal(sfs_alloc_data(&h, lie, 4, &first, &got), SFS_EUCLEAN);
    assert_int_equal(sfs_alloc_data(&h, 998, 4, &first, &got), 0);
    assert_true(first == 998 && got == 1);
    assert_int_equal(sfs_alloc_data(&h, 998, 4, &first, &got), SFS_EUCLEAN); /* the lie again */
    sfs_end(&h);
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(super->state, SFS_STATE_ERROR);
    ramdisk_free(disk);
}

/* ---- Room in the log ---- */

/* COUNT blocks of metadata, in one transaction for a few of them. */
static void make_blocks(struct sfs *fs, uint64_t *block, unsigned count)
{
    struct sfs_handle h;
    struct sfs_buf *buf;

    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(sfs_begin(fs, &h, sfs_credits(fs, 2, 0), 1), 0);
        assert_int_equal(sfs_alloc_meta(&h, 0, &block[i]), 0);
        assert_int_equal(sfs_new_block(&h, block[i], &buf), 0);
        sfs_buf_put(fs, buf);
        sfs_end(&h);
    }
    assert_int_equal(sfs_checkpoint(fs), 0);
}

static void set_blocks(struct sfs *fs, const uint64_t *block, unsigned count, uint8_t value)
{
    struct sfs_handle h;
    struct sfs_buf *buf;

    assert_int_equal(sfs_begin(fs, &h, count + 1, 0), 0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(sfs_modify(&h, block[i], &buf), 0);
        memset(buf->data, value, fs->bs);
        sfs_buf_put(fs, buf);
    }
    sfs_end(&h);
}

static uint8_t first_byte(struct sfs *fs, uint64_t block)
{
    struct sfs_buf *buf;

    assert_int_equal(sfs_buf_read(fs, block, &buf), 0);
    uint8_t value = buf->data[0];

    sfs_buf_put(fs, buf);
    return value;
}

/* The power goes, everything that was written has arrived. */
static struct sfs *after_cut(struct sfs *fs, struct ramdisk **disk)
{
    const struct ramdisk_fate all = {1, 0, -1, -1};
    struct ramdisk *after = ramdisk_after_cut(*disk, &all);

    sfs_abort(fs, SFS_EIO, 0);
    assert_int_equal(sfs_unmount(fs), SFS_EIO);
    ramdisk_free(*disk);
    *disk = after;
    assert_int_equal(sfs_mount(ramdisk_dev(after), &plain, &fs), 0);
    return fs;
}

/* Three transactions of every size: together they are more than the log can hold, and the head must
 * never run over what a power cut would need. */
static void test_head_never_meets_tail(void **state)
{
    uint64_t block[60];

    (void)state;
    for (unsigned size = 15; size <= 56; size++) {
        struct ramdisk *disk;
        struct sfs *fs = mounted(4096, 400, &disk);

        assert_int_equal(sfs_unmount(fs), 0);
        assert_int_equal(
            sfs_mount(ramdisk_dev(disk), &(struct sfs_mount_options){.cache_blocks = 256}, &fs), 0);
        make_blocks(fs, block, 56);
        set_blocks(fs, block, 26, 1);
        assert_int_equal(sfs_commit_running(fs), 0);
        set_blocks(fs, block, size, 2);
        assert_int_equal(sfs_commit_running(fs), 0);
        assert_true(fs->journal->used < fs->journal->log);
        fs = after_cut(fs, &disk);
        for (unsigned i = 0; i < 56; i++) {
            assert_int_equal(first_byte(fs, block[i]), i < size ? 2 : i < 26 ? 1 : 0);
        }
        unmounted(fs, disk);
    }
}

/* A block is changed and freed in a transaction that is lost, but the log was emptied meanwhile:
 * what went home must be the contents from before (J4). */
static void test_freed_block_goes_home_unchanged(void **state)
{
    struct ramdisk *disk;
    struct sfs *fs = mounted(4096, 400, &disk);
    struct sfs_handle h;
    struct sfs_buf *buf;
    uint64_t block[24];

    (void)state;
    make_blocks(fs, block, 24);
    set_blocks(fs, block, 24, 0x11);
    assert_int_equal(sfs_commit_running(fs), 0);
    assert_int_equal(sfs_begin(fs, &h, 4, 0), 0);
    assert_int_equal(sfs_modify(&h, block[0], &buf), 0);
    memset(buf->data, 0x22, 4096);
    sfs_buf_put(fs, buf);
    assert_int_equal(sfs_free_block(&h, block[0], true), 0);
    sfs_end(&h);
    uint64_t running = h.seq;

    assert_true(fs->journal->live + 10 > fs->journal->limit);
    assert_int_equal(sfs_begin(fs, &h, 10, 0), 0);
    sfs_end(&h);
    assert_int_equal(h.seq, running);
    assert_int_equal(fs->journal->used, 0);
    fs = after_cut(fs, &disk);
    assert_int_equal(first_byte(fs, block[0]), 0x11);
    unmounted(fs, disk);
}

/* ---- Threads ---- */

#define THREADS 4
#define ROUNDS  150

struct worker {
    pthread_t thread;
    struct sfs *fs;
    unsigned id;
    uint64_t block;
};

static void count_up(struct worker *w)
{
    struct sfs_handle h;
    struct sfs_buf *buf;
    uint64_t first;
    uint32_t got, value;

    if (sfs_begin(w->fs, &h, sfs_credits(w->fs, 4, 0), 2) < 0 ||
        sfs_modify(&h, w->block, &buf) < 0) {
        abort();
    }
    memcpy(&value, buf->data, 4);
    value++;
    memcpy(buf->data, &value, 4);
    sfs_buf_put(w->fs, buf);
    if (sfs_alloc_data(&h, w->id * 100, 2, &first, &got) < 0 ||
        sfs_free_block(&h, first, false) < 0 ||
        (got == 2 && sfs_free_block(&h, first + 1, false) < 0)) {
        abort();
    }
    sfs_end(&h);
    if (value % 3 == 0 && sfs_commit(w->fs, h.seq) < 0) {
        abort();
    }
    if (value % 7 == 0 && sfs_flush(w->fs) < 0) {
        abort();
    }
    if (value % 50 == 0 && sfs_checkpoint(w->fs) < 0) {
        abort();
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct sfs_buf *buf;

    for (unsigned i = 0; i < ROUNDS; i++) {
        count_up(w);
        if (sfs_buf_read(w->fs, w->fs->super.data_bitmap_start, &buf) < 0) {
            abort();
        }
        sfs_buf_put(w->fs, buf);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct worker w[THREADS];
    struct ramdisk *disk;
    struct sfs *fs = mounted(512, 1000, &disk);
    struct sfs_handle h;
    struct sfs_buf *buf;
    uint64_t free = sfs_blocks_free(fs);

    (void)state;
    assert_int_equal(sfs_begin(fs, &h, sfs_credits(fs, 6, 0), THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.fs = fs, .id = i};
        assert_int_equal(sfs_alloc_meta(&h, 0, &w[i].block), 0);
        assert_int_equal(sfs_new_block(&h, w[i].block, &buf), 0);
        sfs_buf_put(fs, buf);
    }
    sfs_end(&h);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&w[i].thread, NULL, work, &w[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(w[i].thread, NULL);
    }
    assert_int_equal(sfs_unmount(fs), 0);
    assert_int_equal(sfs_mount(ramdisk_dev(disk), &plain, &fs), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        uint32_t value;

        assert_int_equal(sfs_buf_read(fs, w[i].block, &buf), 0);
        memcpy(&value, buf->data, 4);
        assert_int_equal(value, ROUNDS);
        sfs_buf_put(fs, buf);
    }
    assert_int_equal(sfs_blocks_free(fs), free - THREADS);
    unmounted(fs, disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_quarantine_while_committing),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_inodes),
        cmocka_unit_test(test_bitmap_lies),
        cmocka_unit_test(test_head_never_meets_tail),
        cmocka_unit_test(test_freed_block_goes_home_unchanged),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
