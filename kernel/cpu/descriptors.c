/*
 * descriptors.c - see descriptors.h. [SDM3 3.4.5, 6.14, 7.7]
 *
 * In long mode segments have no base and no limit; what is left of them is the CPU mode in CS and a
 * place for the TSS, whose only use is the table of stacks: IST 1 to 3 are for the exceptions that
 * may find the current stack unusable.
 */
#include "kernel/cpu/descriptors.h"

#include <stdint.h>

#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/io.h"
#include "kernel/cpu/trap.h"
#include "kernel/image.h"

#define CODE_64           0x00AF9B000000FFFFull /* present, ring 0, code, 64-bit, accessed */
#define DATA              0x00CF93000000FFFFull /* present, ring 0, writable data, accessed */
#define TSS_AVAILABLE     0x89                  /* present, 64-bit TSS */
#define GATE_INTERRUPT    0x8E                  /* present, ring 0; the CPU turns interrupts off */

#define IST_DOUBLE_FAULT  1
#define IST_NMI           2
#define IST_MACHINE_CHECK 3

/* The CMOS index port: bit 7 keeps NMIs out. Index 0D is one that nothing depends on. */
#define CMOS_INDEX          0x70
#define CMOS_DATA           0x71
#define CMOS_NMI_ON_INDEX_D 0x0D

struct __attribute__((packed)) tss {
    uint32_t reserved0;
    uint64_t rsp[3]; /* for a change to ring 0-2; we never leave ring 0 */
    uint64_t reserved1;
    uint64_t ist[7]; /* stack tops of IST 1-7 */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map; /* at or beyond the limit: none */
};
_Static_assert(sizeof(struct tss) == 104, "TSS as the CPU knows it");

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "long mode gates are 16 bytes");

struct __attribute__((packed)) table_pointer {
    uint16_t limit; /* size - 1 */
    uint64_t base;
};

static struct tss tss __attribute__((aligned(16)));
static struct gate idt[TRAP_VECTORS] __attribute__((aligned(16)));
static uint64_t gdt[5] __attribute__((aligned(16)));

static void fill_tss(void)
{
    tss.ist[IST_DOUBLE_FAULT - 1] = (uintptr_t)double_fault_stack_top;
    tss.ist[IST_NMI - 1] = (uintptr_t)nmi_stack_top;
    tss.ist[IST_MACHINE_CHECK - 1] = (uintptr_t)machine_check_stack_top;
    tss.io_map = sizeof(tss);
}

static void fill_gdt(void)
{
    uint64_t base = (uintptr_t)&tss;

    gdt[KERNEL_CODE_SELECTOR / 8] = CODE_64;
    gdt[KERNEL_DATA_SELECTOR / 8] = DATA;
    /* A TSS descriptor scatters its address over 16 bytes: bits 0-23, 24-31, 32-63. */
    gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xFFFFFF) << 16 |
                            (uint64_t)TSS_AVAILABLE << 40 | (base >> 24 & 0xFF) << 56;
    gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
}

static void fill_idt(void)
{
    for (unsigned vector = 0; vector < TRAP_VECTORS; vector++) {
        uint64_t stub = (uintptr_t)trap_stubs[vector];

        idt[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = KERNEL_CODE_SELECTOR,
            .type = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    idt[EXCEPTION_DOUBLE_FAULT].ist = IST_DOUBLE_FAULT;
    idt[EXCEPTION_NMI].ist = IST_NMI;
    idt[EXCEPTION_MACHINE_CHECK].ist = IST_MACHINE_CHECK;
}

/*
 * The loader's selectors mean nothing in our GDT: every segment register is loaded anew, CS by a
 * far return, as there is no far jump to a 64-bit address.
 */
static void load_segments(void)
{
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovw %w1, %%ds\n\t"
                     "movw %w1, %%es\n\t"
                     "movw %w1, %%ss\n\t"
                     "movw %w2, %%fs\n\t"
                     "movw %w2, %%gs"
                     :
                     : "i"(KERNEL_CODE_SELECTOR), "r"(KERNEL_DATA_SELECTOR), "r"(0)
                     : "rax", "memory");
}

static void allow_nmi(void)
{
    io_write8(CMOS_INDEX, CMOS_NMI_ON_INDEX_D);
    io_read8(CMOS_DATA); /* the clock chip wants a data access after each index */
}

void descriptors_load(void)
{
    struct table_pointer gdt_pointer = {sizeof(gdt) - 1, (uintptr_t)gdt};
    struct table_pointer idt_pointer = {sizeof(idt) - 1, (uintptr_t)idt};

    fill_tss();
    fill_gdt();
    fill_idt();
    __asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
    load_segments();
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    __asm__ volatile("lidt %0" : : "m"(idt_pointer));
    allow_nmi();
    if (cpu_cpuid(1, 0).edx & CPUID_1_EDX_MCE) {
        cpu_write_cr4(cpu_read_cr4() | CR4_MCE);
    }
}
