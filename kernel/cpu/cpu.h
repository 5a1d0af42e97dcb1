/*
 * cpu.h - single instructions that C has no words for, and the bits they deal in [SDM3 2.5].
 * Context: any, unless said.
 */
#ifndef SECTOR0_KERNEL_CPU_CPU_H
#define SECTOR0_KERNEL_CPU_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define RFLAGS_ALWAYS           (1u << 1) /* reserved, always 1 */
#define RFLAGS_IF               (1u << 9)

#define CR0_MP                  (1u << 1)  /* TS holds for WAIT, too */
#define CR0_EM                  (1u << 2)  /* there is no floating point unit */
#define CR0_TS                  (1u << 3)  /* floating point and SSE are #NM exceptions */
#define CR0_NE                  (1u << 5)  /* x87 errors are #MF exceptions */
#define CR0_WP                  (1u << 16) /* the kernel, too, obeys read-only pages */

#define CR0_NOT_WRITE_THROUGH   (1u << 29)
#define CR0_CACHE_DISABLE       (1u << 30)

#define CR4_MCE                 (1u << 6)  /* a machine check is an exception, not a silent stop */
#define CR4_PGE                 (1u << 7)  /* global pages */
#define CR4_OSFXSR              (1u << 9)  /* SSE instructions; FXSAVE keeps their registers */
#define CR4_OSXMMEXCPT          (1u << 10) /* SSE errors are #XM exceptions */
#define CR4_UMIP                (1u << 11) /* user mode cannot read descriptor table registers */
#define CR4_SMEP                (1u << 20) /* the kernel cannot execute user pages ... */
#define CR4_SMAP                (1u << 21) /* ... nor use their data */

#define MSR_PAT                 0x277
#define MSR_EFER                0xC0000080
#define EFER_NXE                (1u << 11) /* bit 63 of a page table entry means "no execute" */

#define CPUID_1_ECX_HYPERVISOR  (1u << 31)
#define CPUID_1_EDX_MCE         (1u << 7)
#define CPUID_1_EDX_PGE         (1u << 13)
#define CPUID_1_EDX_PAT         (1u << 16)
#define CPUID_FEATURES          7u
#define CPUID_7_EBX_SMEP        (1u << 7)
#define CPUID_7_EBX_SMAP        (1u << 20)
#define CPUID_7_ECX_UMIP        (1u << 2)
#define CPUID_EXT_ADDRESS_SIZES 0x80000008u
#define CPUID_EXT_EDX_NX        (1u << 20)
#define CPUID_EXT_EDX_1GB       (1u << 26)

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpu_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result result;

    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

static inline uint64_t cpu_read_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t cpu_read_msr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

#define CPU_CONTROL_REGISTER(name)                                                                 \
    static inline uint64_t cpu_read_##name(void)                                                   \
    {                                                                                              \
        uint64_t value;                                                                            \
                                                                                                   \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value));                                     \
        return value;                                                                              \
    }                                                                                              \
    static inline void cpu_write_##name(uint64_t value)                                            \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                            \
    }
CPU_CONTROL_REGISTER(cr0)
CPU_CONTROL_REGISTER(cr2)
CPU_CONTROL_REGISTER(cr3)
CPU_CONTROL_REGISTER(cr4)

/* Forget what the CPU remembers of the translation of ADDRESS. */
static inline void cpu_invalidate_page(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* Write the cache line at ADDRESS back to memory, and forget it. */
static inline void cpu_flush_cache_line(const volatile void *address)
{
    __asm__ volatile("clflush (%0); mfence" : : "r"(address) : "memory");
}

static inline uint64_t cpu_read_flags(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    return flags;
}

static inline bool cpu_interrupts_are_on(void)
{
    return (cpu_read_flags() & RFLAGS_IF) != 0;
}

/* Turn interrupts off and return whether they were on: for cpu_restore_interrupts. */
static inline bool cpu_save_interrupts(void)
{
    bool were_on = cpu_interrupts_are_on();

    __asm__ volatile("cli" : : : "memory");
    return were_on;
}

static inline void cpu_restore_interrupts(bool were_on)
{
    if (were_on) {
        __asm__ volatile("sti" : : : "memory");
    }
}

static inline void cpu_enable_interrupts(void)
{
    __asm__ volatile("sti" : : : "memory");
}

/*
 * Turn interrupts on and sleep until one comes, with no gap between: STI takes effect one
 * instruction late, so an interrupt that arrives here ends the HLT. Interrupts are off afterwards.
 * Context: interrupts off, not from an interrupt.
 */
static inline void cpu_sleep_until_interrupt(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Stop for good. An NMI is handled and the CPU stops again. */
static inline _Noreturn void cpu_halt(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause");
}

#endif
