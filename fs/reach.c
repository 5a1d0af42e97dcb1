/* reach.c - see reach.h. */
#include "fs/reach.h"

#include "fs/format.h"

uint64_t sfs_reach_span(uint32_t p, unsigned level)
{
    uint64_t span = 1;

    while (level-- > 0) {
        span *= p;
    }
    return span;
}

uint64_t sfs_reach(uint32_t p, unsigned height)
{
    return SFS_DIRECT + (height > 0 ? sfs_reach_span(p, height) : 0);
}

unsigned sfs_reach_height(uint32_t p, uint64_t blocks)
{
    unsigned height = 0;

    while (height <= SFS_HEIGHT_MAX && sfs_reach(p, height) < blocks) {
        height++;
    }
    return height;
}

uint32_t sfs_reach_slot(uint32_t p, uint64_t n, unsigned level)
{
    return (uint32_t)((n - SFS_DIRECT) / sfs_reach_span(p, level) % p);
}

uint64_t sfs_reach_indirect(uint32_t p, uint64_t blocks)
{
    unsigned height = sfs_reach_height(p, blocks);
    uint64_t sum = 0;

    for (unsigned level = 1; level <= height; level++) {
        uint64_t span = sfs_reach_span(p, level);

        sum += (blocks - SFS_DIRECT + span - 1) / span;
    }
    return sum;
}

uint64_t sfs_reach_max_size(uint32_t bs, unsigned height)
{
    uint64_t size = sfs_reach(bs / 8, height) * bs;

    return size < SFS_SIZE_MAX ? size : SFS_SIZE_MAX;
}

uint64_t sfs_reach_leaf_end(uint32_t p, uint64_t n)
{
    if (n < SFS_DIRECT) {
        return SFS_DIRECT;
    }
    return n + p - (n - SFS_DIRECT) % p;
}
