/*
 * csum.c - see csum.h. Slicing by 8: eight tables, each the effect of a byte that is one place
 * further from the end, so that eight bytes cost eight look-ups and no loop over bits.
 *
 * On a host whose processor has the instruction for it (SSE4.2), that is several times faster. Not in
 * the kernel: an emulator takes longer for the instruction than for the look-ups.
 */
#include "fs/csum.h"

#include "fs/port.h"

#define POLYNOMIAL 0x82F63B78u /* 1EDC6F41 with its bits reversed */

static uint32_t table[8][256];

#if defined(__x86_64__) && __STDC_HOSTED__

#define HAS_INSTRUCTION() __builtin_cpu_supports("sse4.2")

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t seed, const void *buffer,
                                                                 size_t size)
{
    const uint8_t *byte = buffer;
    uint64_t reg = (uint32_t)~seed, word;

    for (; size >= 8; size -= 8, byte += 8) {
        memcpy(&word, byte, 8);
        reg = __builtin_ia32_crc32di(reg, word);
    }
    for (; size > 0; size--, byte++) {
        reg = __builtin_ia32_crc32qi((uint32_t)reg, *byte);
    }
    return ~(uint32_t)reg;
}

#else

#define HAS_INSTRUCTION() false
#define by_instruction    sfs_csum_by_table

#endif

static bool has_instruction;

void sfs_csum_init(void)
{
    has_instruction = HAS_INSTRUCTION();
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;

        for (int bit = 0; bit < 8; bit++) {
            value = (value >> 1) ^ (value & 1 ? POLYNOMIAL : 0);
        }
        table[0][byte] = value;
    }
    for (int slice = 1; slice < 8; slice++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = table[slice - 1][byte];

            table[slice][byte] = before >> 8 ^ table[0][before & 255];
        }
    }
}

uint32_t sfs_csum_by_table(uint32_t seed, const void *buffer, size_t size)
{
    const uint8_t *byte = buffer;
    uint32_t reg = ~seed;

    for (; size >= 8; size -= 8, byte += 8) {
        uint32_t low, high;

        memcpy(&low, byte, 4);
        memcpy(&high, byte + 4, 4);
        low ^= reg;
        reg = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
              table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
              table[1][high >> 16 & 255] ^ table[0][high >> 24];
    }
    for (; size > 0; size--, byte++) {
        reg = reg >> 8 ^ table[0][(reg ^ *byte) & 255];
    }
    return ~reg;
}

uint32_t sfs_csum(uint32_t seed, const void *buffer, size_t size)
{
    return has_instruction ? by_instruction(seed, buffer, size)
                           : sfs_csum_by_table(seed, buffer, size);
}

uint32_t sfs_csum_uuid(const uint8_t uuid[16])
{
    return sfs_csum(0, uuid, 16);
}

uint32_t sfs_csum_entry(uint32_t u, uint64_t number, const void *block, size_t size)
{
    uint32_t value = sfs_csum(sfs_csum(u, &number, sizeof(number)), block, size);

    return value != 0 ? value : 1;
}
