/* panic_state.c - who was running, with which registers, and where from; see panic_report.h. */
#include "include/bootinfo.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/irq.h"
#include "kernel/panic_report.h"
#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"
#include "kernel/version.h"

#define LOCKS_MAX      8
#define SCREEN_LINES   7 /* of the backtrace: what fits with all the rest */
#define LINES_MAX      24
#define GDB_ADDRESSES  6
#define REGISTERS_LINE 3

void panic_register(const struct trap_frame *frame, unsigned index, const char **name,
                    uint64_t *value)
{
    static const struct {
        char name[4];
        uint8_t offset;
    } registers[PANIC_REGISTERS] = {
        {"RAX", offsetof(struct trap_frame, rax)}, {"RBX", offsetof(struct trap_frame, rbx)},
        {"RCX", offsetof(struct trap_frame, rcx)}, {"RDX", offsetof(struct trap_frame, rdx)},
        {"RSI", offsetof(struct trap_frame, rsi)}, {"RDI", offsetof(struct trap_frame, rdi)},
        {"RBP", offsetof(struct trap_frame, rbp)}, {"RSP", offsetof(struct trap_frame, rsp)},
        {"R8 ", offsetof(struct trap_frame, r8)},  {"R9 ", offsetof(struct trap_frame, r9)},
        {"R10", offsetof(struct trap_frame, r10)}, {"R11", offsetof(struct trap_frame, r11)},
        {"R12", offsetof(struct trap_frame, r12)}, {"R13", offsetof(struct trap_frame, r13)},
        {"R14", offsetof(struct trap_frame, r14)}, {"R15", offsetof(struct trap_frame, r15)},
    };

    *name = registers[index].name;
    *value = *(const uint64_t *)(const void *)((const char *)frame + registers[index].offset);
}

static void print_flags(uint64_t rflags)
{
    static const char names[] = "CF\0"
                                "1 \0"
                                "PF\0"
                                "  \0"
                                "AF\0"
                                "  \0"
                                "ZF\0"
                                "SF\0"
                                "TF\0"
                                "IF\0"
                                "DF\0"
                                "OF";
    kprintf("RFLAGS %llx", (unsigned long long)rflags);
    for (unsigned bit = 0; bit < sizeof(names) / 3; bit++) {
        if (rflags >> bit & 1 && names[3 * bit + 1] == 'F') {
            kprintf(" %s", names + 3 * bit);
        }
    }
    kprintf("\n");
}

void panic_print_registers(const struct panic_state *state)
{
    const struct trap_frame *frame = &state->frame;

    kprintf("RIP %016llx  ", (unsigned long long)frame->rip);
    if (state->exception) {
        kprintf("CS %llx  SS %llx  error code %llx  ", (unsigned long long)frame->cs,
                (unsigned long long)frame->ss, (unsigned long long)frame->error);
    } else {
        kprintf("RBP %016llx  RSP %016llx\n", (unsigned long long)frame->rbp,
                (unsigned long long)frame->rsp);
    }
    print_flags(frame->rflags);
    for (unsigned i = 0; state->exception && i < PANIC_REGISTERS; i++) {
        const char *name;
        uint64_t value;

        panic_register(frame, i, &name, &value);
        kprintf("%s %016llx%s", name, (unsigned long long)value,
                i % REGISTERS_LINE == REGISTERS_LINE - 1 ? "\n" : "  ");
    }
    kprintf("CR2 %016llx  CR3 %016llx\n", (unsigned long long)state->cr2,
            (unsigned long long)cpu_read_cr3());
    kprintf("CR0 %016llx  CR4 %016llx  EFER %llx\n", (unsigned long long)cpu_read_cr0(),
            (unsigned long long)cpu_read_cr4(), (unsigned long long)cpu_read_msr(MSR_EFER));
}

void panic_print_context(const struct panic_state *state)
{
    const char *name = spin_lock_held_name(0);

    kprintf("In %sthread %s, interrupts %s, spin locks held:",
            irq_active() && state->frame.vector != PANIC_NO_VECTOR ? "an interrupt handler, during "
                                                                   : "",
            thread_name(thread_current()), state->frame.rflags & RFLAGS_IF ? "on" : "off");
    kprintf(name == NULL ? " none.\n" : " %s", name);
    for (unsigned i = 1; name != NULL && i <= LOCKS_MAX; i++) {
        name = spin_lock_held_name(i);
        kprintf(name == NULL || i == LOCKS_MAX ? ".\n" : ", %s", name);
    }
}

static void start_trace(struct backtrace *trace, const struct panic_state *state)
{
    const struct trap_frame *frame = &state->frame;

    backtrace_start(trace, frame->rip, frame->rbp, frame->rsp, state->exception);
}

static void print_place(const struct backtrace *trace)
{
    struct symbol symbol;

    if (trace->vector >= EXCEPTION_COUNT) {
        kprintf("  interrupted by vector %#x:\n", (unsigned)trace->vector);
    } else if (trace->vector >= 0) {
        kprintf("  interrupted by a %s:\n", exception_name((unsigned)trace->vector));
    }
    kprintf("  %016llx", (unsigned long long)trace->address);
    if (backtrace_symbol(trace, &symbol)) {
        kprintf(" %s+0x%x %s:%u", symbol.function, symbol.offset, symbol.file, symbol.line);
    }
    kprintf("\n");
}

/* A recursion gone wrong is a thousand times the same place: that is two lines. */
void panic_print_backtrace(const struct panic_state *state)
{
    struct backtrace trace;
    uint64_t last = 0;
    unsigned lines = 0, repeated = 0;

    kprintf("Backtrace, the newest first:\n");
    start_trace(&trace, state);
    do {
        if (trace.address == last && trace.vector < 0) {
            repeated++;
            continue;
        }
        if (repeated > 0) {
            kprintf("  ... and %u times more\n", repeated);
            repeated = 0;
            lines++;
        }
        if (lines >= SCREEN_LINES) {
            console_select(CONSOLE_SERIAL);
        }
        last = trace.address;
        print_place(&trace);
        lines++;
    } while (lines < LINES_MAX && backtrace_next(&trace));
    console_select(CONSOLE_SCREEN | CONSOLE_SERIAL);
}

void panic_print_gdb(const struct panic_state *state)
{
    struct backtrace trace;
    uint64_t last = 0;
    unsigned count = 0;

    kprintf("gdb build/kernel.elf");
    start_trace(&trace, state);
    do {
        if (trace.address != last) {
            kprintf(" -ex '%s *%#llx'", count++ == 0 ? "list" : "info line",
                    (unsigned long long)trace.address - !trace.exact);
        }
        last = trace.address;
    } while (count < GDB_ADDRESSES && backtrace_next(&trace));
    kprintf("\n");
}

void panic_print_boot(const struct bootinfo *info)
{
    kprintf("%s", KERNEL_VERSION_TEXT);
    if (info != NULL) {
        kprintf(", slot %c, Merkle root ", 'A' + info->slot);
        for (unsigned i = 0; i < sizeof(info->merkle_root); i++) {
            kprintf("%02x", info->merkle_root[i]);
        }
    }
    kprintf("\n");
}
