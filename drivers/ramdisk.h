/*
 * ramdisk.h - a disk in memory: forgets everything when the machine stops, and needs no hardware.
 */
#ifndef SECTOR0_DRIVERS_RAMDISK_H
#define SECTOR0_DRIVERS_RAMDISK_H

#include <stdint.h>

struct block_device;

/*
 * Make a disk of SECTORS sectors, zeroed, and register it as ram0, ram1, ... It stays for ever.
 * Returns NULL if there is no memory for it: at least a quarter of what is free stays free.
 * Context: a thread that may sleep.
 */
struct block_device *ramdisk_create(uint64_t sectors);

#endif
