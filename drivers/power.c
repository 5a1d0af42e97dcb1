/*
 * power.c - see power.h.
 *
 * Off: the sleep control register of the chipsets that QEMU and Bochs (and many PCs) have. Its
 * place is in PCI configuration space, so the ACPI tables are not needed.
 * [ACPI 4.8.3.2, PIIX4 7.2, ICH9 13.8]
 *
 * Each way may take effect a moment later: an emulator finishes the instruction, and more, before
 * it acts. So each is followed by a wait.
 *
 * Reset: the chipset's reset register comes first, as it resets everything. The keyboard controller
 * resets the CPU alone; some of its registers survive that, and the newer Bochs BIOS fails on them.
 */
#include "drivers/power.h"

#include <stddef.h>

#include "drivers/i8042.h"
#include "drivers/pci.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"

#define WAIT_MICROS         100000

#define PCI_PLACES          (32 * 8) /* on bus 0: devices, each with functions */

#define PM1_CONTROL         4 /* offset in the power management registers */
#define SLEEP_ENABLE        (1u << 13)
#define SLEEP_TYPE_SHIFT    10
#define PM_BASE_MASK        0xFFC0

#define QEMU_EXIT_PORT      0xF4
#define BOCHS_SHUTDOWN_PORT 0x8900
#define RESET_CONTROL       0xCF9
#define RESET_SYSTEM        0x02 /* hard reset, not only the CPU */
#define RESET_CPU           0x04 /* its rising edge resets */

/* Chipsets whose soft-off state we know, and where the base of their registers is. */
struct chipset {
    uint16_t vendor, device;
    uint8_t pm_base_offset;
    uint8_t sleep_type; /* for S5, soft off */
};

static const struct chipset chipsets[] = {
    {0x8086, 0x7113, 0x40, 0}, /* PIIX4: Bochs, QEMU pc */
    {0x8086, 0x2918, 0x40, 0}, /* ICH9 as QEMU q35 makes it */
    {0x8086, 0x2918, 0x40, 7}, /* ICH9 as Intel made it; 0 means "stay on" there */
};

/*
 * Looks at bus 0 itself, where all of them sit: the list that drivers/pci.h keeps may not be there
 * yet, or, in a panic, may be what is broken.
 */
static bool find_chipset(const struct chipset *chipset, struct pci_address *found)
{
    for (unsigned place = 0; place < PCI_PLACES; place++) {
        struct pci_address address = {0, (uint8_t)(place / 8), (uint8_t)(place % 8)};

        if (pci_read32(address, 0) == ((uint32_t)chipset->device << 16 | chipset->vendor)) {
            *found = address;
            return true;
        }
    }
    return false;
}

static void off_by_chipset(const struct chipset *chipset)
{
    struct pci_address address;
    uint16_t base;

    if (!find_chipset(chipset, &address)) {
        return;
    }
    base = (uint16_t)(pci_read32(address, chipset->pm_base_offset) & PM_BASE_MASK);
    if (base == 0) {
        return;
    }
    io_write16(base + PM1_CONTROL,
               (uint16_t)(SLEEP_ENABLE | (unsigned)chipset->sleep_type << SLEEP_TYPE_SHIFT));
    clock_wait(WAIT_MICROS);
}

static void off_by_bochs(void)
{
    for (const char *c = "Shutdown"; *c != '\0'; c++) {
        io_write8(BOCHS_SHUTDOWN_PORT, (uint8_t)*c);
    }
    clock_wait(WAIT_MICROS);
}

void power_off(void)
{
    cpu_save_interrupts();
    console_flush();
    if (pci_present()) {
        for (size_t i = 0; i < sizeof(chipsets) / sizeof(chipsets[0]); i++) {
            off_by_chipset(&chipsets[i]);
        }
    }
    off_by_bochs();
    kprintf("It is now safe to turn off the computer.\n");
    console_flush();
    cpu_halt();
}

void power_leave_emulator(unsigned char status)
{
    cpu_save_interrupts();
    console_flush();
    io_write8(QEMU_EXIT_PORT, status);
    clock_wait(WAIT_MICROS);
    off_by_bochs();
    power_off();
}

/*
 * With an empty IDT the next interrupt cannot be delivered, nor the fault that follows, nor the one
 * after that: the CPU gives up and the board resets it.
 */
static _Noreturn void reset_by_triple_fault(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } empty = {0, 0};

    __asm__ volatile("lidt %0; int3" : : "m"(empty));
    cpu_halt();
}

void power_reboot(void)
{
    cpu_save_interrupts();
    console_flush();
    if (pci_present()) {
        io_write8(RESET_CONTROL, RESET_SYSTEM);
        io_write8(RESET_CONTROL, RESET_SYSTEM | RESET_CPU);
        clock_wait(WAIT_MICROS);
    }
    i8042_reset_cpu();
    clock_wait(WAIT_MICROS);
    reset_by_triple_fault();
}
