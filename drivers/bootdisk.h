/*
 * bootdisk.h - which of the disks the machine was booted from.
 *
 * The BIOS's drive numbers mean nothing to our drivers. So the loader hands over what it read in
 * the first sector: the disk signature, and a CRC of all of it. root=<device> on the command line
 * overrides them.
 */
#ifndef SECTOR0_DRIVERS_BOOTDISK_H
#define SECTOR0_DRIVERS_BOOTDISK_H

#include "include/bootinfo.h"

struct block_device;

/*
 * Find the boot disk among those that are registered; the log says what is odd. ROOT is the name of
 * a disk or partition, or "". Context: start-up, after the drivers.
 */
void bootdisk_start(const struct bootinfo *info, const char *root);

/* The disk, or NULL: no driver has it. Context: any, after bootdisk_start. */
struct block_device *bootdisk(void);

/*
 * Where its file system is: what root= names, if that is a partition; else the first SFS partition
 * of the boot disk, or all of it if it is one volume. NULL: there is none. Context: as above.
 */
struct block_device *bootdisk_root(void);

#endif
