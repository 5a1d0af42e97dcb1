/*
 * virtio_blk.h - disks of the kind that emulators and clouds offer: vblk0, vblk1, ... [VIRTIO 5.2]
 */
#ifndef SECTOR0_DRIVERS_VIRTIO_BLK_H
#define SECTOR0_DRIVERS_VIRTIO_BLK_H

/*
 * Find them, start them and register them with block.h. Context: start-up after pci_start, with
 * interrupts on, once.
 */
void virtio_blk_start(void);

#endif
