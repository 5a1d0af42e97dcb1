/*
 * test_merkle.c - lib/merkle.c against vectors that were computed apart from it, by the recursive
 * definition of [RFC 6962 2.1] in Python. tests/scenario/test_mkdisk.py computes the table again
 * and compares it with this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/merkle.h"

/* LENGTH bytes of pattern() and the root over them. */
static const struct {
    uint32_t length;
    const char *root;
} vectors[] = {
    {1, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"},
    {31, "918c2c7ae3d6b3c5864d00ab8400164b68369827d88dde06759debb032803f6b"},
    {4095, "9b84e234de142c053142d818772d827ba7d9b4a99e399291014a124b7c7eb2c5"},
    {4096, "f9fc517cdef8ffc5e3893e4c828512863e05fee2fa2607b84030bb89d4b94960"},
    {4097, "3134c132fc55cf0e5353b607054df0b2e977a70461a2d47d4f05a1d43f6cc878"},
    {8192, "d4f288e15e49ee71c7ec116a5cfd962243422e7a1195b8ab7f2de5f1605c363f"},
    {8193, "2278a984e3fb3e9cc1496a6ca5c85545f26e1b956322d835ceddcccc0f7b0483"},
    {12288, "2cb55295183d7d91cb1cdb8276ab47b6e47b8d74aecaf4d90f912c5f4c03a45c"},
    {20480, "4d1e010649a1f631ebb1504e2af078817e9b53de213cd35a2b55607f6a5ebe76"},
    {24576, "9741d2413d727428f75d18a5eba7e6def5951b9660c28d645fafb055f552e202"},
    {24577, "6f4ad91e8a9b7fd5cb5b03803b9c4094e6ea5c0053c2c64155da9061d5239cd3"},
    {28672, "d40bf514836c3842df45842dda53d3f9cfcb7e4ce93a552ffd5ee1c535e48e57"},
    {2072577, "596e51e7d87351ce1f6866158cc68ef50cdb0706513057b906db6380caf4b492"},
    {2076672, "37b95eafa01f47597934f31c160c83c839be7538f2ae1e420df65e78f1adccfb"},
    {14680064, "eb39f4634051da0e182a3a5c45bbc1aaac4eb4bd0dce05e3345604ae3718c661"},
};
#define VECTOR_COUNT (sizeof vectors / sizeof vectors[0])

/* Bytes that differ from sector to sector and from chunk to chunk. */
static uint8_t pattern(uint32_t i)
{
    return (uint8_t)(i * 167 + (i >> 8) * 13 + (i >> 12) * 5);
}

static void root_of(const uint8_t *data, uint32_t length, char hex[2 * SHA256_SIZE + 1])
{
    uint8_t root[SHA256_SIZE];
    struct merkle tree;

    merkle_init(&tree);
    for (uint32_t done = 0; done < length; done += MERKLE_CHUNK) {
        uint32_t left = length - done;

        merkle_add(&tree, data + done, left < MERKLE_CHUNK ? left : MERKLE_CHUNK);
    }
    merkle_root(&tree, root);
    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        snprintf(hex + 2 * i, 3, "%02x", root[i]);
    }
}

static uint8_t *make_pattern(uint32_t length)
{
    uint8_t *data = malloc(length);

    assert_non_null(data);
    for (uint32_t i = 0; i < length; i++) {
        data[i] = pattern(i);
    }
    return data;
}

static void test_vectors(void **state)
{
    char hex[2 * SHA256_SIZE + 1];

    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t *data =
            make_pattern(vectors[i].length); /* its own: the sanitizer sees an overrun */

        root_of(data, vectors[i].length, hex);
        free(data);
        assert_string_equal(hex, vectors[i].root);
    }
}

/* The largest kernel that memory has room for must fit into the levels of struct merkle. */
static void test_levels_hold_the_largest_kernel(void **state)
{
    (void)state;
    assert_true(KERNEL_MAX_CHUNKS < 1u << MERKLE_LEVELS);
    assert_int_equal(vectors[VECTOR_COUNT - 1].length, KERNEL_MAX_CHUNKS * MERKLE_CHUNK);
}

/* One flipped bit in any chunk, and every cut of the last byte, gives another root. */
static void test_every_change_is_seen(void **state)
{
    const uint32_t length = 6 * MERKLE_CHUNK + 1;
    uint8_t *data = make_pattern(length);
    char sound[2 * SHA256_SIZE + 1], hex[2 * SHA256_SIZE + 1];

    (void)state;
    root_of(data, length, sound);
    for (uint32_t at = 0; at < length; at += MERKLE_CHUNK / 2) {
        data[at] ^= 1;
        root_of(data, length, hex);
        assert_string_not_equal(hex, sound);
        data[at] ^= 1;
    }
    root_of(data, length - 1, hex);
    assert_string_not_equal(hex, sound);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_levels_hold_the_largest_kernel),
        cmocka_unit_test(test_every_change_is_seen),
    };

    return cmocka_run_group_tests_name("merkle", tests, NULL, NULL);
}
