/*
 * pci_internal.h - what the files of drivers/pci*.c share: the two ports, and the registers that
 * drivers need not know.
 */
#ifndef SECTOR0_DRIVERS_PCI_INTERNAL_H
#define SECTOR0_DRIVERS_PCI_INTERNAL_H

#include "drivers/pci.h"
#include "kernel/cpu/io.h"

#define PCI_CONFIG_ADDRESS       0xCF8
#define PCI_CONFIG_DATA          0xCFC
#define PCI_CONFIG_ENABLE        0x80000000u

#define PCI_BUSES                256
#define PCI_FUNCTIONS_PER_DEVICE 8
#define PCI_PLACES_PER_BUS       (32 * PCI_FUNCTIONS_PER_DEVICE)

/* Offsets in configuration space, and what is there. [PCI 6.1] */
#define PCI_CLASS                0x08 /* revision, interface, subclass, class */
#define PCI_HEADER_TYPE          0x0E
#define PCI_BAR0                 0x10
#define PCI_BUS_NUMBERS          0x18 /* of a bridge: primary, secondary, subordinate */
#define PCI_SUBSYSTEM            0x2C /* vendor, device */
#define PCI_CAPABILITIES         0x34
#define PCI_CAPABILITIES_CARDBUS 0x14
#define PCI_INTERRUPT            0x3C /* line, pin */

#define PCI_HEADER_DEVICE        0
#define PCI_HEADER_BRIDGE        1
#define PCI_HEADER_CARDBUS       2
#define PCI_MULTI_FUNCTION       0x80
#define PCI_STATUS_CAPABILITIES  0x0010

#define PCI_CLASS_BRIDGE         0x06
#define PCI_SUBCLASS_HOST        0x00

/* Bits of a base address register. [PCI 6.2.5.1] */
#define PCI_BAR_IO          0x1u
#define PCI_BAR_IO_BITS     0x3u /* that are no address */
#define PCI_BAR_TYPE        0x6u
#define PCI_BAR_TYPE_64     0x4u
#define PCI_BAR_PREFETCH    0x8u
#define PCI_BAR_MEMORY_BITS 0xFu

#define PCI_PORTS           0x10000u /* that the CPU can reach */

/* Lines, each with a NUL behind it; an empty one is the end. See pci_lookup.c. */
extern const char pci_names[];

/*
 * Choose the four bytes that PCI_CONFIG_DATA shows from now on. Context: interrupts off until the
 * last access, as a handler may choose others.
 */
static inline void pci_select(struct pci_address address, uint8_t offset)
{
    io_write32(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE | (uint32_t)address.bus << 16 |
                                       (uint32_t)address.device << 11 |
                                       (uint32_t)address.function << 8 | (offset & 0xFCu));
}

/* The address with that number, below PCI_PLACES_PER_BUS, of BUS: functions in a row. */
static inline struct pci_address pci_place(uint8_t bus, unsigned number)
{
    return (struct pci_address){bus, (uint8_t)(number / PCI_FUNCTIONS_PER_DEVICE),
                                number % PCI_FUNCTIONS_PER_DEVICE};
}

/* How many registers for BARs FUNCTION has. */
static inline unsigned pci_bar_count(const struct pci_function *function)
{
    static const uint8_t counts[] = {
        [PCI_HEADER_DEVICE] = PCI_BARS, [PCI_HEADER_BRIDGE] = 2, [PCI_HEADER_CARDBUS] = 1};

    return function->header_type <= PCI_HEADER_CARDBUS ? counts[function->header_type] : 0;
}

static inline uint8_t pci_bar_offset(unsigned index)
{
    return (uint8_t)(PCI_BAR0 + 4 * index);
}

#endif
