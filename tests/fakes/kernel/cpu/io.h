/*
 * io.h - stands in front of kernel/cpu/io.h when a driver is compiled for a unit test: every port
 * access becomes a call into the test, which plays the device. SIZE is in bytes.
 */
#ifndef SECTOR0_FAKES_IO_H
#define SECTOR0_FAKES_IO_H

#include <stdint.h>
#include <string.h>

uint32_t fake_io_read(uint16_t port, unsigned size);
void fake_io_write(uint16_t port, uint32_t value, unsigned size);

#define FAKE_IO(bits)                                                                              \
    static inline uint##bits##_t io_read##bits(uint16_t port)                                      \
    {                                                                                              \
        return (uint##bits##_t)fake_io_read(port, bits / 8);                                       \
    }                                                                                              \
    static inline void io_write##bits(uint16_t port, uint##bits##_t value)                         \
    {                                                                                              \
        fake_io_write(port, value, bits / 8);                                                      \
    }
FAKE_IO(8)
FAKE_IO(16)
FAKE_IO(32)

#define FAKE_IO_MANY(bits)                                                                         \
    static inline void io_read##bits##_many(uint16_t port, void *buffer, uint32_t count)           \
    {                                                                                              \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            uint##bits##_t value = io_read##bits(port);                                            \
            memcpy((uint8_t *)buffer + i * sizeof(value), &value, sizeof(value));                  \
        }                                                                                          \
    }                                                                                              \
    static inline void io_write##bits##_many(uint16_t port, const void *buffer, uint32_t count)    \
    {                                                                                              \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            uint##bits##_t value;                                                                  \
            memcpy(&value, (const uint8_t *)buffer + i * sizeof(value), sizeof(value));            \
            io_write##bits(port, value);                                                           \
        }                                                                                          \
    }
FAKE_IO_MANY(16)
FAKE_IO_MANY(32)

#endif
