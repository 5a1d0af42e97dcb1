/*
 * panic.c - see panic.h.
 *
 * Panics come when little can be trusted. So: interrupts off at once, no memory but the stack, and
 * a depth count that makes a fault in here end in a line rather than in a circle.
 */
#include "kernel/panic.h"

#include <stdint.h>

#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/trap.h"
#include "kernel/image.h"

#define BACKTRACE_MAX 12

static const struct panic_hooks *hooks;
static bool reboot_at_end;
static unsigned depth;

void panic_set_hooks(const struct panic_hooks *new_hooks)
{
    hooks = new_hooks;
}

void panic_set_reboot(bool reboot)
{
    reboot_at_end = reboot;
}

/* Count this panic, and make sure that someone can hear it. */
static void begin(void)
{
    cpu_save_interrupts();
    depth++;
    if (depth > 2) {
        cpu_halt();
    }
    if (console_kinds() == 0 && hooks != NULL && hooks->start_consoles != NULL) {
        hooks->start_consoles();
    }
    console_panic();
    console_colour(COLOUR_WHITE, COLOUR_RED);
    kprintf("\n");
    if (depth == 2) {
        kprintf("PANIC: another one while the first was being printed\n");
    }
}

static _Noreturn void end(void)
{
    bool reboot = reboot_at_end && hooks != NULL && hooks->reboot != NULL;

    kprintf(reboot ? "Restarting.\n" : "System halted.\n");
    console_default_colour();
    console_flush();
    if (reboot) {
        hooks->reboot();
    }
    cpu_halt();
}

static void print_flags(uint64_t rflags)
{
    static const struct {
        uint8_t bit;
        char name[3];
    } flags[] = {{0, "CF"}, {2, "PF"}, {4, "AF"},  {6, "ZF"},  {7, "SF"},
                 {8, "TF"}, {9, "IF"}, {10, "DF"}, {11, "OF"}, {16, "RF"}};

    kprintf("RFLAGS %llx", (unsigned long long)rflags);
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (rflags >> flags[i].bit & 1) {
            kprintf(" %s", flags[i].name);
        }
    }
    kprintf("\n");
}

static void print_control_registers(void)
{
    kprintf("CR0 %016llx  CR2 %016llx  CR3 %016llx\n", (unsigned long long)cpu_read_cr0(),
            (unsigned long long)cpu_read_cr2(), (unsigned long long)cpu_read_cr3());
    kprintf("CR4 %016llx  EFER %016llx\n", (unsigned long long)cpu_read_cr4(),
            (unsigned long long)cpu_read_msr(MSR_EFER));
}

/* Whose guard page ADDRESS lies in, or NULL. */
static const char *stack_below(uint64_t address)
{
    static const struct {
        const char *name;
        const char *guard;
    } stacks[] = {
        {"boot", boot_stack_guard},
        {"double fault", double_fault_stack_guard},
        {"NMI", nmi_stack_guard},
        {"machine check", machine_check_stack_guard},
    };

    for (unsigned i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
        if (address - (uintptr_t)stacks[i].guard < PAGE_SIZE) {
            return stacks[i].name;
        }
    }
    return NULL;
}

/* Can the saved RBP at ADDRESS and the return address above it be read without a fault? */
static bool on_a_stack(uint64_t address)
{
    return address >= (uintptr_t)boot_stack_guard &&
           address + 2 * sizeof(uint64_t) <= (uintptr_t)machine_check_stack_top &&
           address % sizeof(uint64_t) == 0 && stack_below(address) == NULL &&
           stack_below(address + sizeof(uint64_t)) == NULL;
}

/*
 * Follow the chain of saved RBPs: each points at the caller's RBP, with the return address above
 * it. It must go upwards and stay on the stacks, whatever has happened to them.
 */
static void print_backtrace(uint64_t rbp)
{
    kprintf("called from");
    for (int i = 0; i < BACKTRACE_MAX && on_a_stack(rbp); i++) {
        const uint64_t *frame = (const uint64_t *)(uintptr_t)rbp;

        kprintf(i % 4 == 0 && i > 0 ? "\n            %llx" : " %llx", (unsigned long long)frame[1]);
        if (frame[0] <= rbp) {
            break;
        }
        rbp = frame[0];
    }
    kprintf("\n");
}

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    uint64_t rbp = *(const uint64_t *)__builtin_frame_address(0); /* the caller's */
    uint64_t rip = (uintptr_t)__builtin_return_address(0);
    uint64_t rflags = cpu_read_flags();
    va_list arguments;

    begin();
    kprintf("PANIC: ");
    va_start(arguments, text);
    kprintf_va(text, arguments);
    va_end(arguments);
    kprintf("\n%s:%d in %s\n", file, line, function);
    if (depth == 1) {
        kprintf("RIP %016llx  RBP %016llx  ", (unsigned long long)rip, (unsigned long long)rbp);
        print_flags(rflags);
        print_control_registers();
        print_backtrace(rbp);
    }
    end();
}

static void print_registers(const struct trap_frame *frame)
{
    static const char names[][4] = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP",
                                    "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15"};
    const uint64_t values[] = {frame->rax, frame->rbx, frame->rcx, frame->rdx,
                               frame->rsi, frame->rdi, frame->rbp, frame->rsp,
                               frame->r8,  frame->r9,  frame->r10, frame->r11,
                               frame->r12, frame->r13, frame->r14, frame->r15};

    kprintf("RIP %016llx  CS %04llx  SS %04llx  ", (unsigned long long)frame->rip,
            (unsigned long long)frame->cs, (unsigned long long)frame->ss);
    print_flags(frame->rflags);
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        kprintf("%s %016llx%s", names[i], (unsigned long long)values[i], i % 3 == 2 ? "\n" : "  ");
    }
    kprintf("\n");
}

void panic_exception(const struct trap_frame *frame)
{
    uint64_t cr2 = cpu_read_cr2();
    char cause[120];

    begin();
    exception_explain(cause, sizeof(cause), (unsigned)frame->vector, frame->error, cr2);
    kprintf("PANIC: %s\n", cause);
    if (depth > 1) {
        end();
    }
    kprintf("vector %llu, error code %llx\n", (unsigned long long)frame->vector,
            (unsigned long long)frame->error);
    if (frame->vector == EXCEPTION_DOUBLE_FAULT || frame->vector == EXCEPTION_PAGE_FAULT) {
        const char *stack = stack_below(cr2);

        if (stack != NULL) {
            kprintf("CR2 is in the guard page below the %s stack: it has overflowed\n", stack);
        }
    }
    print_registers(frame);
    print_control_registers();
    print_backtrace(frame->rbp);
    end();
}
