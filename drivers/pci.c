/* pci.c - see pci.h. [PCI 3.2.2.3] */
#include "drivers/pci.h"

#include "kernel/cpu/io.h"

#define CONFIG_ADDRESS       0xCF8
#define CONFIG_DATA          0xCFC
#define CONFIG_ENABLE        0x80000000u

#define DEVICES_PER_BUS      32
#define FUNCTIONS_PER_DEVICE 8

bool pci_present(void)
{
    uint32_t before = io_read32(CONFIG_ADDRESS);
    bool present;

    io_write32(CONFIG_ADDRESS, CONFIG_ENABLE);
    present = io_read32(CONFIG_ADDRESS) == CONFIG_ENABLE;
    io_write32(CONFIG_ADDRESS, before);
    return present;
}

uint32_t pci_read32(struct pci_address address, uint8_t offset)
{
    io_write32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)address.bus << 16 |
                                   (uint32_t)address.device << 11 |
                                   (uint32_t)address.function << 8 | (offset & 0xFCu));
    return io_read32(CONFIG_DATA);
}

bool pci_find(uint16_t vendor, uint16_t device, struct pci_address *found)
{
    for (uint8_t slot = 0; slot < DEVICES_PER_BUS; slot++) {
        for (uint8_t function = 0; function < FUNCTIONS_PER_DEVICE; function++) {
            struct pci_address address = {0, slot, function};

            if (pci_read32(address, 0) == ((uint32_t)device << 16 | vendor)) {
                *found = address;
                return true;
            }
        }
    }
    return false;
}
