/*
 * test_pci.c - PCI on the machine that there is: what the scan remembers is what the registers say,
 * sizes are measured without a trace, and what is mapped is the device.
 */
#include "drivers/pci.h"
#include "kernel/mm/vmap.h"
#include "tests/kernel/guest_test.h"

#define CLASS 0x08
#define BAR0  0x10

static void need_pci(void)
{
    if (!pci_present()) {
        guest_test_skip("this machine has no PCI");
    }
}

static unsigned order(struct pci_address address)
{
    return (unsigned)address.bus << 8 | (unsigned)address.device << 3 | address.function;
}

GUEST_TEST(pci_scan_is_what_registers_say)
{
    const struct pci_function *function = NULL;
    int before = -1;

    need_pci();
    CHECK(pci_next(NULL) != NULL, "no function");
    while ((function = pci_next(function)) != NULL) {
        int now = (int)order(function->address);

        CHECK(now > before, "%04x comes behind %04x", now, before);
        CHECK(pci_read16(function->address, 0) == function->vendor &&
                  pci_read16(function->address, 2) == function->device,
              "%04x", now);
        CHECK(pci_read32(function->address, CLASS) >> 16 ==
                  ((uint32_t)function->class_code << 8 | function->subclass),
              "%04x", now);
        CHECK(pci_find(function->vendor, function->device) <= function, "%04x", now);
        before = now;
    }
}

/* A place on every machine: bus 0 begins with the host bridge; the last place is nobody's. */
GUEST_TEST(pci_has_a_host_bridge)
{
    const struct pci_function *first = pci_next(NULL);

    need_pci();
    CHECK(first != NULL && order(first->address) == 0, "at 0:0.0");
    CHECK(first->class_code == 6 && first->subclass == 0, "class %x", first->class_code);
    CHECK(pci_read32((struct pci_address){255, 31, 7}, 0) == UINT32_MAX, "at ff:1f.7");
    CHECK(pci_read8((struct pci_address){255, 31, 7}, 3) == UINT8_MAX, "one byte of it");
}

/* Each size is a power of two at which the place is aligned, and all registers are as before. */
GUEST_TEST(pci_bars_are_measured_without_a_trace)
{
    const struct pci_function *function = NULL;

    need_pci();
    while ((function = pci_next(function)) != NULL) {
        uint32_t before[PCI_BARS];
        uint16_t command = pci_read16(function->address, PCI_COMMAND);

        for (unsigned i = 0; i < PCI_BARS; i++) {
            before[i] = pci_read32(function->address, (uint8_t)(BAR0 + 4 * i));
        }
        for (unsigned i = 0; i < PCI_BARS; i++) {
            uint64_t size = pci_bar_size(function, i);

            CHECK((size & (size - 1)) == 0, "BAR %u: %llx bytes", i, (unsigned long long)size);
            CHECK(size == 0 || function->bar[i].base % size == 0, "BAR %u at %llx", i,
                  (unsigned long long)function->bar[i].base);
        }
        for (unsigned i = 0; i < PCI_BARS; i++) {
            CHECK(pci_read32(function->address, (uint8_t)(BAR0 + 4 * i)) == before[i], "BAR %u", i);
        }
        CHECK(pci_read16(function->address, PCI_COMMAND) == command, "command");
    }
}

/* QEMU's video card shows the registers of its extensions in BAR 2; the first holds their version. */
GUEST_TEST(pci_map_shows_the_device)
{
    const struct pci_function *video = pci_find(0x1234, 0x1111);

    if (video == NULL || pci_bar_size(video, 2) == 0) {
        guest_test_skip("QEMU's video card is not there");
    }
    volatile uint16_t *version = pci_map(video, 2, 0x500, 2);

    CHECK(version != NULL, "no memory");
    CHECK((*version & 0xFFF0) == 0xB0C0, "%04x", *version);
    CHECK(pci_map(video, 2, pci_bar_size(video, 2), 1) == NULL, "behind its end");
    vunmap((void *)(uintptr_t)version);
}
