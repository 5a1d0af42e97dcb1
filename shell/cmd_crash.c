/*
 * cmd_crash.c - crash: each way in which a kernel can fail, on purpose, to see what it says then.
 *
 * The faults are made with single instructions, so that no compiler can reason them away. None of
 * them returns if the kernel is right.
 */
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/image.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "shell/commands.h"

#define UNMAPPED      0xFFFF900000000000ull /* canonical, in no page table of ours */
#define NOT_CANONICAL 0x0000900000000000ull /* bits 48-63 differ from bit 47 */

static void read_at(uint64_t address)
{
    __asm__ volatile("movb (%0), %%al" : : "r"(address) : "rax", "memory");
}

static void crash_de(void)
{
    __asm__ volatile("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx" : : : "rax", "rcx", "rdx");
}

static void crash_ud(void)
{
    __asm__ volatile("ud2");
}

static void crash_bp(void)
{
    __asm__ volatile("int3");
}

static void crash_gp(void)
{
    read_at(NOT_CANONICAL);
}

static void crash_pf_read(void)
{
    read_at(UNMAPPED);
}

static void crash_pf_write(void)
{
    __asm__ volatile("movb $0, (%0)" : : "r"(kernel_text_start) : "memory");
}

/* Data is not executable; on a CPU without NX it is, so there we jump to where nothing is. */
static void crash_pf_exec(void)
{
    static char data[16];
    uint64_t target = cpu_read_msr(MSR_EFER) & EFER_NXE ? (uintptr_t)data : UNMAPPED;

    __asm__ volatile("call *%0" : : "r"(target) : "memory");
}

static void crash_null(void)
{
    read_at(0);
}

/*
 * The CPU cannot push the breakpoint's frame on an unmapped stack, nor the page fault's that this
 * causes: that is a double fault.
 */
static void crash_df(void)
{
    __asm__ volatile("movq %0, %%rsp; int3" : : "r"(UNMAPPED));
}

static void crash_nmi(void)
{
    __asm__ volatile("int $2");
}

static void crash_stack(void)
{
    __asm__ volatile("1: pushq %%rax; jmp 1b" : : : "memory");
}

static void crash_assert(void)
{
    uint64_t cr0 = cpu_read_cr0();

    ASSERT(cr0 == 0, "CR0 is %llx", (unsigned long long)cr0);
}

static const struct {
    const char *name;
    const char *what;
    void (*crash)(void);
} kinds[] = {
    {"de", "divide by zero", crash_de},
    {"ud", "run an opcode that does not exist", crash_ud},
    {"bp", "run a breakpoint instruction", crash_bp},
    {"gp", "use an address that cannot exist", crash_gp},
    {"pf-read", "read where no page is", crash_pf_read},
    {"pf-write", "write to the kernel's code", crash_pf_write},
    {"pf-exec", "execute data", crash_pf_exec},
    {"null", "read through a null pointer", crash_null},
    {"df", "fault while a fault is delivered", crash_df},
    {"nmi", "raise the non-maskable interrupt", crash_nmi},
    {"stack", "push until the stack is full", crash_stack},
    {"assert", "fail an assertion", crash_assert},
};

int command_crash(int argc, char **argv)
{
    if (argc > 2) {
        return command_usage(argv[0]);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (argc == 1) {
            kprintf("  %-9s %s\n", kinds[i].name, kinds[i].what);
        } else if (strcmp(argv[1], kinds[i].name) == 0) {
            kinds[i].crash();
            return command_error(argv[0], "%s: the machine has survived it", argv[1]);
        }
    }
    return argc == 1 ? STATUS_OK : command_error(argv[0], "no kind %s", argv[1]);
}
