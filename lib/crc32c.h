/*
 * crc32c.h - CRC-32C (Castagnoli), reflected polynomial 82F63B78, bit by bit.
 *
 * For the few kilobytes that the loader, mkdisk and the hand-off check: small matters, fast does
 * not. Context: any.
 */
#ifndef SECTOR0_CRC32C_H
#define SECTOR0_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_INIT 0xFFFFFFFFu

/* Run SIZE bytes at DATA through the CRC register REG and return the register, not inverted. */
uint32_t crc32c_register(uint32_t reg, const void *data, size_t size);

/* The CRC-32C of SIZE bytes at DATA in its usual, inverted form ("123456789" gives E3069283). */
uint32_t crc32c(const void *data, size_t size);

#endif
