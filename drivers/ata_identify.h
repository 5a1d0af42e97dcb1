/*
 * ata_identify.h - what a drive says of itself: the 256 words of IDENTIFY DEVICE. [ATA8 7.16]
 * Portable.
 */
#ifndef SECTOR0_DRIVERS_ATA_IDENTIFY_H
#define SECTOR0_DRIVERS_ATA_IDENTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/ata_registers.h"

struct ata_identity {
    char model[41]; /* printable, without spaces at the ends */
    char serial[21];
    uint64_t sectors; /* of 512 bytes */
    bool lba48;
    bool dma;         /* has DMA commands */
    int8_t udma;      /* the Ultra DMA mode that was chosen, -1 if none */
    int8_t multiword; /* the multiword DMA mode that was chosen, -1 if none */
    uint8_t multiple; /* sectors a DRQ block of READ MULTIPLE, at most 16; 1: it has not got it */
    bool write_cache; /* it is on */
    bool flush, flush_ext; /* has FLUSH CACHE, FLUSH CACHE EXT */
};

/*
 * Understand WORDS. Returns NULL, or in words why the drive cannot be used. Context: any.
 */
const char *ata_identify_parse(struct ata_identity *identity,
                               const uint16_t words[ATA_SECTOR_WORDS]);

#endif
