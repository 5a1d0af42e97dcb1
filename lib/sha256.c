/*
 * sha256.c - SHA-256, written for the loader's verifier: 32-bit code, few bytes, no tables beyond
 * the 64 constants. Eight rounds are written out, which halves the instructions on a CPU with eight
 * registers.
 */
#include "sha256.h"

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate_right(uint32_t x, unsigned n)
{
    return (x >> n) | (x << (32 - n));
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store_be32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

/* The functions of FIPS 180-4 4.1.2, each in the form that needs the fewest operations. */
static inline uint32_t big_sigma0(uint32_t a)
{
    return rotate_right(rotate_right(rotate_right(a, 9) ^ a, 11) ^ a, 2);
}

static inline uint32_t big_sigma1(uint32_t e)
{
    return rotate_right(rotate_right(rotate_right(e, 14) ^ e, 5) ^ e, 6);
}

static inline uint32_t small_sigma0(uint32_t w)
{
    return rotate_right(rotate_right(w, 11) ^ w, 7) ^ (w >> 3);
}

static inline uint32_t small_sigma1(uint32_t w)
{
    return rotate_right(rotate_right(w, 2) ^ w, 17) ^ (w >> 10);
}

static void expand(uint32_t w[64], const uint8_t *block)
{
    for (unsigned t = 0; t < 16; t++) {
        w[t] = load_be32(block + 4 * t);
    }
    for (unsigned t = 16; t < 64; t++) {
        w[t] = small_sigma1(w[t - 2]) + w[t - 7] + small_sigma0(w[t - 15]) + w[t - 16];
    }
}

/* One round. The eight variables move one place: the caller renames instead of copying. */
#define ROUND(a, b, c, d, e, f, g, h, t)                                                           \
    do {                                                                                           \
        h += big_sigma1(e) + (g ^ (e & (f ^ g))) + round_constant[t] + w[t];                       \
        d += h;                                                                                    \
        h += big_sigma0(a) + ((a & b) | (c & (a | b)));                                            \
    } while (0)

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

    expand(w, block);
    for (unsigned t = 0; t < 64; t += 8) {
        ROUND(a, b, c, d, e, f, g, h, t);
        ROUND(h, a, b, c, d, e, f, g, t + 1);
        ROUND(g, h, a, b, c, d, e, f, t + 2);
        ROUND(f, g, h, a, b, c, d, e, t + 3);
        ROUND(e, f, g, h, a, b, c, d, t + 4);
        ROUND(d, e, f, g, h, a, b, c, t + 5);
        ROUND(c, d, e, f, g, h, a, b, t + 6);
        ROUND(b, c, d, e, f, g, h, a, t + 7);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void sha256_init(struct sha256 *hash)
{
    /* The first 32 bits of the fractional parts of the square roots of the first 8 primes. */
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };

    for (unsigned i = 0; i < 8; i++) {
        hash->state[i] = initial[i];
    }
    hash->length = 0;
}

void sha256_update(struct sha256 *hash, const void *data, size_t size)
{
    const uint8_t *byte = data;
    size_t fill = (size_t)(hash->length & 63);

    hash->length += size;
    while (size > 0) {
        if (fill == 0 && size >= 64) {
            compress(hash->state, byte);
            byte += 64;
            size -= 64;
            continue;
        }
        hash->block[fill++] = *byte++;
        size--;
        if (fill == 64) {
            compress(hash->state, hash->block);
            fill = 0;
        }
    }
}

void sha256_final(struct sha256 *hash, uint8_t digest[SHA256_SIZE])
{
    static const uint8_t one_bit = 0x80, zero = 0;
    uint64_t bits = hash->length * 8;
    uint8_t length[8];

    sha256_update(hash, &one_bit, 1);
    while ((hash->length & 63) != 56) {
        sha256_update(hash, &zero, 1);
    }
    store_be32(length, (uint32_t)(bits >> 32));
    store_be32(length + 4, (uint32_t)bits);
    sha256_update(hash, length, sizeof length);
    for (unsigned i = 0; i < 8; i++) {
        store_be32(digest + 4 * i, hash->state[i]);
    }
}
