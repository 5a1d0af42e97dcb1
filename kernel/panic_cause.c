/*
 * panic_cause.c - why the exception may have come, in words: what a person would find out next with
 * the registers and the page tables in hand. [SDM3 6.15]
 */
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/io.h"
#include "kernel/cpu/probe.h"
#include "kernel/mm/paging.h"
#include "kernel/panic_report.h"
#include "kernel/sched/thread.h"

#define NULL_REACH        0x10000 /* how far from a null pointer a field or element may lie */
#define CANONICAL_BITS    48
#define PUSH_REACH        256 /* bytes below RSP that the CPU writes when it delivers something */
#define CODE_BYTES        8

#define CPUID_1_EDX_MCA   (1u << 14)
#define MSR_MCG_CAP       0x179
#define MSR_MC0_STATUS    0x401
#define MSR_MC0_ADDRESS   0x402
#define MC_STATUS_VALID   (1ull << 63)
#define MC_STATUS_ADDRESS (1ull << 58)

#define NMI_STATUS        0x61 /* system control port B */
#define NMI_IO_CHECK      (1u << 6)
#define NMI_MEMORY_ERROR  (1u << 7)

static bool is_canonical(uint64_t address)
{
    int64_t top = (int64_t)address >> (CANONICAL_BITS - 1);

    return top == 0 || top == -1;
}

static void explain_walk(uint64_t address)
{
    static const char *const tables[] = {"page table", "page directory", "page directory pointers",
                                         "PML4"};
    struct walk walk;
    unsigned end = paging_walk(address, &walk);

    if (end == WALK_MAPPED) {
        kprintf("Its page of %llu KiB is %s and %sexecutable.\n",
                (unsigned long long)(walk.page_size / 1024),
                walk.writable ? "writable" : "read-only", walk.executable ? "" : "not ");
    } else if (end <= PAGETABLE_LEVELS && walk.count > 0) {
        kprintf("The walk ended at level %u: entry %u of the %s is not present.\n", end,
                walk.step[walk.count - 1].index, tables[end - 1]);
    } else {
        kprintf("The page tables on the way there cannot be read.\n");
    }
}

/* If ADDRESS is in the page below a stack, say whose. */
static bool explain_guard(uint64_t address)
{
    const char *fixed = backtrace_stack_guarded(address);
    const char *thread = thread_of_guard(address);

    if (fixed == NULL && thread == NULL) {
        return false;
    }
    kprintf(thread != NULL ? "%016llx is below the stack of thread `%s`: stack overflow.\n"
                           : "%016llx is below the %s stack: stack overflow.\n",
            (unsigned long long)address, thread != NULL ? thread : fixed);
    return true;
}

static void explain_page_fault(uint64_t cr2)
{
    if (explain_guard(cr2)) {
        return;
    }
    if (cr2 < NULL_REACH) {
        kprintf("A null pointer + %#llx.\n", (unsigned long long)cr2);
    } else if (-cr2 < NULL_REACH) {
        kprintf("A null pointer - %#llx.\n", (unsigned long long)-cr2);
    }
    explain_walk(cr2);
}

/* The CPU could not deliver another exception; mostly because it could not push. */
static void explain_double_fault(const struct panic_state *state)
{
    uint64_t rsp = state->frame.rsp;

    if (rsp - state->cr2 <= PUSH_REACH) {
        kprintf("The CPU could not push below RSP.\n");
        explain_page_fault(state->cr2);
    } else if (!is_canonical(rsp)) {
        kprintf("RSP is not a canonical address.\n");
    } else {
        explain_guard(rsp - 1);
    }
}

static void explain_general_protection(const struct panic_state *state)
{
    if (state->frame.error != 0) {
        return; /* it names a selector, and the first line has that */
    }
    for (unsigned i = 0; i < PANIC_REGISTERS; i++) {
        const char *name;
        uint64_t value;

        panic_register(&state->frame, i, &name, &value);
        if (!is_canonical(value)) {
            kprintf("Perhaps: %s is not a canonical address.\n", name);
        }
    }
}

static void explain_opcode(uint64_t rip)
{
    uint8_t code[CODE_BYTES];

    if (!cpu_probe_read(code, rip, sizeof(code))) {
        return;
    }
    kprintf("The bytes there:");
    for (unsigned i = 0; i < sizeof(code); i++) {
        kprintf(" %02x", code[i]);
    }
    kprintf(".\n");
}

static void explain_nmi(void)
{
    uint8_t status = io_read8(NMI_STATUS);

    kprintf("The chipset reports %s.\n", status & NMI_MEMORY_ERROR ? "a memory error"
                                         : status & NMI_IO_CHECK   ? "an error of a device"
                                                                   : "no hardware error");
}

/* What the banks of error registers hold [SDM3 15.3]. */
static void explain_machine_check(void)
{
    unsigned banks = cpu_cpuid(1, 0).edx & CPUID_1_EDX_MCA ? cpu_read_msr(MSR_MCG_CAP) & 0xFF : 0;

    for (unsigned bank = 0; bank < banks; bank++) {
        uint64_t status = cpu_read_msr(MSR_MC0_STATUS + 4 * bank);

        if (status & MC_STATUS_VALID) {
            kprintf("Bank %u says %016llx", bank, (unsigned long long)status);
            if (status & MC_STATUS_ADDRESS) {
                kprintf(" of %llx", (unsigned long long)cpu_read_msr(MSR_MC0_ADDRESS + 4 * bank));
            }
            kprintf(".\n");
        }
    }
}

void panic_print_cause(const struct panic_state *state)
{
    if (!state->exception) {
        return;
    }
    switch (state->frame.vector) {
    case EXCEPTION_PAGE_FAULT:
        explain_page_fault(state->cr2);
        break;
    case EXCEPTION_DOUBLE_FAULT:
        explain_double_fault(state);
        break;
    case EXCEPTION_GENERAL_PROTECTION:
        explain_general_protection(state);
        break;
    case EXCEPTION_UNDEFINED:
        explain_opcode(state->frame.rip);
        break;
    case EXCEPTION_NO_FPU:
        kprintf("Floating point or SSE in a thread that was created without THREAD_FPU.\n");
        break;
    case EXCEPTION_NMI:
        explain_nmi();
        break;
    case EXCEPTION_MACHINE_CHECK:
        explain_machine_check();
        break;
    }
}
