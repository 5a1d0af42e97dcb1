/*
 * mmio.h - stands in front of kernel/cpu/mmio.h in unit tests: every access to a device's registers
 * becomes a call into the test, which plays the device. SIZE is in bytes.
 */
#ifndef SECTOR0_FAKES_MMIO_H
#define SECTOR0_FAKES_MMIO_H

#include <stdint.h>

uint32_t fake_mmio_read(const volatile void *address, unsigned size);
void fake_mmio_write(volatile void *address, uint32_t value, unsigned size);

#define FAKE_MMIO(bits)                                                                            \
    static inline uint##bits##_t mmio_read##bits(const volatile void *address)                     \
    {                                                                                              \
        return (uint##bits##_t)fake_mmio_read(address, bits / 8);                                  \
    }                                                                                              \
    static inline void mmio_write##bits(volatile void *address, uint##bits##_t value)              \
    {                                                                                              \
        fake_mmio_write(address, value, bits / 8);                                                 \
    }
FAKE_MMIO(8)
FAKE_MMIO(16)
FAKE_MMIO(32)

#endif
