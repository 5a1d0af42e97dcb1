/*
 * partition.h - the partitions of a disk, as the table in its first sector (MBR) says. A disk that
 * is one SFS volume as a whole has none.
 */
#ifndef SECTOR0_DRIVERS_PARTITION_H
#define SECTOR0_DRIVERS_PARTITION_H

#include "drivers/block.h"

/* Numbers of primary partitions are their places in the table; logical ones follow. */
#define PARTITION_FIRST_LOGICAL 5
#define PARTITION_LOGICAL_MAX   60

/*
 * Read the table of DISK and register what it describes. Whatever makes no sense is named in the
 * log and left out. Context: a thread that may sleep, or start-up.
 */
void partition_scan(struct block_device *disk);

/* "SFS", "Linux"; "type 7a" for what is not known, in SIZE bytes of TEXT. Context: any. */
const char *partition_type_name(uint8_t type, char *text, size_t size);

/* Does TYPE say that partitions lie inside it? */
bool partition_is_extended(uint8_t type);

#endif
