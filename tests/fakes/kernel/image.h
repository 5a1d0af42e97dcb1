/*
 * image.h - stands in front of kernel/image.h in unit tests: physical memory is what the test says.
 */
#ifndef SECTOR0_FAKES_IMAGE_H
#define SECTOR0_FAKES_IMAGE_H

#include <stdint.h>

void *low_to_virt(uint64_t phys);

#endif
