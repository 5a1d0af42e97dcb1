/*
 * test_ata_identify.c - the 256 words of IDENTIFY DEVICE: what is read out of them, which of them
 * are believed, and which drives are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/ata_identify.h"

static uint16_t words[ATA_SECTOR_WORDS];
static struct ata_identity identity;

static void put_text(unsigned first, const char *text, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned c = i < strlen(text) ? (uint8_t)text[i] : ' ';

        words[first + i / 2] = (uint16_t)(i % 2 ? words[first + i / 2] | c : c << 8);
    }
}

/* What QEMU's disk says, in short. */
static int set_up(void **state)
{
    (void)state;
    memset(words, 0, sizeof(words));
    words[0] = 0x0040;
    put_text(10, "QM00001", 20);
    put_text(27, "QEMU HARDDISK", 40);
    words[47] = 0x8010;
    words[49] = 0x0F00;
    words[53] = 0x0007;
    words[60] = 0x0000;
    words[61] = 0x0002;
    words[63] = 0x0007;
    words[83] = 0x7400;
    words[85] = 0x4021;
    words[87] = 0x4000;
    words[88] = 0x203F;
    words[101] = 2;
    return 0;
}

static const char *parse(void)
{
    return ata_identify_parse(&identity, words);
}

static void test_ordinary(void **state)
{
    (void)state;
    assert_null(parse());
    assert_string_equal(identity.model, "QEMU HARDDISK");
    assert_string_equal(identity.serial, "QM00001");
    assert_int_equal(identity.sectors, 0x20000);
    assert_true(identity.lba48 && identity.dma && identity.write_cache);
    assert_true(identity.flush && identity.flush_ext);
    assert_int_equal(identity.udma, 5);
    assert_int_equal(identity.multiword, -1);
    assert_int_equal(identity.multiple, 16);
}

static void test_texts(void **state)
{
    (void)state;
    put_text(27, "   two  words \x01\x7F\xFF.", 40);
    put_text(10, "12345678901234567890", 20);
    assert_null(parse());
    assert_string_equal(identity.model, "two  words    .");
    assert_string_equal(identity.serial, "12345678901234567890");
    memset(&words[27], 0, 40);
    memset(&words[10], 0xFF, 20);
    assert_null(parse());
    assert_string_equal(identity.model, "");
    assert_string_equal(identity.serial, "");
    memset(&words[27], 'x', 40);
    assert_null(parse());
    assert_int_equal(strlen(identity.model), 40);
}

static void test_sizes(void **state)
{
    (void)state;
    words[101] = 0x1000; /* beyond 28 bits */
    words[60] = 0xFFFF;
    words[61] = 0x0FFF;
    assert_null(parse());
    assert_int_equal(identity.sectors, 0x10000000);
    words[102] = 0xFFFF; /* all 48 bits */
    words[101] = words[100] = 0xFFFF;
    assert_null(parse());
    assert_int_equal(identity.sectors, 0xFFFFFFFFFFFFull);
    words[103] = 1; /* more than a command can name */
    assert_string_equal(parse(), "its size makes no sense");
    memset(&words[100], 0, 8); /* then the old words count */
    assert_null(parse());
    assert_int_equal(identity.sectors, 0x0FFFFFFF);
    words[61] = 0x1000; /* more than 28 bits can name */
    assert_string_equal(parse(), "its size makes no sense");
    words[60] = words[61] = 0;
    assert_string_equal(parse(), "its size makes no sense");
}

static void test_without_lba48(void **state)
{
    (void)state;
    words[83] = 0x7000;
    words[101] = 7; /* means nothing then */
    assert_null(parse());
    assert_false(identity.lba48 || identity.flush_ext);
    assert_true(identity.flush);
    assert_int_equal(identity.sectors, 0x20000);
}

