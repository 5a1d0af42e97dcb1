/* dma.c - see dma.h. Blocks of frames are aligned to their own size already. */
#include "kernel/mm/dma.h"

#include "kernel/mm/address.h"
#include "kernel/mm/frame.h"
#include "kernel/string.h"

void *dma_alloc(size_t size, uint64_t *phys)
{
    unsigned order = frame_order(size);

    if (size == 0 || order == FRAME_ORDERS) {
        return NULL;
    }
    uint64_t block = frame_alloc(order, FRAME_BELOW_4G);

    if (block == FRAME_NONE) {
        return NULL;
    }
    *phys = block;
    return memset(phys_to_virt(block), 0, (size_t)FRAME_SIZE << order);
}

void dma_free(void *address, size_t size)
{
    if (address != NULL) {
        frame_free(virt_to_phys(address), frame_order(size));
    }
}
