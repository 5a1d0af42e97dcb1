/*
 * pci.h - PCI: which functions there are, and what a driver needs of them. Configuration space is
 * reached by the two ports that every PC with PCI has. [PCI 3.2.2.3]
 *
 * pci_start looks for all functions once and keeps what it read. What the BIOS has set up (bus
 * numbers, BARs, interrupt lines) is used as it is.
 */
#ifndef SECTOR0_DRIVERS_PCI_H
#define SECTOR0_DRIVERS_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a function sits. */
struct pci_address {
    uint8_t bus;
    uint8_t device;   /* 0 to 31 */
    uint8_t function; /* 0 to 7 */
};

#define PCI_BARS   6
#define PCI_NO_IRQ 0xFF

/* Offsets in configuration space. [PCI 6.1] */
#define PCI_COMMAND 0x04
#define PCI_STATUS  0x06

/* Bits of PCI_COMMAND. */
#define PCI_COMMAND_IO       0x0001
#define PCI_COMMAND_MEMORY   0x0002
#define PCI_COMMAND_MASTER   0x0004
#define PCI_COMMAND_INTX_OFF 0x0400

/* Capability numbers. [PCI H] */
#define PCI_CAP_ANY    0x00 /* in a search: whatever it is */
#define PCI_CAP_MSI    0x05
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

/* What a base address register decodes; how much of it is said by pci_bar_size. */
struct pci_bar {
    uint64_t base; /* port, or physical address; 0: none, or the BIOS gave it no place */
    bool io, is_64, prefetch;
    uint64_t measured; /* pci_bar.c's own */
};

struct pci_function {
    struct pci_address address;
    uint16_t vendor, device;
    uint16_t subsystem_vendor, subsystem; /* 0 for bridges */
    uint8_t class_code, subclass, interface, revision;
    uint8_t header_type; /* without the multi-function bit: 0 device, 1 bridge to PCI */
    uint8_t irq;         /* the line that the BIOS has routed INTx to, PCI_NO_IRQ if none */
    uint8_t pin;         /* 0 none, 1 INTA to 4 INTD */
    struct pci_bar bar[PCI_BARS];
    bool measured; /* pci_bar.c's own */
};

/* Is there PCI at all? Context: any. */
bool pci_present(void);

/*
 * Find all functions, by the bridges, or on all 256 buses if the bridges make no sense. Context:
 * start-up, once, interrupts off.
 */
void pci_start(void);

/* The function after PREVIOUS, in order of address; NULL begins, and ends. Context: any. */
const struct pci_function *pci_next(const struct pci_function *previous);

/* The first with this VENDOR and DEVICE number, or NULL. Context: any, after pci_start. */
const struct pci_function *pci_find(uint16_t vendor, uint16_t device);

/*
 * Configuration space at OFFSET, a multiple of the size, below 256; all ones where there is no such
 * function. Context: any.
 */
uint8_t pci_read8(struct pci_address address, uint8_t offset);
uint16_t pci_read16(struct pci_address address, uint8_t offset);
uint32_t pci_read32(struct pci_address address, uint8_t offset);
void pci_write8(struct pci_address address, uint8_t offset, uint8_t value);
void pci_write16(struct pci_address address, uint8_t offset, uint16_t value);
void pci_write32(struct pci_address address, uint8_t offset, uint32_t value);

/*
 * The offset of the capability NUMBER behind AFTER (0: the first); 0 if there is none. A list that
 * runs in a circle ends. Context: any.
 */
uint8_t pci_capability(const struct pci_function *function, uint8_t number, uint8_t after);

/*
 * How many bytes BAR INDEX decodes, 0 if there is no such BAR. The first call for a function turns
 * what it decodes off for some microseconds; under QEMU that takes half a millisecond. Context:
 * any, but not in two threads at once.
 */
uint64_t pci_bar_size(const struct pci_function *function, unsigned index);

/* Turn on what BITS, of PCI_COMMAND, name, and INTx. Context: any. */
void pci_enable(const struct pci_function *function, uint16_t bits);

/*
 * Map LENGTH bytes from OFFSET on of memory BAR INDEX, uncached. NULL: not a memory BAR, beyond its
 * end, or no memory. Context: not from an interrupt.
 */
volatile void *pci_map(const struct pci_function *function, unsigned index, uint64_t offset,
                       size_t length);

/*
 * Names for people, NULL if the table has none. A class has one name for all subclasses that have
 * none of their own. Context: any.
 */
const char *pci_vendor_name(uint16_t vendor);
const char *pci_device_name(uint16_t vendor, uint16_t device);
const char *pci_class_name(uint8_t class_code, uint8_t subclass);

#endif
