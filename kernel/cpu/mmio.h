/*
 * mmio.h - device registers in memory, as pci_map and vmap give them. Context: any. Unit tests put
 * their own mmio.h in front of this one (tests/fakes), so that drivers talk to a made-up device.
 */
#ifndef SECTOR0_KERNEL_CPU_MMIO_H
#define SECTOR0_KERNEL_CPU_MMIO_H

#include <stdint.h>

/* One instruction each, of exactly that size: neither left out, nor split, nor put together. */
#define MMIO(bits)                                                                                 \
    static inline uint##bits##_t mmio_read##bits(const volatile void *address)                     \
    {                                                                                              \
        return *(const volatile uint##bits##_t *)address;                                          \
    }                                                                                              \
    static inline void mmio_write##bits(volatile void *address, uint##bits##_t value)              \
    {                                                                                              \
        *(volatile uint##bits##_t *)address = value;                                               \
    }
MMIO(8)
MMIO(16)
MMIO(32)
#undef MMIO

#endif
