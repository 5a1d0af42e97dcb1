/* merkle.c - see merkle.h for the picture. */
#include "merkle.h"

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

/* LEFT becomes the parent of LEFT and RIGHT. */
static void join(uint8_t left[SHA256_SIZE], const uint8_t right[SHA256_SIZE])
{
    static const uint8_t prefix = NODE_PREFIX;
    struct sha256 hash;

    sha256_init(&hash);
    sha256_update(&hash, &prefix, 1);
    sha256_update(&hash, left, SHA256_SIZE);
    sha256_update(&hash, right, SHA256_SIZE);
    sha256_final(&hash, left);
}

static unsigned subtree_count(uint32_t chunks)
{
    unsigned count = 0;

    for (; chunks != 0; chunks &= chunks - 1) {
        count++;
    }
    return count;
}

void merkle_init(struct merkle *tree)
{
    tree->chunks = 0;
}

void merkle_add(struct merkle *tree, const void *data, size_t size)
{
    static const uint8_t prefix = LEAF_PREFIX;
    unsigned top = subtree_count(tree->chunks);
    struct sha256 hash;

    sha256_init(&hash);
    sha256_update(&hash, &prefix, 1);
    sha256_update(&hash, data, size);
    sha256_final(&hash, tree->subtree[top]);

    /* Like adding 1 to a binary number: every trailing 1 bit is a subtree of the same size. */
    for (uint32_t bits = tree->chunks; (bits & 1) != 0; bits >>= 1, top--) {
        join(tree->subtree[top - 1], tree->subtree[top]);
    }
    tree->chunks++;
}

void merkle_root(struct merkle *tree, uint8_t root[SHA256_SIZE])
{
    unsigned top = subtree_count(tree->chunks) - 1;

    /* The subtrees left over differ in size: the right ones are the rest of the left one. */
    for (; top > 0; top--) {
        join(tree->subtree[top - 1], tree->subtree[top]);
    }
    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        root[i] = tree->subtree[0][i];
    }
}
