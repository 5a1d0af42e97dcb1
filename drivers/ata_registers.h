/*
 * ata_registers.h - ATA's registers, bits and commands, and those of the bus master that does DMA
 * for it, with the manuals' names. No code.
 *
 * A channel has eight ports for commands, one for control, and, on PCI, eight of a bus master. Two
 * drives share them: bit DEV of the device register says which of them listens. [ATA6 7] [BMIDE 2]
 */
#ifndef SECTOR0_DRIVERS_ATA_REGISTERS_H
#define SECTOR0_DRIVERS_ATA_REGISTERS_H

#define ATA_SECTOR_WORDS 256 /* of 16 bits, in a sector of 512 bytes */

/* Where the two channels of a PC are, unless PCI says otherwise. [ATA6 annex B] [PCI-IDE 2] */
#define ATA_PRIMARY_COMMAND   0x1F0
#define ATA_PRIMARY_CONTROL   0x3F6
#define ATA_PRIMARY_IRQ       14
#define ATA_SECONDARY_COMMAND 0x170
#define ATA_SECONDARY_CONTROL 0x376
#define ATA_SECONDARY_IRQ     15

/* Registers from the first command port on. Reading / writing may mean different things. */
enum ata_register {
    ATA_DATA = 0,
    ATA_ERROR = 1, /* written: features */
    ATA_FEATURES = 1,
    ATA_COUNT = 2,
    ATA_LBA_LOW = 3,
    ATA_LBA_MID = 4,
    ATA_LBA_HIGH = 5,
    ATA_DEVICE = 6,
    ATA_STATUS = 7, /* reading it takes the drive's interrupt request back */
    ATA_COMMAND = 7,
};

/* The status register; the same is read at the control port, without touching the interrupt. While
 * BSY is set the other bits mean nothing, and the drive ignores what is written. */
#define ATA_BSY  0x80
#define ATA_DRDY 0x40
#define ATA_DF   0x20 /* the drive has a fault */
#define ATA_DRQ  0x08 /* data wait to be moved */
#define ATA_ERR  0x01 /* see the error register */

/* The error register. */
#define ATA_ICRC 0x80 /* data were damaged on the cable */
#define ATA_UNC  0x40 /* a sector cannot be read */
#define ATA_MC   0x20
#define ATA_IDNF 0x10 /* there is no such sector */
#define ATA_MCR  0x08
#define ATA_ABRT 0x04 /* the drive gave the command up */
#define ATA_NM   0x02
#define ATA_AMNF 0x01

/* The device register. */
#define ATA_DEVICE_ONES 0xA0 /* always set by old hosts; ignored by newer drives */
#define ATA_DEVICE_LBA  0x40
#define ATA_DEVICE_DEV  0x10 /* the slave */

/* The device control register. */
#define ATA_CONTROL_HOB  0x80 /* registers show what was written before the last: LBA48 */
#define ATA_CONTROL_SRST 0x04
#define ATA_CONTROL_NIEN 0x02 /* no interrupts */

/* What LBA mid and high hold after a command that the device does not have. [ATA6 9.12] */
#define ATA_SIGNATURE_ATAPI  0xEB14
#define ATA_SIGNATURE_SATAPI 0x9669

/* The commands that are used, [ATA8 7]. */
#define ATA_READ_SECTORS       0x20
#define ATA_READ_SECTORS_EXT   0x24
#define ATA_READ_DMA_EXT       0x25
#define ATA_READ_MULTIPLE_EXT  0x29
#define ATA_WRITE_SECTORS      0x30
#define ATA_WRITE_SECTORS_EXT  0x34
#define ATA_WRITE_DMA_EXT      0x35
#define ATA_WRITE_MULTIPLE_EXT 0x39
#define ATA_READ_MULTIPLE      0xC4
#define ATA_WRITE_MULTIPLE     0xC5
#define ATA_SET_MULTIPLE_MODE  0xC6
#define ATA_READ_DMA           0xC8
#define ATA_WRITE_DMA          0xCA
#define ATA_FLUSH_CACHE        0xE7
#define ATA_FLUSH_CACHE_EXT    0xEA
#define ATA_IDENTIFY_DEVICE    0xEC
#define ATA_SET_FEATURES       0xEF

/* What SET FEATURES does. */
#define ATA_FEATURE_TRANSFER_MODE   0x03
#define ATA_FEATURE_WRITE_CACHE_OFF 0x82
#define ATA_MODE_MULTIWORD_DMA      0x20 /* mode 0; plus the number of the mode */

/* A command's addresses and counts. */
#define ATA_LBA28_END     0x0FFFFFFFull /* the first sector that the short form cannot reach */
#define ATA_LBA48_END     0x1000000000000ull
#define ATA_COUNT_MAX     256 /* sectors; 0 in the register */
#define ATA_COUNT_MAX_EXT 65536
#define ATA_DRQ_BLOCK_MAX 16 /* sectors of READ MULTIPLE that we ask for */

/* The bus master, from its first port on. [BMIDE 2] */
enum ata_master_register {
    ATA_MASTER_COMMAND = 0,
    ATA_MASTER_STATUS = 2,
    ATA_MASTER_TABLE = 4, /* 32 bits: where the table of regions is */
};
#define ATA_MASTER_PORTS  8    /* of a channel */
#define ATA_MASTER_START  0x01 /* command */
#define ATA_MASTER_TO_RAM 0x08 /* command: the drive is read */
#define ATA_MASTER_ACTIVE 0x01 /* status */
#define ATA_MASTER_ERROR  0x02 /* status; cleared by writing 1 */
#define ATA_MASTER_IRQ    0x04 /* status; cleared by writing 1 */
#define ATA_MASTER_KEEP   0x60 /* status: notes of the BIOS about the drives */

/* PCI's interface byte of class 01/01. [PCI-IDE 2.1] */
#define ATA_PCI_PRIMARY_NATIVE   0x01 /* ports and interrupt of the channel are PCI's */
#define ATA_PCI_SECONDARY_NATIVE 0x04
#define ATA_PCI_MASTER           0x80

#endif
