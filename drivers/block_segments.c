/*
 * block_segments.c - where memory lies for a device, which knows nothing of our page tables. The
 * direct map and the image are one piece each; stacks and vmalloc's areas are page by page.
 */
#include "drivers/block_internal.h"

#include "kernel/mm/address.h"
#include "kernel/mm/paging.h"

#define SEGMENT_MAX (4u << 20)

/* A page's piece, through the page tables. */
static size_t walk_piece(uint64_t address, uint64_t *phys)
{
    struct walk walk;

    if (paging_walk(address, &walk) != WALK_MAPPED) {
        return 0;
    }
    *phys = walk.phys;
    return walk.page_size - (address & (walk.page_size - 1));
}

static size_t walk_pieces(uint64_t address, size_t size, uint64_t *phys)
{
    size_t done = walk_piece(address, phys);
    uint64_t next;

    while (done != 0 && done < size) {
        size_t piece = walk_piece(address + done, &next);

        if (piece == 0 || next != *phys + done) {
            break;
        }
        done += piece;
    }
    return done < size ? done : size;
}

size_t block_physical(const void *va, size_t size, uint64_t *phys)
{
    const uint64_t address = (uintptr_t)va;

    if (address - DIRECT_BASE < DIRECT_SIZE || address >= KERNEL_VIRT_BASE) {
        *phys = virt_to_phys(va);
        return size;
    }
    return walk_pieces(address, size, phys);
}

unsigned block_segments(const void *buffer, size_t size, struct blk_seg *segments, unsigned max)
{
    unsigned count = 0;

    for (const char *at = buffer; size > 0; count++) {
        size_t wanted = size < SEGMENT_MAX ? size : SEGMENT_MAX;
        uint64_t phys;
        size_t piece = count < max ? block_physical(at, wanted, &phys) : 0;

        if (piece == 0) {
            return 0;
        }
        segments[count] = (struct blk_seg){(void *)(uintptr_t)at, phys, (uint32_t)piece};
        at += piece;
        size -= piece;
    }
    return count;
}
