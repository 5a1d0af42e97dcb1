/*
 * hash.h - what states and volumes are told apart by, and the random numbers of the crash tests.
 * Not cryptography: 64 bits, so of ten million states a pair is taken for one with a chance of
 * one in a hundred thousand.
 */
#ifndef SECTOR0_TESTS_CRASH_HASH_H
#define SECTOR0_TESTS_CRASH_HASH_H

#include <stdint.h>
#include <string.h>

/* Spread the bits of Z (the last steps of splitmix64). */
static inline uint64_t hash_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static inline uint64_t hash_add(uint64_t hash, uint64_t value)
{
    return hash_mix(hash * 0x9E3779B97F4A7C15ull + value);
}

static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, uint64_t size)
{
    const uint8_t *at = bytes;

    for (uint64_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * 0x100000001B3ull;
    }
    return hash_add(hash, size);
}

/*
 * Of the 512 bytes at SECTOR, at place LBA. The sum of products is independent of itself, so the
 * CPU works on several at a time. A disk's hash is the XOR of its sectors', so that it follows a
 * change of one of them.
 */
static inline uint64_t hash_sector(uint64_t lba, const void *sector)
{
    uint64_t word[64];
    uint64_t low = 0, high = 0;

    memcpy(word, sector, sizeof(word));
    for (unsigned i = 0; i < 64; i += 2) {
        uint64_t a = word[i] ^ (0xA0761D6478BD642Full * (i + 1));
        uint64_t b = word[i + 1] ^ (0xE7037ED1A0B428DBull * (i + 2));
        unsigned __int128 product = (unsigned __int128)a * b;

        low += (uint64_t)product;
        high ^= (uint64_t)(product >> 64) + i;
    }
    return hash_mix(low ^ hash_mix(high ^ hash_mix(lba + 1)));
}

/* Random numbers: the same ones from the same seed. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    return hash_mix(random->state += 0x9E3779B97F4A7C15ull);
}

static inline uint32_t random_below(struct random *random, uint32_t limit)
{
    return (uint32_t)(random_next(random) >> 32) % limit;
}

#endif
