/*
 * test_mkdisk_bootarea.c - the rules for manifests and slots, each at its edge: stage2/manifest.c
 * as mkdisk uses it, and what tools/mkdisk/bootarea.c adds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/crc32c.h"
#include "tools/mkdisk/bootarea.h"

#define END 8192 /* of the boot area */

/* A manifest without a fault: slot A at LBA 80, slot B right behind it, 5000 bytes each. */
static struct manifest sound(void)
{
    struct manifest m = {
        .magic = MANIFEST_MAGIC,
        .version = 1,
        .size = 512,
        .seq = 7,
        .cmdline = "debug",
    };

    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        m.slot[i] = (struct boot_slot){
            .first_lba = 80 + i * 4056,
            .sectors = 4056,
            .length = 5000,
            .mem_size = 8192,
            .load_phys = 0x100000,
            .entry_virt = KERNEL_VIRT + 32,
        };
    }
    return m;
}

/* The verdict on M with a right CRC under it. */
static int judge_manifest(const struct manifest *m)
{
    struct manifest sealed = *m;

    sealed.crc32c = crc32c(&sealed, offsetof(struct manifest, crc32c));
    return manifest_check(&sealed);
}

/* The verdict on the fields of slot SLOT, on a machine with memory up to 15 MiB. */
static int judge_slot(const struct manifest *m, unsigned slot)
{
    const struct e820_entry ram = {.length = 15 << 20, .type = E820_USABLE};
    const struct slot_limits limits = {.end_lba = END, .map = &ram, .map_count = 1};
    struct slot_memory memory;

    return slot_judge(m, slot, &limits, &memory);
}

/* An empty image of a boot area, in a file that has no name. */
static void make_image(struct image *image)
{
    char path[] = "/tmp/test_mkdisk.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(ftruncate(fd, END * SECTOR_SIZE), 0);
    image_adopt(image, "test image", fd, END * SECTOR_SIZE);
}

static void test_copies_are_read_back_and_the_newest_wins(void **state)
{
    struct manifest m = sound();
    struct copies copies;
    struct image image;

    (void)state;
    make_image(&image);
    copies_read(&image, &copies);
    assert_int_equal(copies.winner, -1);
    assert_int_equal(copies.error[0], E_MANIFEST_MAGIC);
    manifest_write(&image, &m, 1);
    copies_read(&image, &copies);
    assert_int_equal(copies.winner, 1);
    assert_memory_equal(&copies.manifest[1], &m, sizeof m);
    manifest_write(&image, &m, 0); /* the same sequence number: copy 0 counts */
    copies_read(&image, &copies);
    assert_int_equal(copies.winner, 0);
    image_close(&image);
}

static void test_a_commit_overwrites_the_other_copy(void **state)
{
    struct manifest m = sound();
    struct copies copies;
    struct image image;

    (void)state;
    make_image(&image);
    manifest_write(&image, &m, 0);
    for (unsigned i = 1; i <= 4; i++) {
        copies_read(&image, &copies);
        m = copies.manifest[copies.winner];
        copies_commit(&image, &copies, &m);
        copies_read(&image, &copies);
        assert_int_equal(copies.winner, i % 2);
        assert_int_equal(copies.manifest[copies.winner].seq, 7 + i);
        assert_int_equal(copies.error[!copies.winner], 0);
    }
    image_close(&image);
}

static void test_copies_past_the_end_cannot_be_read(void **state)
{
    struct copies copies;
    struct image image;

    (void)state;
    make_image(&image);
    image.sectors = 72;
    copies_read(&image, &copies);
    assert_int_equal(copies.error[0], E_MANIFEST_MAGIC);
    assert_int_equal(copies.error[1], E_MANIFEST_READ);
    image_close(&image);
}

static void test_every_flipped_byte_is_seen(void **state)
{
    struct manifest m = sound();
    uint8_t *byte = (uint8_t *)&m;

    (void)state;
    m.crc32c = crc32c(&m, offsetof(struct manifest, crc32c));
    for (unsigned i = 0; i < sizeof m; i++) {
        byte[i] ^= 0x10;
        assert_int_not_equal(manifest_check(&m), 0);
        byte[i] ^= 0x10;
    }
    assert_int_equal(manifest_check(&m), 0);
}

static void test_manifest_fields(void **state)
{
    struct manifest m;

    (void)state;
    m = sound(), m.magic[7] = 1;
    assert_int_equal(judge_manifest(&m), E_MANIFEST_MAGIC);
    m = sound(), m.version = 2;
    assert_int_equal(judge_manifest(&m), E_MANIFEST_VERSION);
    m = sound(), m.size = 511;
    assert_int_equal(judge_manifest(&m), E_MANIFEST_VERSION);
    m = sound(), m.seq = 0;
    assert_int_equal(judge_manifest(&m), E_MANIFEST_FIELD);
    m = sound(), m.preferred = 2;
    assert_int_equal(judge_manifest(&m), E_MANIFEST_FIELD);
    m = sound(), m.reserved0 = 1;
    assert_int_equal(judge_manifest(&m), E_MANIFEST_FIELD);
    m = sound(), m.reserved1[91] = 1;
    assert_int_equal(judge_manifest(&m), E_MANIFEST_FIELD);
    m = sound(), memset(m.cmdline, 'x', sizeof m.cmdline);
    assert_int_equal(judge_manifest(&m), E_MANIFEST_CMDLINE);
    m.cmdline[255] = '\0';
    assert_int_equal(judge_manifest(&m), 0);
}

