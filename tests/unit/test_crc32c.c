/*
 * test_crc32c.c - lib/crc32c.c against published vectors [RFC 3720 B.4] and against its own parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/crc32c.h"

static void test_check_value(void **state)
{
    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xE3069283);
}

static void test_nothing_is_zero(void **state)
{
    (void)state;
    assert_int_equal(crc32c("", 0), 0);
}

static void test_rfc3720_vectors(void **state)
{
    uint8_t bytes[32];

    (void)state;
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = 0;
    }
    assert_int_equal(crc32c(bytes, sizeof bytes), 0x8A9136AA);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = 0xFF;
    }
    assert_int_equal(crc32c(bytes, sizeof bytes), 0x62A8AB43);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(crc32c(bytes, sizeof bytes), 0x46DD794E);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(crc32c(bytes, sizeof bytes), 0x113FDB5C);
}

/* The register form may be fed in any pieces, and its inversion is the usual form. */
static void test_register_takes_pieces(void **state)
{
    static const char text[] = "123456789";

    (void)state;
    for (size_t cut = 0; cut <= 9; cut++) {
        uint32_t reg = crc32c_register(CRC32C_INIT, text, cut);

        reg = crc32c_register(reg, text + cut, 9 - cut);
        assert_int_equal(~reg, 0xE3069283);
    }
}

/* No single flipped bit in a sector goes unseen. */
static void test_every_flipped_bit_is_seen(void **state)
{
    uint8_t sector[512];
    uint32_t sound;

    (void)state;
    for (unsigned i = 0; i < sizeof sector; i++) {
        sector[i] = (uint8_t)(i * 7);
    }
    sound = crc32c(sector, sizeof sector);
    for (unsigned bit = 0; bit < sizeof sector * 8; bit++) {
        sector[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(crc32c(sector, sizeof sector), sound);
        sector[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_value),
        cmocka_unit_test(test_nothing_is_zero),
        cmocka_unit_test(test_rfc3720_vectors),
        cmocka_unit_test(test_register_takes_pieces),
        cmocka_unit_test(test_every_flipped_bit_is_seen),
    };

    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
