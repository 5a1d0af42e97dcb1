/*
 * ata.h - ATA disks: those on the IDE controllers that PCI shows, or on the two channels of a PC
 * without PCI. They become block devices "ata0" and so on.
 */
#ifndef SECTOR0_DRIVERS_ATA_H
#define SECTOR0_DRIVERS_ATA_H

/*
 * Find all drives and register the disks among them, in order of controller, channel, master before
 * slave. Context: start-up, once, interrupts on; after pci_start.
 */
void ata_start(void);

#endif
