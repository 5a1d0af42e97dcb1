/*
 * dumpkinds.h - the annotated hex of each kind of block. Everything goes to standard output; what is
 * shown is not believed, so any bytes will do.
 */
#ifndef SECTOR0_MKDISK_DUMPKINDS_H
#define SECTOR0_MKDISK_DUMPKINDS_H

#include <stdio.h>

#include "rawvolume.h"

/* Whether fields are coloured. */
void dump_colours(bool wanted);

/* Hex and characters, nothing known. Lines of zeros are counted, not shown. */
void dump_plain(uint32_t bs, const uint8_t *data);
void dump_pointers(uint32_t bs, const uint8_t *data);
void dump_directory(const struct raw *raw, const uint8_t *data);
/* Block INDEX of a reserved AREA; ends the line of the title first. */
void dump_reserved(const struct raw *raw, enum area area, uint64_t index, const uint8_t *data);

/* "file", "directory", ... */
const char *inode_kind(const struct sfs_inode *inode);

#endif
