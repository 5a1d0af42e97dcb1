/*
 * inputfile.h - reads one of the build's products whole.
 */
#ifndef SECTOR0_MKDISK_INPUTFILE_H
#define SECTOR0_MKDISK_INPUTFILE_H

#include <stdint.h>

/*
 * Read the regular file at PATH, 1 to LIMIT bytes. WHAT names its kind in a refusal. SIZE becomes
 * its bytes; the memory, zero-padded to a whole sector, lasts until mkdisk ends.
 */
uint8_t *input_read(const char *path, const char *what, uint32_t limit, uint32_t *size);

#endif