/* Words that are not marked as valid, or read as all ones or zeros. */
static void test_validity(void **state)
{
    (void)state;
    words[83] = 0xFFFF;
    assert_null(parse());
    assert_false(identity.lba48 || identity.flush || identity.flush_ext);
    words[83] = 0x3400;
    assert_null(parse());
    assert_false(identity.lba48 || identity.flush || identity.flush_ext);
    words[83] = 0x7400;
    words[85] = 0xFFFF;
    assert_null(parse());
    assert_false(identity.write_cache);
    words[85] = 0x0020;
    words[87] = 0;
    assert_null(parse());
    assert_false(identity.write_cache);
    words[53] = 0x0003;
    assert_null(parse());
    assert_int_equal(identity.udma, -1);
}

static void test_modes(void **state)
{
    (void)state;
    words[88] = 0x003F; /* none is chosen */
    words[63] = 0x0407;
    assert_null(parse());
    assert_int_equal(identity.udma, -1);
    assert_int_equal(identity.multiword, 2);
    words[88] = 0x403F; /* one that the drive has not got */
    words[63] = 0x0007;
    words[49] = 0x0E00;
    assert_null(parse());
    assert_int_equal(identity.udma, -1);
    assert_int_equal(identity.multiword, -1);
    assert_false(identity.dma);
}

static void test_multiple(void **state)
{
    static const unsigned expected[][2] = {{0, 1}, {1, 1},  {2, 2},   {3, 2},
                                           {8, 8}, {15, 8}, {16, 16}, {255, 16}};

    (void)state;
    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        words[47] = (uint16_t)(0x8000 | expected[i][0]);
        assert_null(parse());
        assert_int_equal(identity.multiple, expected[i][1]);
    }
}

static void test_refused(void **state)
{
    (void)state;
    words[0] = 0x8580;
    assert_string_equal(parse(), "it says that it is no ATA disk");
    words[0] = 0x0040;
    words[49] = 0x0100;
    assert_string_equal(parse(), "it has no LBA");
    words[49] = 0x0300;
    words[106] = 0x5000; /* large logical sectors, of 2048 words */
    words[117] = 2048;
    assert_string_equal(parse(), "its sectors are not 512 bytes");
    words[117] = 256;
    assert_null(parse());
    words[106] = 0x6003; /* large physical ones are nobody's business */
    words[117] = 0;
    assert_null(parse());
}

static void test_check_sum(void **state)
{
    unsigned sum = 0xA5;

    (void)state;
    words[255] = 0x00A5;
    assert_string_equal(parse(), "the check sum of what it says of itself is wrong");
    for (unsigned i = 0; i < 255; i++) {
        sum += (words[i] & 0xFFu) + (words[i] >> 8);
    }
    words[255] = (uint16_t)((0x100 - (sum & 0xFF)) << 8 | 0xA5);
    assert_null(parse());
    words[20] ^= 0x0100;
    assert_string_equal(parse(), "the check sum of what it says of itself is wrong");
    words[255] = 0x1234; /* no mark, no check */
    assert_null(parse());
}

/* Whatever the words are: a size that commands can name, and texts that end. */
static void test_random(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        for (unsigned i = 0; i < ATA_SECTOR_WORDS; i++) {
            words[i] = (uint16_t)(rand() >> 4);
        }
        words[0] &= round % 2 ? 0x7FFF : 0xFFFF;
        if (parse() == NULL) {
            assert_in_range(identity.sectors, 1,
                            identity.lba48 ? ATA_LBA48_END - 1 : ATA_LBA28_END);
        }
        assert_true(strlen(identity.model) <= 40 && strlen(identity.serial) <= 20);
        assert_in_range(identity.multiple, 1, 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ordinary, set_up),
        cmocka_unit_test_setup(test_texts, set_up),
        cmocka_unit_test_setup(test_sizes, set_up),
        cmocka_unit_test_setup(test_without_lba48, set_up),
        cmocka_unit_test_setup(test_validity, set_up),
        cmocka_unit_test_setup(test_modes, set_up),
        cmocka_unit_test_setup(test_multiple, set_up),
        cmocka_unit_test_setup(test_refused, set_up),
        cmocka_unit_test_setup(test_check_sum, set_up),
        cmocka_unit_test_setup(test_random, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
