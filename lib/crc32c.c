/* crc32c.c - see crc32c.h. */
#include "crc32c.h"

#define CRC32C_POLYNOMIAL 0x82F63B78u /* 1EDC6F41 with its bits reversed */

uint32_t crc32c_register(uint32_t reg, const void *data, size_t size)
{
    const uint8_t *byte = data;

    while (size-- > 0) {
        reg ^= *byte++;
        for (int bit = 0; bit < 8; bit++) {
            reg = (reg >> 1) ^ ((reg & 1) ? CRC32C_POLYNOMIAL : 0);
        }
    }
    return reg;
}

uint32_t crc32c(const void *data, size_t size)
{
    return ~crc32c_register(CRC32C_INIT, data, size);
}
