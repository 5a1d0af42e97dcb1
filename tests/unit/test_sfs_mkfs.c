/*
 * test_sfs_mkfs.c - checksums, geometry, superblock and mkfs. What mkfs writes is read back by code
 * that shares nothing with it but fs/format.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/csum.h"
#include "fs/sfs.h"
#include "fs/super.h"
#include "tests/fs/port_host.h"
#include "tests/fs/ramdisk.h"

static const uint8_t vector_uuid[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Bit by bit, as the definition says. */
static uint32_t slow_crc(uint32_t seed, const void *buffer, size_t size)
{
    const uint8_t *byte = buffer;
    uint32_t reg = ~seed;

    for (size_t i = 0; i < size * 8; i++) {
        reg ^= byte[i / 8] >> i % 8 & 1;
        reg = reg >> 1 ^ (reg & 1 ? 0x82F63B78u : 0);
    }
    return ~reg;
}

static void test_vectors(void **state)
{
    static uint8_t block[4096];
    uint32_t u = sfs_csum_uuid(vector_uuid);

    (void)state;
    assert_int_equal(sfs_csum(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(u, 0xd9c908ebu);
    assert_int_equal(sfs_csum_entry(u, 77, block, 512), 0x96506912u);
    assert_int_equal(sfs_csum_entry(u, 77, block, 4096), 0x249cd1f9u);
    memset(block, 0xA5, 512);
    assert_int_equal(sfs_csum_entry(u, 77, block, 512), 0xdd4991afu);
    for (size_t size = 0; size < 70; size++) {
        assert_int_equal(sfs_csum(5, block + size % 7, size), slow_crc(5, block + size % 7, size));
        assert_int_equal(sfs_csum_by_table(5, block + size % 7, size),
                         slow_crc(5, block + size % 7, size));
        assert_int_equal(sfs_csum(sfs_csum(0, block, size), block + size, 9),
                         sfs_csum(0, block, size + 9));
    }
}

/* An entry of 0 would say "not covered": the 4-byte block whose checksum is 0 is found and tried.
 */
static void test_entry_is_never_zero(void **state)
{
    uint64_t number = 77;
    uint32_t seed = slow_crc(0, &number, 8), block = 0;

    (void)state;
    /* The checksum is linear in the block's bits: solve for the block whose checksum is 0. */
    uint32_t basis[32], value[32], base = slow_crc(seed, &block, 4), want = base, x = 0;

    for (int i = 0; i < 32; i++) {
        uint32_t one = 1u << i;

        basis[i] = slow_crc(seed, &one, 4) ^ base;
        value[i] = one;
    }
    for (int bit = 31; bit >= 0; bit--) {
        int pivot = -1;

        for (int i = 0; i < 32 && pivot < 0; i++) {
            pivot = basis[i] >> bit == 1 ? i : -1;
        }
        if (pivot < 0) {
            continue;
        }
        uint32_t b = basis[pivot], v = value[pivot];

        for (int i = 0; i < 32; i++) {
            if (basis[i] >> bit & 1) {
                basis[i] ^= b;
                value[i] ^= v;
            }
        }
        if (want >> bit & 1) {
            want ^= b;
            x ^= v;
        }
    }
    assert_int_equal(slow_crc(seed, &x, 4), 0);
    assert_int_equal(sfs_csum_entry(0, 77, &x, 4), 1);
}

struct row {
    uint32_t bs;
    uint64_t mib, ibm_first, ibm_last, dbm_first, dbm_last, table_first, table_last, inodes, data,
        csum, journal;
};

static const struct row rows[] = {
    {512, 2, 1, 1, 2, 2, 3, 411, 1636, 412, 32, 128},
    {512, 64, 1, 13, 14, 45, 46, 13152, 52428, 13153, 1024, 4096},
    {4096, 64, 1, 2, 3, 3, 4, 1641, 52416, 1642, 16, 512},
    {4096, 1024, 1, 26, 27, 34, 35, 26248, 838848, 26249, 256, 8192},
};

static void test_geometry_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct sfs_super s = {0};

        assert_int_equal(sfs_geometry(&s, 2, r->bs, (r->mib << 20) / r->bs, 0), 0);
        assert_int_equal(s.inode_bitmap_start, r->ibm_first);
        assert_int_equal(s.data_bitmap_start, r->ibm_last + 1);
        assert_int_equal(s.data_bitmap_start, r->dbm_first);
        assert_int_equal(s.inode_table_start, r->dbm_last + 1);
        assert_int_equal(s.inode_table_start, r->table_first);
        assert_int_equal(s.data_start, r->table_last + 1);
        assert_int_equal(s.inode_count, r->inodes);
        assert_int_equal(s.data_start, r->data);
        assert_int_equal(s.csum_start, r->data);
        assert_int_equal(s.csum_blocks, r->csum);
        assert_int_equal(s.journal_start, r->data + r->csum);
        assert_int_equal(s.journal_blocks, r->journal);
        assert_int_equal(s.orphan_block, s.journal_start + r->journal);
        assert_int_equal(s.backup_sb_block, s.total_blocks - 1);
    }
}

