/*
 * test_sha256.c - lib/sha256.c against the examples of [FIPS 180-4] and against Python's hashlib.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/sha256.h"

#define MILLION 1000000
#define LENGTHS 201

/*
 * SHA-256 over the concatenated digests of pattern(0) to pattern(200), computed with hashlib;
 * tests/scenario/test_mkdisk.py computes it again and compares it with this text.
 */
static const char all_lengths[] =
    "90485c1682617c1a15f74275a390ef5c5f255ff87c32143957cdebbf2129a179";

static void to_hex(const uint8_t digest[SHA256_SIZE], char hex[2 * SHA256_SIZE + 1])
{
    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

/* Hash SIZE bytes at DATA, fed in pieces of STEP bytes, and compare. */
static void expect(const void *data, size_t size, size_t step, const char *expected)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    struct sha256 hash;

    sha256_init(&hash);
    for (size_t done = 0; done < size; done += step) {
        sha256_update(&hash, (const uint8_t *)data + done, size - done < step ? size - done : step);
    }
    sha256_final(&hash, digest);
    to_hex(digest, hex);
    assert_string_equal(hex, expected);
}

static void test_fips_examples(void **state)
{
    static const struct {
        const char *text, *digest;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        expect(examples[i].text, strlen(examples[i].text), 64, examples[i].digest);
    }
}

static void test_a_million_letters_in_any_pieces(void **state)
{
    static char letters[MILLION];
    static const size_t steps[] = {1, 63, 64, 65, 4096, MILLION};

    (void)state;
    memset(letters, 'a', sizeof letters);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        expect(letters, sizeof letters, steps[i],
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

/* Around 56 and 64 bytes the padding changes its shape: every length up to 200 is hashed. */
static void test_every_short_length(void **state)
{
    struct sha256 outer, inner;
    uint8_t pattern[LENGTHS], digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];

    (void)state;
    sha256_init(&outer);
    for (unsigned length = 0; length < LENGTHS; length++) {
        pattern[length] = (uint8_t)(length * 167);
        sha256_init(&inner);
        sha256_update(&inner, pattern, length);
        sha256_final(&inner, digest);
        sha256_update(&outer, digest, sizeof digest);
    }
    sha256_final(&outer, digest);
    to_hex(digest, hex);
    assert_string_equal(hex, all_lengths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fips_examples),
        cmocka_unit_test(test_a_million_letters_in_any_pieces),
        cmocka_unit_test(test_every_short_length),
    };

    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
