/*
 * cmd_crash.c - crash: each way in which a kernel can fail, on purpose, to see what it says then.
 * Here are those that the CPU notices; crash_software.c has those that the kernel notices itself.
 *
 * The faults are made with single instructions, so that no compiler can reason them away. None of
 * them returns if the kernel is right.
 */
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "shell/crash.h"
#include "shell/commands.h"

#define UNMAPPED      0xFFFF900000000000ull /* canonical, in no page table of ours */
#define NOT_CANONICAL 0x0000900000000000ull /* bits 48-63 differ from bit 47 */
#define NULL_FIELD    0x10                  /* of a structure that a null pointer points at */

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
    void (*volatile target)(void) = (void (*)(void))data;

    if (!(cpu_read_msr(MSR_EFER) & EFER_NXE)) {
        target = (void (*)(void))UNMAPPED;
    }
    target();
    __asm__ volatile("" : : : "memory"); /* or the call would become a jump */
}

static void crash_null(void)
{
    read_at(NULL_FIELD);
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

/* The compiler may not know that this has no end, nor make a jump of the call. */
static __attribute__((noinline)) void crash_stack(void)
{
    static volatile bool for_ever = true;

    if (for_ever) {
        crash_stack();
    }
    __asm__ volatile("" : : : "memory");
}

static const struct crash_kind cpu_kinds[] = {
    {"de", "divide by zero", crash_de},
    {"ud", "run an opcode that does not exist", crash_ud},
    {"bp", "run a breakpoint instruction", crash_bp},
    {"gp", "use an address that cannot exist", crash_gp},
    {"pf-read", "read where no page is", crash_pf_read},
    {"pf-write", "write to the kernel's code", crash_pf_write},
    {"pf-exec", "execute data", crash_pf_exec},
    {"null", "read through a null pointer", crash_null},
    {"stack", "call itself until the stack is full", crash_stack},
    {"df", "fault while a fault is delivered", crash_df},
    {"nmi", "raise the non-maskable interrupt", crash_nmi},
    {0},
};

static const struct crash_kind *const lists[] = {
    cpu_kinds,
    crash_software_kinds,
#ifdef KERNEL_UBSAN
    crash_undefined_kinds,
#endif
};

static void list_kinds(const struct crash_kind *kind)
{
    for (; kind->name != NULL; kind++) {
        kprintf("  %-11s %s\n", kind->name, kind->what);
    }
}

/* Crash, if NAME is among the kinds from KIND on. Returns false if it is not. */
static bool crash(const struct crash_kind *kind, const char *name)
{
    while (kind->name != NULL && strcmp(kind->name, name) != 0) {
        kind++;
    }
    if (kind->name == NULL) {
        return false;
    }
    kind->crash();
    command_error("crash", "%s: the machine has survived it", name);
    return true;
}

int command_crash(int argc, char **argv)
{
    if (argc > 2) {
        return command_usage(argv[0]);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (argc == 1) {
            list_kinds(lists[i]);
        } else if (crash(lists[i], argv[1])) {
            return STATUS_FAILED;
        }
    }
    return argc == 1 ? STATUS_OK : command_error(argv[0], "no kind %s", argv[1]);
}