/* Every size from nothing up: refused until there are 8 free blocks and 16 inodes, then never. */
static void test_smallest_volume(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        bool accepted = false;

        for (uint64_t total = 0; total < 2000; total++) {
            struct sfs_super s = {0};
            int error = sfs_geometry(&s, 2, bs, total, 64);

            assert_true(error == 0 || error == SFS_ENOSPC);
            assert_false(accepted && error < 0);
            accepted = error == 0;
            if (accepted) {
                assert_true(s.backup_sb_block - s.orphan_block - 2 >= 8);
                assert_true(s.inode_count >= 16);
            }
        }
        assert_true(accepted);
    }
}

static void test_journal_limits(void **state)
{
    struct sfs_super s = {0};

    (void)state;
    assert_int_equal(sfs_geometry(&s, 2, 512, 4096, 63), SFS_EINVAL);
    assert_int_equal(sfs_geometry(&s, 2, 512, 4096, 64), 0);
    assert_int_equal(sfs_geometry(&s, 2, 512, 1 << 20, 65536), 0);
    assert_int_equal(sfs_geometry(&s, 2, 512, 1 << 20, 65537), SFS_EINVAL);
    /* 2048 bitmap blocks: one step of truncate no longer fits into 64 blocks. */
    assert_int_equal(sfs_geometry(&s, 2, 512, 1 << 23, 64), SFS_ENOSPC);
    assert_int_equal(sfs_geometry(&s, 2, 768, 4096, 64), SFS_EINVAL);
    assert_int_equal(sfs_geometry(&s, 2, 8192, 4096, 64), SFS_EINVAL);
    assert_int_equal(sfs_geometry(&s, 1, 1024, 4096, 0), SFS_EINVAL);
    assert_int_equal(sfs_geometry(&s, 2, 512, 1ull << 60, 64), SFS_EINVAL);
}

