/*
 * csum.h - the checksums of SFS: CRC-32C, eight bytes at a time. Portable, no state but a table
 * that is the same for ever.
 *
 * C(s, buffer) is continued: C(C(0, a), b) is C(0, a followed by b).
 */
#ifndef SECTOR0_FS_CSUM_H
#define SECTOR0_FS_CSUM_H

#include <stddef.h>
#include <stdint.h>

/* Fill the table. Call it before anything else here; calling it again is harmless. */
void sfs_csum_init(void);

/* C(SEED, BUFFER): CRC-32C of SIZE bytes, going on from SEED, 0 at first. Context: any. */
uint32_t sfs_csum(uint32_t seed, const void *buffer, size_t size);

/* The same without help from the processor, as sfs_csum where there is none. */
uint32_t sfs_csum_by_table(uint32_t seed, const void *buffer, size_t size);

/* U, what all checksums of a volume start from. */
uint32_t sfs_csum_uuid(const uint8_t uuid[16]);

/*
 * entry(b): the checksum table's entry of block NUMBER with the contents BLOCK, SIZE bytes, on the
 * volume of U. Never 0, which stands for "not covered".
 */
uint32_t sfs_csum_entry(uint32_t u, uint64_t number, const void *block, size_t size);

#endif
