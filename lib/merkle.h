/*
 * merkle.h - the Merkle tree hash of a kernel, chunk by chunk [RFC 6962 2.1].
 *
 * MTH(one chunk) = SHA-256(00 || chunk); MTH(n chunks) = SHA-256(01 || MTH(first k) || MTH(rest)),
 * k the largest power of two below n. Chunks are MERKLE_CHUNK bytes, the last one its true length.
 *
 * The tree is never built. A stack holds one finished subtree for each 1 bit of the number of
 * chunks so far, the largest at the bottom:
 *
 *     chunks = 6 = 110b     stack: [ MTH(0..3), MTH(4..5) ]
 *
 * Context: any.
 */
#ifndef SECTOR0_MERKLE_H
#define SECTOR0_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "../include/layout.h"
#include "sha256.h"

#define MERKLE_LEVELS 12 /* one for each bit of KERNEL_MAX_CHUNKS */

struct merkle {
    uint32_t chunks;                                 /* added so far */
    uint8_t subtree[MERKLE_LEVELS + 1][SHA256_SIZE]; /* one for each 1 bit of chunks, and a leaf */
};

void merkle_init(struct merkle *tree);

/*
 * Add the next chunk: SIZE bytes at DATA, MERKLE_CHUNK for all but the last. At most
 * KERNEL_MAX_CHUNKS chunks.
 */
void merkle_add(struct merkle *tree, const void *data, size_t size);

/* Write the root over the chunks so far, at least one, to ROOT. The tree is used up. */
void merkle_root(struct merkle *tree, uint8_t root[SHA256_SIZE]);

#endif