static bool bit(const uint8_t *map, uint64_t index)
{
    return map[index / 8] >> index % 8 & 1;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Every byte of the volume, against the definitions. */
static void check_empty_volume(const uint8_t *v, uint64_t size, uint32_t bs)
{
    struct sfs_super s;
    const uint64_t total = size / bs;

    memcpy(&s, v, sizeof(s));
    assert_memory_equal(s.magic, "SFS\0LBA0", 8);
    assert_int_equal(s.crc, slow_crc(0, &s, 508));
    assert_int_equal(s.total_blocks, total);
    assert_int_equal(s.block_size, bs);
    assert_int_equal(s.state, SFS_STATE_CLEAN);
    assert_true(all_zero(v + 512, bs - 512));
    assert_memory_equal(v, v + (total - 1) * bs, bs);

    uint32_t u = slow_crc(0, s.uuid, 16);
    uint64_t root = s.orphan_block + 1;

    for (uint64_t b = 0; b < total; b++) {
        const uint8_t *block = v + b * bs;
        uint32_t entry;
        bool is_covered = (b >= 1 && b <= s.inode_table_start) || b == s.orphan_block || b == root;

        memcpy(&entry, v + s.csum_start * bs + b * 4, 4);
        assert_int_equal(entry, is_covered ? slow_crc(slow_crc(u, &b, 8), block, bs) : 0);
        assert_int_equal(bit(v + s.data_bitmap_start * bs, b), b <= root || b == total - 1);
        if ((b > s.inode_table_start && b < s.csum_start) ||
            (b >= s.journal_start && b < root && b != s.journal_start + 1)) {
            assert_true(all_zero(block, bs));
        }
    }
    for (uint64_t b = total; b < (s.inode_table_start - s.data_bitmap_start) * bs * 8; b++) {
        assert_true(bit(v + s.data_bitmap_start * bs, b));
    }
    for (uint64_t i = 0; i < (s.data_bitmap_start - 1) * bs * 8; i++) {
        assert_int_equal(bit(v + bs, i), i == 0 || i >= s.inode_count);
    }
    struct sfs_jsb jsb;

    memcpy(&jsb, v + (s.journal_start + 1) * bs, sizeof(jsb));
    assert_memory_equal(&jsb, "SFSJ", 4);
    assert_int_equal(jsb.crc, slow_crc(u, &jsb, 508));
    assert_true(jsb.gen == 1 && jsb.tail_seq == 1 && jsb.tail_blk == 2 && jsb.log_first == 2);
    assert_int_equal(jsb.log_blocks, s.journal_blocks - 2);
    assert_memory_equal(jsb.uuid, s.uuid, 16);

    struct sfs_inode inode;

    memcpy(&inode, v + s.inode_table_start * bs, sizeof(inode));
    assert_int_equal(inode.mode, 040755);
    assert_int_equal(inode.nlink, 2);
    assert_int_equal(inode.size_lo, bs);
    assert_int_equal(inode.direct[0], root);
    assert_true(all_zero((uint8_t *)&inode.direct[1], 80) && inode.flags == 0);

    const uint8_t dots[] = {0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            16,
                            0,
                            1,
                            4,
                            '.',
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            (uint8_t)(bs - 16),
                            (uint8_t)((bs - 16) >> 8),
                            2,
                            4,
                            '.',
                            '.',
                            0,
                            0};

    assert_memory_equal(v + root * bs, dots, sizeof(dots));
    assert_true(all_zero(v + root * bs + sizeof(dots), bs - sizeof(dots)));
}

static struct ramdisk *make(uint64_t bytes, const struct sfs_mkfs_options *options, uint8_t before)
{
    struct ramdisk *disk = ramdisk_create(bytes / 512, 512);

    memset(ramdisk_bytes(disk), before, bytes);
    ramdisk_settle(disk);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), options), 0);
    return disk;
}

/* On a disk of zeros and on one full of old bytes, and odd sizes: the bitmaps' ends. */
static void test_mkfs(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 2) {
        for (unsigned variant = 0; variant < 4; variant++) {
            struct sfs_mkfs_options options = {
                .block_size = bs, .zeroed = variant & 1, .label = "a label"};
            uint64_t bytes = (2u << 20) + (variant / 2) * 13 * bs;
            struct ramdisk *disk = make(bytes, &options, variant & 1 ? 0 : 0xEE);

            check_empty_volume(ramdisk_bytes(disk), bytes, bs);
            ramdisk_free(disk);
        }
    }
}

