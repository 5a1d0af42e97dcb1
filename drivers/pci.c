/*
 * pci.c - see pci.h: the way to configuration space, and what drivers do there.
 *
 * Configuration mechanism 1: the address goes to one port, then the other one shows four bytes of
 * that place. The two belong together, so interrupts are off in between; no lock is held, so that a
 * panic may use this, too. [PCI 3.2.2.3.2]
 */
#include "drivers/pci.h"

#include <assert.h>

#include "drivers/pci_internal.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"

/* Capabilities stand behind the header, each at a multiple of 4. [PCI 6.7] */
#define CAPABILITIES_FIRST 0x40
#define CAPABILITIES_MAX   ((256 - CAPABILITIES_FIRST) / 4)
#define CAPABILITY_NEXT    1 /* offset in it */
static_assert(CAPABILITIES_MAX <= 64, "pci_capability has a bit for each");

bool pci_present(void)
{
    bool were_on = cpu_save_interrupts();
    uint32_t before = io_read32(PCI_CONFIG_ADDRESS);
    bool present;

    io_write32(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE);
    present = io_read32(PCI_CONFIG_ADDRESS) == PCI_CONFIG_ENABLE;
    io_write32(PCI_CONFIG_ADDRESS, before);
    cpu_restore_interrupts(were_on);
    return present;
}

/* The port of PCI_CONFIG_DATA's four that shows OFFSET after pci_select. */
static uint16_t data_port(uint8_t offset)
{
    return (uint16_t)(PCI_CONFIG_DATA + offset % 4);
}

#define PCI_ACCESS(bits)                                                                           \
    uint##bits##_t pci_read##bits(struct pci_address address, uint8_t offset)                      \
    {                                                                                              \
        bool were_on = cpu_save_interrupts();                                                      \
        uint##bits##_t value;                                                                      \
                                                                                                   \
        pci_select(address, offset);                                                               \
        value = io_read##bits(data_port(offset));                                                  \
        cpu_restore_interrupts(were_on);                                                           \
        return value;                                                                              \
    }                                                                                              \
    void pci_write##bits(struct pci_address address, uint8_t offset, uint##bits##_t value)         \
    {                                                                                              \
        bool were_on = cpu_save_interrupts();                                                      \
                                                                                                   \
        pci_select(address, offset);                                                               \
        io_write##bits(data_port(offset), value);                                                  \
        cpu_restore_interrupts(were_on);                                                           \
    }
PCI_ACCESS(8)
PCI_ACCESS(16)
PCI_ACCESS(32)

/* Where the list of capabilities begins; 0 if the function has none. */
static uint8_t first_capability(const struct pci_function *function)
{
    bool cardbus = function->header_type == PCI_HEADER_CARDBUS;

    if (function->header_type > PCI_HEADER_CARDBUS ||
        !(pci_read16(function->address, PCI_STATUS) & PCI_STATUS_CAPABILITIES)) {
        return 0;
    }
    return pci_read8(function->address, cardbus ? PCI_CAPABILITIES_CARDBUS : PCI_CAPABILITIES);
}

/*
 * Always from the beginning of the list, so that what is behind AFTER is told apart from what was
 * there before it: in a ring, too, a caller who goes on from each result comes to an end.
 */
uint8_t pci_capability(const struct pci_function *function, uint8_t number, uint8_t after)
{
    uint64_t seen = 0; /* one bit for each place */
    bool behind = after == 0;
    uint8_t place = first_capability(function) & 0xFC;

    while (place >= CAPABILITIES_FIRST && !(seen >> (place - CAPABILITIES_FIRST) / 4 & 1)) {
        uint16_t both = pci_read16(function->address, place);

        seen |= 1ull << (place - CAPABILITIES_FIRST) / 4;
        if (behind && (number == PCI_CAP_ANY || (uint8_t)both == number)) {
            return place;
        }
        behind = behind || place == after;
        place = both >> 8 * CAPABILITY_NEXT & 0xFC;
    }
    return 0;
}

void pci_enable(const struct pci_function *function, uint16_t bits)
{
    bool were_on = cpu_save_interrupts();
    uint16_t before = pci_read16(function->address, PCI_COMMAND);
    uint16_t after = (uint16_t)((before | bits) & ~PCI_COMMAND_INTX_OFF);

    if (after != before) { /* an emulator makes its map of memory anew at each write */
        pci_write16(function->address, PCI_COMMAND, after);
    }
    cpu_restore_interrupts(were_on);
}
