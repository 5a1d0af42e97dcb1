/*
 * panic_report.h - the parts of a panic's report, for panic.c alone. Each prints lines, believes
 * nothing, takes no lock; an exception in one of them is survived by panic.c.
 */
#ifndef SECTOR0_KERNEL_PANIC_REPORT_H
#define SECTOR0_KERNEL_PANIC_REPORT_H

#include <stdbool.h>

#include "kernel/cpu/trap.h"

struct bootinfo;

/* The CPU when the first panic came. */
struct panic_state {
    bool exception;          /* else PANIC was called, and only four registers are known: */
    struct trap_frame frame; /* rip (behind the call), rbp, rsp, rflags */
#define PANIC_NO_VECTOR                                                                            \
    TRAP_VECTORS /* frame.vector where the CPU was interrupted for being there */
    uint64_t cr2;
};

/* What led to the exception, beyond its name. */
void panic_print_cause(const struct panic_state *state);

/* Which thread, in an interrupt or not, with which spin locks. */
void panic_print_context(const struct panic_state *state);

/* The backtrace: its first lines on screen and serial line, the rest on the latter alone. */
void panic_print_backtrace(const struct panic_state *state);

void panic_print_registers(const struct panic_state *state);

/* A command that shows the backtrace's lines in gdb. */
void panic_print_gdb(const struct panic_state *state);

/* Which kernel this is. INFO may be NULL. */
void panic_print_boot(const struct bootinfo *info);

/* The general registers by name and value, as they stand in the report. */
#define PANIC_REGISTERS 16
void panic_register(const struct trap_frame *frame, unsigned index, const char **name,
                    uint64_t *value);

#endif
