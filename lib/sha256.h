/*
 * sha256.h - SHA-256 [FIPS 180-4]. Context: any; no memory but the struct, no library.
 */
#ifndef SECTOR0_SHA256_H
#define SECTOR0_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256 {
    uint32_t state[8];
    uint64_t length;   /* bytes so far */
    uint8_t block[64]; /* the bytes after the last full block */
};

void sha256_init(struct sha256 *hash);

/* Add SIZE bytes at DATA. */
void sha256_update(struct sha256 *hash, const void *data, size_t size);

/* Pad, and write the SHA256_SIZE bytes of the digest to DIGEST. HASH needs a new init after it. */
void sha256_final(struct sha256 *hash, uint8_t digest[SHA256_SIZE]);

#endif
