/*
 * nmi_timer.c - see nmi_timer.h. [SDM3 10.4, 10.6, IOAPIC 3.2]
 *
 *   PIT --+--> PIC (IRQ 0) ------> local APIC, LINT0 as ExtINT --> interrupt
 *         +--> IO-APIC (pin 2) --> local APIC -------------------> NMI
 *
 * The PIC stays in charge of interrupts; of the IO-APIC only pin 2 is used, where every PC with one
 * has the PIT. Its address is the one that all chipsets start with: a machine that has it elsewhere
 * is told to have none.
 */
#include "drivers/nmi_timer.h"

#include <stdint.h>

#include "kernel/cpu/cpu.h"
#include "kernel/mm/vmap.h"

#define CPUID_1_EDX_APIC  (1u << 9)
#define MSR_APIC_BASE     0x1B
#define APIC_BASE_ENABLE  (1u << 11)
#define APIC_BASE_X2APIC  (1u << 10)
#define APIC_BASE_ADDRESS 0xFFFFFF000ull

/* Registers of the local APIC, in 32-bit words. */
#define APIC_WORDS           0x400
#define APIC_ID              (0x20 / 4)
#define APIC_ID_SHIFT        24
#define APIC_SPURIOUS        (0xF0 / 4)
#define APIC_SPURIOUS_ENABLE (1u << 8)
#define APIC_LINT0           (0x350 / 4)
#define LVT_EXTINT           0x700

#define IOAPIC_ADDRESS       0xFEC00000
#define IOAPIC_BYTES         0x20
#define IOAPIC_SELECT        0
#define IOAPIC_WINDOW        (0x10 / 4)
#define IOAPIC_VERSION       1
#define IOAPIC_ENTRY         0x10 /* entry n: registers 10h + 2n and the next one */
#define IOAPIC_PINS_SHIFT    16
#define PIT_PIN              2
#define ENTRY_NMI            0x400 /* edge, active high, physical destination */

static volatile uint32_t *map(uint64_t phys, uint64_t size)
{
    return vmap(phys, size, VMAP_UNCACHED);
}

/* The PIC's interrupts come in through LINT0 once the local APIC is on. */
static volatile uint32_t *start_local_apic(void)
{
    uint64_t base = cpu_read_msr(MSR_APIC_BASE);

    if (base & APIC_BASE_X2APIC) {
        return NULL;
    }
    cpu_write_msr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    volatile uint32_t *apic = map(base & APIC_BASE_ADDRESS, APIC_WORDS * sizeof(uint32_t));

    if (apic != NULL) {
        apic[APIC_LINT0] = LVT_EXTINT;
        apic[APIC_SPURIOUS] |= APIC_SPURIOUS_ENABLE | 0xFF;
    }
    return apic;
}

static uint32_t ioapic_read(volatile uint32_t *ioapic, uint32_t index)
{
    ioapic[IOAPIC_SELECT] = index;
    return ioapic[IOAPIC_WINDOW];
}

static void ioapic_write(volatile uint32_t *ioapic, uint32_t index, uint32_t value)
{
    ioapic[IOAPIC_SELECT] = index;
    ioapic[IOAPIC_WINDOW] = value;
}

const char *nmi_timer_start(void)
{
    if (!(cpu_cpuid(1, 0).edx & CPUID_1_EDX_APIC)) {
        return "no local APIC";
    }
    volatile uint32_t *ioapic = map(IOAPIC_ADDRESS, IOAPIC_BYTES);

    /* Where nothing answers, all bits are 0 or 1; an IO-APIC has at most 240 pins. */
    uint32_t last_pin =
        ioapic != NULL ? ioapic_read(ioapic, IOAPIC_VERSION) >> IOAPIC_PINS_SHIFT & 0xFF : 0;

    if (last_pin < PIT_PIN || last_pin >= 240) {
        return "no IO-APIC";
    }
    volatile uint32_t *apic = start_local_apic();

    if (apic == NULL) {
        return "the local APIC cannot be used";
    }
    ioapic_write(ioapic, IOAPIC_ENTRY + 2 * PIT_PIN + 1, apic[APIC_ID] >> APIC_ID_SHIFT << 24);
    ioapic_write(ioapic, IOAPIC_ENTRY + 2 * PIT_PIN, ENTRY_NMI);
    return NULL;
}
