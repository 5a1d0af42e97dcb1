/*
 * vmalloc.h - vmalloc and vfree for a unit test, out of the host's own memory; and a count of the
 * areas that live. For one .c file of a test.
 */
#ifndef SECTOR0_FAKES_VMALLOC_H
#define SECTOR0_FAKES_VMALLOC_H

#include <stdlib.h>

#include "kernel/mm/vmap.h"

static int fake_areas;
static int fake_areas_max = 1000; /* no memory for more */

void *vmalloc(size_t size)
{
    if (fake_areas == fake_areas_max) {
        return NULL;
    }
    fake_areas++;
    return aligned_alloc(4096, (size + 4095) / 4096 * 4096);
}

void vfree(void *address)
{
    fake_areas -= address != NULL;
    free(address);
}

#endif
