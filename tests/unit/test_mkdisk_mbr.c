/*
 * test_mkdisk_mbr.c - tools/mkdisk/mbr.c: partition tables, CHS fields, and what install may touch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tools/mkdisk/mbr.h"

#define REASON_SIZE 160

static const uint8_t no_gpt[SECTOR_SIZE];

/* A table with one ordinary partition from LBA 2048. */
static struct mbr ordinary(void)
{
    return (struct mbr){.magic = true, .partition = {{0x80, 0x83, 2048, 1000}}};
}

static void expect_chs(uint32_t lba, uint8_t head, uint8_t sector, uint8_t cylinder)
{
    uint8_t chs[3];

    mbr_encode_chs(lba, chs);
    assert_int_equal(chs[0], head);
    assert_int_equal(chs[1], sector);
    assert_int_equal(chs[2], cylinder);
}

static void test_chs_fields(void **state)
{
    (void)state;
    expect_chs(0, 0, 1, 0);
    expect_chs(62, 0, 63, 0);
    expect_chs(63, 1, 1, 0);
    expect_chs(8192, 130, 3, 0);
    expect_chs(255 * 63, 0, 1, 1);
    expect_chs(256 * 255 * 63, 0, 1 | 0x40,
               0); /* cylinder 256: two of its bits sit with the sector */
    expect_chs(1023u * 255 * 63 + 254 * 63 + 62, 0xFE, 0xFF, 0xFF);
    expect_chs(1024u * 255 * 63, 0xFE, 0xFF, 0xFF);
    expect_chs(UINT32_MAX, 0xFE, 0xFF, 0xFF);
}

static void test_slot_capacities_of_the_design(void **state)
{
    (void)state;
    assert_int_equal(slot_capacity(8192), 4056);
    assert_int_equal(slot_capacity(2048), 984);
    assert_int_equal(slot_capacity(2880), 1400);
    assert_int_equal(slot_capacity(96), 8);
    assert_int_equal(slot_capacity(95), 0);
    assert_int_equal(slot_capacity(80), 0);
    assert_int_equal(slot_capacity(0), 0);
    /* Both slots end below the limit of 32 bits, however far away the partition is. */
    assert_true(SLOTS_LBA + 2 * (uint64_t)slot_capacity(UINT64_MAX) <= UINT32_MAX);
}

static void test_boot_area_ends_at_the_first_partition(void **state)
{
    struct mbr mbr = ordinary();

    (void)state;
    mbr.partition[3] = (struct partition){0, 0x05, 1024, 10};
    assert_int_equal(mbr_boot_area_end(&mbr, 100000), 1024);
    mbr.partition[3].type = 0; /* unused: what else stands in the entry does not count */
    assert_int_equal(mbr_boot_area_end(&mbr, 100000), 2048);
    assert_int_equal(mbr_boot_area_end(&mbr, 1500), 1500);
    mbr.partition[0].type = 0;
    assert_int_equal(mbr_boot_area_end(&mbr, 2880), 2880);
}

static void test_own_table_reads_back(void **state)
{
    uint8_t sector[SECTOR_SIZE] = {0};
    struct mbr mbr;

    (void)state;
    mbr_encode_own_table(sector, 131072);
    mbr_encode_signature(sector, 0x12345678);
    mbr_decode(sector, &mbr);
    assert_false(mbr.magic); /* 55 AA comes with stage 1 */
    assert_int_equal(mbr.signature, 0x12345678);
    assert_int_equal(mbr.partition[0].status, 0x80);
    assert_int_equal(mbr.partition[0].type, 0x7F);
    assert_int_equal(mbr.partition[0].first_lba, 8192);
    assert_int_equal(mbr.partition[0].sectors, 131072 - 8192);
    for (unsigned i = 1; i < MBR_TABLE_ENTRIES; i++) {
        assert_int_equal(mbr.partition[i].type, 0);
    }
}

static void test_the_largest_disk_fits_the_table(void **state)
{
    uint8_t sector[SECTOR_SIZE] = {0};
    struct mbr mbr;

    (void)state;
    mbr_encode_own_table(sector, 1ULL << 32);
    mbr_decode(sector, &mbr);
    assert_int_equal(mbr.partition[0].sectors, UINT32_MAX - 8191);
}

static void expect_refusal(const struct mbr *mbr, const uint8_t *next_sector, const char *expected)
{
    char reason[REASON_SIZE] = "";

    assert_false(mbr_allows_install(mbr, next_sector, reason, sizeof reason));
    if (strstr(reason, expected) == NULL) {
        fail_msg("'%s' does not say '%s'", reason, expected);
    }
}

static void test_install_is_allowed(void **state)
{
    struct mbr mbr = ordinary();
    char reason[REASON_SIZE];

    (void)state;
    assert_true(mbr_allows_install(&mbr, no_gpt, reason, sizeof reason));
    mbr.partition[0].first_lba = 96; /* the smallest boot area: two slots of 4 KiB */
    assert_true(mbr_allows_install(&mbr, no_gpt, reason, sizeof reason));
}

static void test_install_is_refused(void **state)
{
    uint8_t gpt[SECTOR_SIZE] = "EFI PART";
    struct mbr mbr = ordinary();

    (void)state;
    expect_refusal(&mbr, gpt, "EFI PART");
    mbr.partition[2] = (struct partition){0, 0xEE, 1, 100};
    expect_refusal(&mbr, no_gpt, "entry 3 of LBA 0 has type EE");
    mbr.partition[2] = (struct partition){0, 0x0F, 95, 100};
    expect_refusal(&mbr, no_gpt, "partition 3 begins at LBA 95, the boot area needs LBA 0 to 95");
    mbr.partition[2] = (struct partition){0x6D, 0x83, 5000, 100};
    expect_refusal(&mbr, no_gpt, "entry 3 has status 6D");
    mbr.partition[2] = (struct partition){0, 0, 34, 100};
    expect_refusal(&mbr, no_gpt, "entry 3 of the partition table has type 0 but 100 sectors");
    mbr = ordinary();
    mbr.magic = false;
    expect_refusal(&mbr, no_gpt, "55 AA is missing");
    mbr = (struct mbr){.magic = true};
    expect_refusal(&mbr, no_gpt, "all entries are empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chs_fields),
        cmocka_unit_test(test_slot_capacities_of_the_design),
        cmocka_unit_test(test_boot_area_ends_at_the_first_partition),
        cmocka_unit_test(test_own_table_reads_back),
        cmocka_unit_test(test_the_largest_disk_fits_the_table),
        cmocka_unit_test(test_install_is_allowed),
        cmocka_unit_test(test_install_is_refused),
    };

    return cmocka_run_group_tests_name("mkdisk_mbr", tests, NULL, NULL);
}
