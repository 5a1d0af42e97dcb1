/*
 * test_block_sync.c - block_read, block_write and block_flush from memory of every kind and at any
 * alignment, and where memory lies for a device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/address.h"
#include "tests/fakes/disk.h"

#define SECTORS 20480 /* 10 MiB */

static struct fake_disk disk;

static int setup(void **state)
{
    (void)state;
    fake_disk_start(&disk, SECTORS);
    disk.at_once = true;
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(disk.contents + i * 512, (int)(i * 7 + i / 256), 512);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_disk_end(&disk);
    return 0;
}

/* ---- Segments ---- */

static void test_segments(void **state)
{
    struct blk_seg seg[8];
    char *direct = fake_memory(10 << 20);
    char *backwards = fake_vmalloc(4 * PAGE_SIZE, true);
    char *forwards = fake_vmalloc(4 * PAGE_SIZE, false);

    (void)state;
    assert_int_equal(block_segments(direct + 3, 1000, seg, 8), 1);
    assert_ptr_equal(seg[0].va, direct + 3);
    assert_int_equal(seg[0].pa, virt_to_phys(direct) + 3);
    assert_int_equal(seg[0].len, 1000);
    assert_int_equal(block_segments(direct, 0, seg, 8), 0);
    /* At most 4 MiB each. */
    assert_int_equal(block_segments(direct, 9 << 20, seg, 8), 3);
    assert_int_equal(seg[0].len, 4 << 20);
    assert_int_equal(seg[1].pa, virt_to_phys(direct) + (4 << 20));
    assert_int_equal(seg[2].len, 1 << 20);
    assert_int_equal(block_segments(direct, 9 << 20, seg, 2), 0);
    /* Pages that lie in order are one piece. */
    assert_int_equal(block_segments(forwards + 100, 3 * PAGE_SIZE, seg, 8), 1);
    assert_int_equal(seg[0].len, 3 * PAGE_SIZE);
    assert_int_equal(seg[0].pa % PAGE_SIZE, 100);
    assert_int_equal(block_segments(backwards + 100, 3 * PAGE_SIZE, seg, 8), 4);
    assert_int_equal(seg[0].len, PAGE_SIZE - 100);
    assert_int_equal(seg[3].len, 100);
    assert_int_equal(seg[1].pa, seg[0].pa - 100 - PAGE_SIZE);
    assert_int_equal(block_segments(backwards + 100, 3 * PAGE_SIZE, seg, 3), 0);
    /* Beyond the end of what is mapped. */
    assert_int_equal(block_segments(backwards, 5 * PAGE_SIZE, seg, 8), 0);
    assert_int_equal(block_segments(NULL, 1, seg, 8), 0);
}

/* ---- Reading and writing ---- */

static void check(uint64_t lba, uint32_t count, uint8_t *buffer)
{
    const size_t size = (size_t)count * 512;

    memset(buffer, 0xEE, size);
    assert_int_equal(block_read(&disk.device, lba, count, buffer), 0);
    assert_memory_equal(buffer, disk.contents + lba * 512, size);
    if ((lba | count) % (disk.device.dev.lbs / 512) != 0) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        buffer[i] = (uint8_t)(i * 31 + count);
    }
    assert_int_equal(block_write(&disk.device, lba, count, buffer), 0);
    assert_memory_equal(buffer, disk.contents + lba * 512, size);
}

static void check_all_sizes(uint8_t *area)
{
    static const uint8_t offsets[] = {0, 1, 2, 4, 100, 255};

    for (unsigned offset = 0; offset < sizeof(offsets); offset++) {
        for (uint32_t count = 1; count <= 1024; count = count * 3 + 1) {
            check(0, count, area + offsets[offset]);
            check(8 * count, count, area + offsets[offset]);
            check(SECTORS - count, count, area + offsets[offset]);
        }
    }
}

static void test_memory_of_all_kinds(void **state)
{
    (void)state;
    check_all_sizes(fake_memory(513 * 1024));
    check_all_sizes(fake_vmalloc(513 * 1024, false));
}

static void test_scattered_memory(void **state)
{
    uint8_t *area = fake_vmalloc(70 * 1024, true);

    (void)state;
    for (uint32_t count = 1; count <= 128; count = count * 2 + 1) {
        check(count, count, area);
        check(count, count, area + 512);
        check(count, count, area + 513);
        check(count, count, area + 260); /* even, but the pieces are not whole sectors */
    }
    disk.taken = 0;
    check(0, 32, area);
    assert_int_equal(disk.taken, 2); /* in pieces of pages, each a multiple of a block: directly */
}

static void test_large_blocks(void **state)
{
    uint8_t *area = fake_memory(2 << 20);

    (void)state;
    disk.device.dev.lbs = 4096;
    for (uint32_t lba = 0; lba < 20; lba++) {
        for (uint32_t count = 1; count < 20; count++) {
            check(lba, count, area);
        }
    }
    check(3, 1000, area); /* more than the buffer has room for */
    check(SECTORS - 1, 1, area);
    memset(area, 0x77, 4096);
    assert_int_equal(block_write(&disk.device, 1, 8, area), BLK_EINVAL);
    assert_int_equal(block_write(&disk.device, 8, 7, area), BLK_EINVAL);
    /* A request has room for one block alone. */
    disk.device.dev.max_sect = 8;
    check(3, 100, area + 1);
    check(8, 96, area);
}

/* However large: cut into what a request may be. */
static void test_limits(void **state)
{
    uint8_t *area = fake_memory(4 << 20);

    (void)state;
    disk.taken = 0;
    assert_int_equal(block_read(&disk.device, 1, 8192, area), 0);
    assert_int_equal(disk.taken, 8192 / 256);
    assert_memory_equal(area, disk.contents + 512, 4 << 20);
    disk.device.dev.max_seg = 1;
    uint8_t *scattered = fake_vmalloc(128 * 1024, true);

    check(5, 200, scattered);
}

static void test_errors(void **state)
{
    uint8_t *area = fake_memory(256 * 1024), *odd = area + 1;

    (void)state;
    assert_int_equal(block_read(&disk.device, SECTORS, 1, area), BLK_ENXIO);
    assert_int_equal(block_read(&disk.device, SECTORS, 1, odd), BLK_ENXIO);
    assert_int_equal(block_read(&disk.device, 5, 0, area), 0);
    disk.bad_lba = 300;
    disk.bad_times = UINT32_MAX;
    assert_int_equal(block_read(&disk.device, 0, 400, area), BLK_EIO);
    assert_int_equal(block_read(&disk.device, 0, 256, area), 0);
    memset(odd, 0x11, 512);
    assert_int_equal(block_read(&disk.device, 300, 1, odd), BLK_EIO);
    assert_int_equal(odd[0], 0x11); /* nothing that was not read is shown */
    fake_dma_fails = 1;
    assert_int_equal(block_read(&disk.device, 5, 1, odd), BLK_ENOMEM);
    disk.device.dev.ro = true;
    assert_int_equal(block_write(&disk.device, 5, 1, area), BLK_EROFS);
    assert_int_equal(block_flush(&disk.device), 0);
    disk.flush_fails = 1;
    assert_int_equal(block_flush(&disk.device), BLK_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_of_all_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scattered_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