static void test_mkfs_uuid_is_random(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 512};
    struct ramdisk *a = make(2 << 20, &options, 0), *b = make(2 << 20, &options, 0);

    (void)state;
    assert_memory_not_equal(ramdisk_bytes(a) + 0x80, ramdisk_bytes(b) + 0x80, 16);
    ramdisk_free(a);
    memcpy(options.uuid, vector_uuid, 16);
    a = make(2 << 20, &options, 0);
    assert_memory_equal(ramdisk_bytes(a) + 0x80, vector_uuid, 16);
    ramdisk_free(a);
    ramdisk_free(b);
}

/* The seed: what its own document says, and nothing else. */
static void test_mkfs_seed(void **state)
{
    struct sfs_mkfs_options options = {.version = SFS_VERSION_SEED};
    struct ramdisk *disk = make(2 << 20, &options, 0xEE);
    const uint8_t *v = ramdisk_bytes(disk);
    struct sfs_super s;

    (void)state;
    memcpy(&s, v, sizeof(s));
    assert_true(s.version == 1 && s.block_size == 512 && s.feat_incompat == 0);
    assert_true(s.inode_bitmap_start == 1 && s.data_bitmap_start == 2 && s.inode_table_start == 3);
    assert_true(s.data_start == 412 && s.inode_count == 1636 && s.total_blocks == 4096);
    assert_true(all_zero((uint8_t *)&s.journal_start, 0x30));
    for (uint64_t b = 0; b < 4096; b++) {
        assert_int_equal(bit(v + 1024, b), b <= 412);
    }
    const struct sfs_seed_dirent *dot = (const void *)(v + 412 * 512);

    assert_string_equal(dot[0].name, ".");
    assert_string_equal(dot[1].name, "..");
    assert_true(dot[0].inode == 0 && dot[1].inode == 0);
    assert_true(all_zero(v + 412 * 512 + 128, 512 - 128));
    assert_true(all_zero(v + 3 * 512 + 128, 409 * 512 - 128));
    ramdisk_free(disk);
}

static void test_mkfs_refuses(void **state)
{
    struct ramdisk *disk = ramdisk_create(4096, 4096);
    struct sfs_mkfs_options options = {.block_size = 512};

    (void)state;
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), SFS_EINVAL);
    options.block_size = 4095;
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), SFS_EINVAL);
    options.block_size = 4096;
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
    ramdisk_dev(disk)->ro = true;
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), SFS_EROFS);
    ramdisk_free(disk);
    disk = ramdisk_create(64, 512);
    assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &(struct sfs_mkfs_options){0}), SFS_ENOSPC);
    ramdisk_free(disk);
}

/* An older file system's backup must not survive in a new, torn one: at every cut, and whatever
 * survives, there is no superblock, or the new volume is whole. */
static void test_mkfs_power_cut(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 512, .uuid = {1}};
    long events = 0;

    (void)state;
    for (long cut = 0; cut <= events || cut == 0; cut++) {
        struct ramdisk *disk = make(1 << 20, &options, 0);

        ramdisk_settle(disk);
        events = ramdisk_events(disk);
        ramdisk_cut_after(disk, cut);
        options.uuid[0] = 2;
        sfs_mkfs(ramdisk_dev(disk), &options);
        options.uuid[0] = 1;
        for (unsigned i = 0; i < 20; i++) {
            struct ramdisk_fate fate = {i % 4 / 3.0, 0, -1, -1};
            struct ramdisk *after = ramdisk_after_cut(disk, &fate);
            const uint8_t *v = ramdisk_bytes(after);
            const struct sfs_super *front = (const void *)v,
                                   *back = (const void *)(v + (1 << 20) - 512);
            bool first = sfs_super_check(front, 2048) == 0,
                 second = sfs_super_check(back, 2048) == 0;

            if (first || second) {
                const struct sfs_super *any = first ? front : back;

                assert_false(first && second && front->uuid[0] != back->uuid[0] && cut > 3);
                if (any->uuid[0] == 2) {
                    struct sfs_jsb jsb;

                    memcpy(&jsb, v + (any->journal_start + 1) * 512, sizeof(jsb));
                    assert_int_equal(jsb.uuid[0], 2);
                }
            }
            ramdisk_free(after);
        }
        ramdisk_free(disk);
    }
}

