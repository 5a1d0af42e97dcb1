/*
 * pci_bar.c - see pci.h: how much a function's base address registers decode.
 *
 * Where a BAR is can be read. How large it is, only a write tells: the bits that stay 0 when all
 * ones are written are the size. [PCI 6.2.5.1] For that moment the BAR is at a nonsense place, so
 * the function must not decode then, and nobody may want anything of it: interrupts are off. An
 * emulator makes its map of memory anew whenever decoding changes, which takes it longer than all
 * of pci_scan.c, so a size is measured when somebody asks.
 */
#include "drivers/pci_internal.h"
#include "kernel/cpu/cpu.h"
#include "kernel/mm/vmap.h"

#define DECODES (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

/* Which bits of BAR INDEX can be set. Context: interrupts off. */
static uint32_t read_mask(struct pci_address address, unsigned index)
{
    uint32_t before, mask;

    pci_select(address, pci_bar_offset(index));
    before = io_read32(PCI_CONFIG_DATA);
    io_write32(PCI_CONFIG_DATA, 0xFFFFFFFF);
    mask = io_read32(PCI_CONFIG_DATA);
    io_write32(PCI_CONFIG_DATA, before);
    return mask;
}

/* The lowest bit that can be set is the size, whatever the higher ones are. */
static uint64_t size_of(uint64_t mask)
{
    return mask & (~mask + 1);
}

static uint64_t measure(const struct pci_function *function, unsigned index, unsigned count)
{
    const struct pci_bar *bar = &function->bar[index];
    uint64_t mask = read_mask(function->address, index);

    if (bar->io) {
        return size_of(mask & ~PCI_BAR_IO_BITS);
    }
    if (!bar->is_64) {
        return size_of(mask & ~PCI_BAR_MEMORY_BITS);
    }
    if (index + 1 == count) {
        return 0;
    }
    mask |= (uint64_t)read_mask(function->address, index + 1) << 32;
    return size_of(mask & ~(uint64_t)PCI_BAR_MEMORY_BITS);
}

static void measure_all(struct pci_function *function)
{
    unsigned count = pci_bar_count(function);
    bool were_on = cpu_save_interrupts();
    uint16_t command = pci_read16(function->address, PCI_COMMAND);

    if (command & DECODES) {
        pci_write16(function->address, PCI_COMMAND, (uint16_t)(command & ~DECODES));
    }
    for (unsigned index = 0; index < count; index++) {
        function->bar[index].measured = measure(function, index, count);
        index += function->bar[index].is_64;
    }
    if (command & DECODES) {
        pci_write16(function->address, PCI_COMMAND, command);
    }
    cpu_restore_interrupts(were_on);
}

/*
 * A host bridge is left alone: some lead the CPU's accesses to memory, or to configuration space,
 * only while they decode. No driver needs its BARs.
 */
uint64_t pci_bar_size(const struct pci_function *function, unsigned index)
{
    /* Users get functions for reading; their memory is pci_scan.c's, which may write. */
    struct pci_function *own = (struct pci_function *)(uintptr_t)function;
    bool host = function->class_code == PCI_CLASS_BRIDGE && function->subclass == PCI_SUBCLASS_HOST;

    if (!own->measured && !host) {
        measure_all(own);
        own->measured = true;
    }
    return index < PCI_BARS ? own->bar[index].measured : 0;
}

volatile void *pci_map(const struct pci_function *function, unsigned index, uint64_t offset,
                       size_t length)
{
    uint64_t size = pci_bar_size(function, index); /* 0 for an index that there is not */

    if (length == 0 || offset >= size || length > size - offset || function->bar[index].io ||
        function->bar[index].base == 0) {
        return NULL;
    }
    return vmap(function->bar[index].base + offset, length, VMAP_UNCACHED);
}
