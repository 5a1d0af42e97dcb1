/*
 * pci.h - PCI configuration space, by the ports that every PC with PCI has.
 */
#ifndef SECTOR0_DRIVERS_PCI_H
#define SECTOR0_DRIVERS_PCI_H

#include <stdbool.h>
#include <stdint.h>

/* Where a function sits. */
struct pci_address {
    uint8_t bus;
    uint8_t device;   /* 0 to 31 */
    uint8_t function; /* 0 to 7 */
};

/* Is there PCI at all? Context: any. */
bool pci_present(void);

/*
 * The 32 bits at OFFSET, a multiple of 4 below 256; all ones if there is no such function. Context:
 * interrupts off, or no one else uses PCI.
 */
uint32_t pci_read32(struct pci_address address, uint8_t offset);

/*
 * Find the function with this VENDOR and DEVICE number on bus 0. Returns false if there is none.
 * Context: as pci_read32.
 */
bool pci_find(uint16_t vendor, uint16_t device, struct pci_address *found);

#endif