/* Change one field of slot A to VALUE; slot A must then be judged as EXPECTED. */
#define EXPECT_SLOT(field, value, expected)                                                        \
    do {                                                                                           \
        struct manifest m_ = sound();                                                              \
        m_.slot[0].field = (value);                                                                \
        assert_int_equal(judge_slot(&m_, 0), (expected));                                          \
    } while (0)

static void test_slot_length_and_place(void **state)
{
    (void)state;
    EXPECT_SLOT(length, 0, E_SLOT_EMPTY);
    EXPECT_SLOT(sectors, 10, 0); /* 5120 bytes */
    EXPECT_SLOT(sectors, 9, E_SLOT_LENGTH);
    EXPECT_SLOT(length, UINT32_MAX, E_SLOT_LENGTH);
    EXPECT_SLOT(first_lba, 79, E_SLOT_PLACE);
    EXPECT_SLOT(first_lba, END - 4055, E_SLOT_PLACE);
    EXPECT_SLOT(first_lba, UINT32_MAX, E_SLOT_PLACE);
    EXPECT_SLOT(first_lba, UINT32_MAX - 4055, E_SLOT_PLACE); /* the sum wraps to 0 in 32 bits */
    EXPECT_SLOT(sectors, UINT32_MAX, E_SLOT_PLACE);
    EXPECT_SLOT(sectors, 4057, E_SLOT_OVERLAP);
    EXPECT_SLOT(first_lba, 81, E_SLOT_OVERLAP);
    EXPECT_SLOT(first_lba, 80 + 4056, E_SLOT_OVERLAP);
}

static void test_slot_memory_and_entry(void **state)
{
    (void)state;
    EXPECT_SLOT(load_phys, 0x100001, E_SLOT_ADDRESS);
    EXPECT_SLOT(load_phys, 0x100100000, E_SLOT_ADDRESS);
    EXPECT_SLOT(mem_size, 4096, E_SLOT_MEM_SIZE);
    EXPECT_SLOT(mem_size, 8193, E_SLOT_MEM_SIZE);
    EXPECT_SLOT(mem_size, 14 << 20, 0);
    EXPECT_SLOT(mem_size, (14 << 20) + 4096, E_SLOT_MEM_SIZE);
    EXPECT_SLOT(mem_size, 0xFFFFF000, E_SLOT_MEM_SIZE);
    EXPECT_SLOT(entry_virt, KERNEL_VIRT - 1, E_SLOT_ENTRY);
    EXPECT_SLOT(entry_virt, KERNEL_VIRT + 4999, 0);
    EXPECT_SLOT(entry_virt, KERNEL_VIRT + 5000, E_SLOT_ENTRY);
    EXPECT_SLOT(entry_virt, 0x100000, E_SLOT_ENTRY);
}

static void test_slots_share_the_overlap_but_no_other_fault(void **state)
{
    struct manifest m = sound();

    (void)state;
    m.slot[1].first_lba = 81;
    assert_int_equal(judge_slot(&m, 0), E_SLOT_OVERLAP);
    assert_int_equal(judge_slot(&m, 1), E_SLOT_OVERLAP);
    m = sound();
    m.slot[1].load_phys = 0;
    assert_int_equal(judge_slot(&m, 0), 0);
    assert_int_equal(judge_slot(&m, 1), E_SLOT_ADDRESS);
}

static void test_a_place_is_judged_whatever_is_in_it(void **state)
{
    struct manifest m = sound();

    (void)state;
    m.slot[0].length = 0;
    m.slot[0].mem_size = 1;
    assert_true(slot_has_place(&m, 0, END));
    m.slot[0].sectors = 0;
    assert_false(slot_has_place(&m, 0, END));
    m.slot[0].sectors = 4057;
    assert_false(slot_has_place(&m, 0, END));
    m.slot[0].sectors = 4056;
    assert_false(slot_has_place(&m, 1, END - 1));
}

static void test_every_error_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(loader_error_text(0), "ok");
    assert_string_equal(loader_error_text(E_SLOT_MERKLE), "Merkle root mismatch");
    assert_null(strchr(loader_error_text(E_SLOT_DISK), '%'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_are_read_back_and_the_newest_wins),
        cmocka_unit_test(test_a_commit_overwrites_the_other_copy),
        cmocka_unit_test(test_copies_past_the_end_cannot_be_read),
        cmocka_unit_test(test_every_flipped_byte_is_seen),
        cmocka_unit_test(test_manifest_fields),
        cmocka_unit_test(test_slot_length_and_place),
        cmocka_unit_test(test_slot_memory_and_entry),
        cmocka_unit_test(test_slots_share_the_overlap_but_no_other_fault),
        cmocka_unit_test(test_a_place_is_judged_whatever_is_in_it),
        cmocka_unit_test(test_every_error_has_a_text),
    };

    return cmocka_run_group_tests_name("mkdisk_bootarea", tests, NULL, NULL);
}
