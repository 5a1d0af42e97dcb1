/*
 * test_partition.c - partition tables as people make them, as nobody should, and as chance does;
 * requests to partitions; and which disk is the boot disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/bootdisk.h"
#include "drivers/partition.h"
#include "include/manifest.h"
#include "lib/crc32c.h"
#include "tests/fakes/disk.h"

#define SECTORS   10000
#define DISKS     4
#define SIGNATURE 0x12345678u
#define ROUNDS    2000

static struct fake_disk disks[DISKS];
static unsigned disk_count;
static struct fake_disk *disk; /* the newest */

static struct fake_disk *new_disk(uint64_t sectors)
{
    disk = &disks[disk_count++];
    fake_disk_make(disk, sectors);
    disk->at_once = true;
    return disk;
}

static int setup(void **state)
{
    (void)state;
    fake_kernel_reset();
    disk_count = 0;
    new_disk(SECTORS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (disk_count > 0) {
        fake_disk_release(&disks[--disk_count]);
    }
    return 0;
}

/* Write entry INDEX of the table in the sector at LBA. */
static void entry(uint64_t lba, unsigned index, uint8_t type, uint32_t first, uint32_t sectors)
{
    uint8_t *sector = disk->contents + lba * 512;
    const struct mbr_partition partition = {.type = type, .first_lba = first, .sectors = sectors};

    memcpy(sector + MBR_TABLE_OFFSET + index * sizeof(partition), &partition, sizeof(partition));
    sector[510] = 0x55;
    sector[511] = 0xAA;
}

static void add(void)
{
    block_register(&disk->device, "fake");
}

/* Partition NAME must be TYPE and lie there; 0 sectors: it must not exist. */
static void expect(const char *name, uint8_t type, uint64_t first, uint64_t sectors)
{
    const struct block_device *partition = block_find(name);

    if (sectors == 0) {
        assert_null(partition);
        return;
    }
    if (partition == NULL) {
        fail_msg("there is no %s", name);
    }
    assert_int_equal(partition->partition_type, type);
    assert_int_equal(partition->first_sector, first);
    assert_int_equal(partition->dev.nsect, sectors);
    assert_ptr_equal(partition->whole, &disk->device);
}

/* ---- Tables that make sense ---- */

static void test_primary(void **state)
{
    (void)state;
    entry(0, 0, MBR_TYPE_SFS, 100, 900);
    entry(0, 2, 0x83, 1000, 9000); /* up to the last sector */
    add();
    expect("fake0p1", MBR_TYPE_SFS, 100, 900);
    expect("fake0p2", 0, 0, 0);
    expect("fake0p3", 0x83, 1000, 9000);
    expect("fake0p4", 0, 0, 0);
    assert_int_equal(fake_log_lines(), 0);
    assert_int_equal(disk->taken, 1); /* one sector says it all */
}

static void test_logical(void **state)
{
    (void)state;
    entry(0, 0, 0x83, 10, 90);
    entry(0, 1, 0x0F, 1000, 5000);
    entry(1000, 0, 0x83, 10, 490);
    entry(1000, 1, 0x05, 500, 1000);
    entry(1500, 0, MBR_TYPE_SFS, 1, 999);
    entry(1500, 1, 0x05, 4000, 1000);
    entry(5000, 0, 0x82, 100, 900);
    add();
    expect("fake0p1", 0x83, 10, 90);
    expect("fake0p2", 0, 0, 0); /* the extended one is only their house */
    expect("fake0p5", 0x83, 1010, 490);
    expect("fake0p6", MBR_TYPE_SFS, 1501, 999);
    expect("fake0p7", 0x82, 5100, 900);
    expect("fake0p8", 0, 0, 0);
    assert_int_equal(fake_log_lines(), 0);
}

/* With blocks of 4 KiB the table counts those. */
static void test_large_blocks(void **state)
{
    (void)state;
    disk->device.dev.lbs = 4096;
    entry(0, 0, 0x83, 10, 100);
    add();
    expect("fake0p1", 0x83, 80, 800);
}

static void test_no_table(void **state)
{
    (void)state;
    add();
    assert_null(block_next(&disk->device));
    /* Code where a table would be. */
    new_disk(SECTORS);
    entry(0, 0, 0x83, 10, 100);
    disk->contents[MBR_TABLE_OFFSET + 16] = 0xB8;
    add();
    assert_null(block_next(&disk->device));
    /* A volume that ends in 55 AA by chance: the magic counts first. */
    new_disk(SECTORS);
    entry(0, 0, 0x83, 10, 100);
    memcpy(disk->contents, "SFS\0LBA0", 8);
    add();
    assert_null(block_next(&disk->device));
    assert_true(disk->device.is_volume);
    assert_int_equal(fake_log_lines(), 0);
}

static void test_gpt(void **state)
{
    (void)state;
    entry(0, 0, MBR_TYPE_GPT, 1, 0xFFFFFFFF);
    entry(0, 1, 0x83, 10, 100);
    add();
    assert_null(block_next(&disk->device));
    assert_true(fake_log_has("fake0: it has a GUID partition table (GPT), which is not supported"));
    assert_int_equal(fake_log_lines(), 1);
}

static void test_unreadable(void **state)
{
    (void)state;
    disk->bad_times = UINT32_MAX;
    add();
    assert_null(block_next(&disk->device));
    assert_true(fake_log_has("sector 0, a partition table, cannot be read: EIO"));
    new_disk(0);
    add();
    assert_null(block_next(&disk->device));
    new_disk(1);
    entry(0, 0, 0x83, 0, 1);
    add();
    assert_null(block_next(&disk->device));
}

/* ---- Tables that make none ---- */

static void test_bad_primary(void **state)
{
    (void)state;
    entry(0, 0, 0x83, 100, 0);
    entry(0, 1, 0x83, 0, 50);
    entry(0, 2, 0x83, 9000, 1001);
    entry(0, 3, 0x83, 0xFFFFFFFF, 0xFFFFFFFF);
    add();
    assert_null(block_next(&disk->device));
    assert_true(fake_log_has("partition 1, 0 sectors from 100 on, is not used: it has no sectors"));
    assert_true(fake_log_has("partition 2, 50 sectors from 0 on, is not used: it begins where"));
    assert_true(fake_log_has("partition 3, 1001 sectors from 9000 on, is not used: it reaches "
                             "beyond the end of the disk"));
    assert_true(fake_log_has("partition 4, 4294967295 sectors from 4294967295 on"));
    assert_int_equal(fake_log_lines(), 4);
}

static void test_overlap(void **state)
{
    (void)state;
    entry(0, 0, 0x83, 100, 100);
    entry(0, 1, 0x83, 199, 10);
    entry(0, 2, 0x83, 50, 51);
    entry(0, 3, 0x83, 200, 10);
    add();
    expect("fake0p1", 0x83, 100, 100);
    expect("fake0p2", 0, 0, 0);
    expect("fake0p3", 0, 0, 0);
    expect("fake0p4", 0x83, 200, 10);
    assert_true(fake_log_has("is not used: it overlaps an earlier one"));
    /* A primary one in the middle of the extended one. */
    new_disk(SECTORS);
    entry(0, 0, 0x05, 1000, 5000);
    entry(0, 1, 0x83, 2000, 100);
    entry(1000, 0, 0x83, 10, 100);
    add();
    expect("fake1p2", 0x83, 2000, 100);
    expect("fake1p5", 0, 0, 0);
    assert_true(fake_log_has("the extended partition is not used: it overlaps fake1p2"));
}

static void test_bad_chain(void **state)
{
    static const struct {
        uint32_t next;
        const char *said;
    } cases[] = {
        {0, "the chain of logical partitions leaves its partition"},
        {5000, "the chain of logical partitions leaves its partition"},
        {0xFFFFFFFF, "the chain of logical partitions leaves its partition"},
        {600, "the chain of logical partitions is broken at sector 1600"}, /* no table there */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_kernel_reset();
        while (disk_count > 0) {
            fake_disk_release(&disks[--disk_count]);
        }
        new_disk(SECTORS);
        entry(0, 0, 0x05, 1000, 5000);
        entry(1000, 0, 0x83, 10, 100);
        entry(1000, 1, 0x05, cases[i].next, 100);
        add();
        expect("fake0p5", 0x83, 1010, 100);
        expect("fake0p6", 0, 0, 0);
        assert_true(fake_log_has(cases[i].said));
    }
}

static void test_circles(void **state)
{
    (void)state;
    entry(0, 0, 0x05, 1000, 5000);
    entry(1000, 0, 0x83, 10, 100);
    entry(1000, 1, 0x05, 500, 100);
    entry(1500, 0, 0x83, 10, 100);
    entry(1500, 1, 0x05, 500, 100); /* itself */
    add();
    expect("fake0p6", 0x83, 1510, 100);
    expect("fake0p7", 0, 0, 0);
    /* A circle without partitions. */
    new_disk(SECTORS);
    entry(0, 0, 0x05, 1000, 5000);
    entry(1000, 1, 0x05, 500, 100);
    entry(1500, 1, 0x05, 500, 100);
    disk->taken = 0;
    add();
    assert_null(block_next(&disk->device));
    assert_true(fake_log_has("more than 60 logical partitions"));
    assert_in_range(disk->taken, 60, 62);
}

/* Whatever the sectors say: what is registered lies on the disk, without overlap, and the scan
 * ends. */
static void test_random_tables(void **state)
{
    (void)state;
    srand(2);
    for (unsigned round = 0; round < ROUNDS; round++) {
        fake_kernel_reset();
        while (disk_count > 0) {
            fake_disk_release(&disks[--disk_count]);
        }
        new_disk(64);
        for (unsigned sector = 0; sector < 64; sector++) {
            for (unsigned i = 0; i < 4; i++) {
                static const uint8_t types[] = {0, 0x05, 0x0F, 0x85, 0x83, MBR_TYPE_SFS};
                uint32_t wild = rand() % 50 == 0 ? 0xFFFFFFF0u : 0;

                entry(sector, i, types[rand() % 6], wild + (uint32_t)rand() % 66,
                      wild + (uint32_t)rand() % 20);
            }
        }
        add();
        assert_in_range(disk->taken, 1, 64);
        for (struct block_device *a = block_next(&disk->device); a != NULL; a = block_next(a)) {
            assert_true(a->first_sector > 0 && a->dev.nsect > 0 &&
                        a->first_sector + a->dev.nsect <= 64);
            for (struct block_device *b = block_next(a); b != NULL; b = block_next(b)) {
                assert_true(a->first_sector + a->dev.nsect <= b->first_sector ||
                            b->first_sector + b->dev.nsect <= a->first_sector);
            }
        }
    }
}

static void test_type_names(void **state)
{
    char text[16];

    (void)state;
    assert_string_equal(partition_type_name(MBR_TYPE_SFS, text, sizeof(text)), "SFS");
    assert_string_equal(partition_type_name(0x83, text, sizeof(text)), "Linux");
    assert_string_equal(partition_type_name(0x7A, text, sizeof(text)), "type 7a");
}

/* ---- Requests to partitions ---- */

static struct blk_req *called;

static void keep(struct blk_req *req)
{
    called = req;
}

static void test_requests(void **state)
{
    uint8_t *memory = fake_memory(4096);

    (void)state;
    entry(0, 0, 0x83, 100, 50);
    add();
    struct block_device *partition = block_find("fake0p1");
    struct blk_seg seg = {memory, 0, 1024};
    struct blk_req req = {
        .op = BLK_WRITE, .nseg = 1, .lba = 7, .nsect = 2, .seg = &seg, .done = keep};

    memset(memory, 0x42, 4096);
    assert_int_equal(partition->dev.ops->submit(&partition->dev, &req), 0);
    assert_ptr_equal(called, &req);
    assert_int_equal(req.lba, 7); /* as it was submitted */
    assert_int_equal(disk->contents[107 * 512], 0x42);
    assert_int_equal(disk->contents[108 * 512 + 511], 0x42);
    assert_int_equal(disk->contents[109 * 512], 0);
    assert_int_equal(partition->dev.writes, 1);
    assert_int_equal(partition->dev.sectors_written, 2);
    assert_int_equal(disk->device.dev.writes, 1);
    assert_int_equal(partition->dev.reads, 0);
    assert_int_equal(block_flush(partition), 0);
    assert_int_equal(partition->dev.flushes, 1);
    assert_int_equal(disk->device.dev.flushes, 1);
    /* Its own end, not the disk's. */
    assert_int_equal(block_write(partition, 49, 1, memory), 0);
    assert_int_equal(block_write(partition, 49, 2, memory), BLK_ENXIO);
    assert_int_equal(block_write(partition, 50, 1, memory), BLK_ENXIO);
    assert_int_equal(disk->contents[150 * 512], 0);
    /* Tries and errors. */
    disk->bad_lba = 107;
    disk->bad_times = UINT32_MAX;
    req.next = NULL;
    assert_int_equal(partition->dev.ops->submit(&partition->dev, &req), 0);
    assert_int_equal(req.status, BLK_EIO);
    assert_int_equal(req.lba, 7);
    assert_int_equal(partition->dev.errors, 1);
    assert_int_equal(disk->device.dev.errors, 1);
    disk->bad_times = 0;
    /* A disk that has shrunk, and one that is gone. */
    block_set_capacity(&disk->device, 120);
    assert_int_equal(block_read(partition, 19, 1, memory), 0);
    assert_int_equal(block_read(partition, 19, 2, memory), BLK_ENXIO);
    block_set_capacity(&disk->device, 50);
    assert_int_equal(block_read(partition, 0, 1, memory), BLK_ENXIO);
    block_set_capacity(&disk->device, SECTORS);
    disk->device.lost = true;
    assert_int_equal(block_read(partition, 0, 1, memory), BLK_ENXIO);
}

static void test_merges_count_on_both(void **state)
{
    static struct blk_req reqs[3];
    uint8_t *memory = fake_memory(4096);
    struct blk_seg segs[3];

    (void)state;
    entry(0, 0, 0x83, 100, 50);
    add();
    struct block_device *partition = block_find("fake0p1");

    disk->merge_sectors = 100;
    disk->merge_segments = 16;
    for (unsigned i = 0; i < 3; i++) {
        segs[i] = (struct blk_seg){memory + i * 512, 0, 512};
        reqs[i] = (struct blk_req){.op = BLK_READ,
                                   .nseg = 1,
                                   .lba = i,
                                   .nsect = 1,
                                   .seg = &segs[i],
                                   .next = i < 2 ? &reqs[i + 1] : NULL};
    }
    assert_int_equal(partition->dev.ops->submit(&partition->dev, reqs), 0);
    assert_int_equal(partition->stats.merges, 2);
    assert_int_equal(disk->device.stats.merges, 2);
}

/* ---- The boot disk ---- */

/* A disk with SIGNATURE, and an SFS partition as its second. */
static void add_bootable(const char *prefix, uint8_t code)
{
    const uint32_t signature = SIGNATURE;

    new_disk(SECTORS);
    disk->contents[0] = code;
    memcpy(disk->contents + MBR_SIGNATURE_OFFSET, &signature, sizeof(signature));
    entry(0, 0, 0x83, 10, 10);
    entry(0, 1, MBR_TYPE_SFS, 100, 100);
    entry(0, 2, MBR_TYPE_SFS, 300, 100);
    block_register(&disk->device, prefix);
}

static struct bootinfo info_of(const struct fake_disk *of)
{
    struct bootinfo info = {.drive = 0x80, .mbr_crc32c = crc32c(of->contents, 512)};

    memcpy(&info.disk_signature, of->contents + MBR_SIGNATURE_OFFSET, 4);
    return info;
}

/* Look for the boot disk of INFO: it must be DISK_NAME, with its file system in ROOT_NAME. */
static void expect_boot(const struct bootinfo *info, const char *option, const char *disk_name,
                        const char *root_name)
{
    bootdisk_start(info, option);
    assert_ptr_equal(bootdisk(), disk_name != NULL ? block_find(disk_name) : NULL);
    assert_ptr_equal(bootdisk_root(), root_name != NULL ? block_find(root_name) : NULL);
}

static void test_boot_disk(void **state)
{
    (void)state;
    add(); /* an empty one */
    add_bootable("vblk", 1);
    struct bootinfo info = info_of(disk);

    expect_boot(&info, "", "vblk0", "vblk0p2");
    assert_int_equal(fake_log_lines(), 0);
    /* root= overrides, with a disk or a partition. */
    expect_boot(&info, "vblk0p3", "vblk0", "vblk0p3");
    expect_boot(&info, "vblk0p1", "vblk0", "vblk0p1");
    expect_boot(&info, "fake0", "fake0", NULL);
    assert_int_equal(fake_log_lines(), 0);
    expect_boot(&info, "ata7", "vblk0", "vblk0p2");
    assert_true(fake_log_has("root=ata7: there is no such disk; there are: fake0 vblk0 vblk0p1"));
    /* None. */
    info.disk_signature++;
    expect_boot(&info, "", NULL, NULL);
    assert_true(fake_log_has("no driver has the boot disk: BIOS drive 80, signature 12345679"));
    expect_boot(&info, "vblk0", "vblk0", "vblk0p2");
    info.disk_signature = 0; /* as fake0 has it */
    info.mbr_crc32c = disks[0].device.crc32c;
    expect_boot(&info, "", NULL, NULL);
    assert_true(fake_log_has("the boot disk has no signature to find it by"));
}

static void test_two_boot_disks(void **state)
{
    (void)state;
    add_bootable("vblk", 1);
    add_bootable("ata", 1);
    struct bootinfo info = info_of(disk);

    expect_boot(&info, "", "ata0", "ata0p2");
    assert_true(fake_log_has("ata0 and vblk0 could both be the boot disk: it is ata0; root="));
    expect_boot(&info, "vblk0", "vblk0", "vblk0p2");
    /* A copy that has been changed since is another disk. */
    add_bootable("aaa", 2);
    expect_boot(&info, "", "ata0", "ata0p2");
    assert_true(fake_log_has("aaa0 has the boot disk's signature, but not its first sector"));
}

/* ata2 is lower than ata10. */
static void test_numbers_of_names(void **state)
{
    struct fake_disk fill[11];

    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        fake_disk_make(&fill[i], 8);
        fill[i].at_once = true;
        block_register(&fill[i].device, "ata");
    }
    add_bootable("ata", 1);
    add_bootable("ata", 1);
    struct bootinfo info = info_of(disk);

    expect_boot(&info, "", "ata9", "ata9p2");
    for (unsigned i = 0; i < 9; i++) {
        fake_disk_release(&fill[i]);
    }
}

/* A disk that is one volume, without a table. */
static void test_volume_without_table(void **state)
{
    const uint32_t signature = SIGNATURE;

    (void)state;
    memcpy(disk->contents, "SFS\0LBA0", 8);
    memcpy(disk->contents + MBR_SIGNATURE_OFFSET, &signature, sizeof(signature));
    add();
    struct bootinfo info = info_of(disk);

    expect_boot(&info, "", "fake0", "fake0");
}

static void test_no_disks(void **state)
{
    struct bootinfo info = {.disk_signature = 1};

    (void)state;
    expect_boot(&info, "ata0", NULL, NULL);
    assert_true(fake_log_has("root=ata0: there is no such disk; there are: none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_primary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_logical, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gpt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_primary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_circles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_type_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merges_count_on_both, setup, teardown),
        cmocka_unit_test_setup_teardown(test_boot_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_boot_disks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_of_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_volume_without_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_disks, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