/* The old superblocks are gone before anything new is there, and the new ones come last; all of it
 * is durable on return. */
static void test_mkfs_order(void **state)
{
    (void)state;
    for (uint32_t bs = 512; bs <= 4096; bs *= 8) {
        const struct sfs_mkfs_options options = {.block_size = bs};
        struct ramdisk *disk = ramdisk_create(4096, 512);
        char order[RAMDISK_ORDER] = "";

        ramdisk_watch(disk, ramdisk_note_order, order);
        assert_int_equal(sfs_mkfs(ramdisk_dev(disk), &options), 0);
        assert_string_equal(order, "SFHFSF");
        ramdisk_free(disk);
    }
}

/* Any request that fails: mkfs says so. No memory: it says so. Nothing leaks. */
static void test_mkfs_failures(void **state)
{
    struct sfs_mkfs_options options = {.block_size = 4096};
    size_t before = port_in_use();

    (void)state;
    for (int op = BLK_WRITE; op <= BLK_FLUSH; op++) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            struct ramdisk *disk = ramdisk_create(4096, 512);

            ramdisk_fail(disk, (enum blk_op)op, n, 1);
            int error = sfs_mkfs(ramdisk_dev(disk), &options);
            failed = ramdisk_failed(disk);
            assert_int_equal(error, failed ? SFS_EIO : 0);
            ramdisk_free(disk);
        }
    }
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct ramdisk *disk = ramdisk_create(4096, 512);

        port_fail_alloc(n);
        int error = sfs_mkfs(ramdisk_dev(disk), &options);
        failed = port_alloc_failed();
        assert_int_equal(error, failed ? SFS_ENOMEM : 0);
        port_fail_alloc(-1);
        ramdisk_free(disk);
    }
    assert_int_equal(port_in_use(), before);
}

/* Every field of a superblock that lies, with a checksum that fits: refused. */
static void test_super_check(void **state)
{
    struct sfs_super good = {.crc = 0};

    (void)state;
    memcpy(good.magic, SFS_MAGIC, 8);
    assert_int_equal(sfs_geometry(&good, 2, 512, 4096, 0), 0);
    good.crc = sfs_csum(0, &good, 508);
    assert_int_equal(sfs_super_check(&good, 4096), 0);
    assert_int_equal(sfs_super_check(&good, 4095), SFS_EUCLEAN);
    for (size_t at = 0; at < 0x80; at++) {
        if ((at >= 0x40 && at < 0x48)) {
            continue; /* unknown compatible features are allowed */
        }
        struct sfs_super bad = good;

        ((uint8_t *)&bad)[at] ^= 0x40;
        assert_int_equal(sfs_super_check(&bad, 4096), SFS_EUCLEAN); /* the checksum */
        bad.crc = sfs_csum(0, &bad, 508);
        assert_int_not_equal(sfs_super_check(&bad, 4096), 0);
    }
    good.feat_incompat |= 0x20;
    good.crc = sfs_csum(0, &good, 508);
    assert_int_equal(sfs_super_check(&good, 4096), SFS_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_entry_is_never_zero),
        cmocka_unit_test(test_geometry_table),
        cmocka_unit_test(test_smallest_volume),
        cmocka_unit_test(test_journal_limits),
        cmocka_unit_test(test_mkfs),
        cmocka_unit_test(test_mkfs_uuid_is_random),
        cmocka_unit_test(test_mkfs_seed),
        cmocka_unit_test(test_mkfs_refuses),
        cmocka_unit_test(test_mkfs_power_cut),
        cmocka_unit_test(test_mkfs_order),
        cmocka_unit_test(test_mkfs_failures),
        cmocka_unit_test(test_super_check),
    };

    sfs_csum_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
