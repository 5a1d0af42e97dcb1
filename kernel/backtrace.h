/*
 * backtrace.h - who called whom, from the chain of frame pointers on the stack, across interrupts
 * and from one stack to another.
 *
 *   struct backtrace trace;
 *
 *   backtrace_start(&trace, rip, rbp, rsp, true);
 *   do {
 *       ... trace.address ...
 *   } while (backtrace_next(&trace));
 *
 * It reads only what lies on a known stack and can be read, and ends after BACKTRACE_MAX steps
 * whatever the stack holds. Takes no lock. Context: any, a panic too.
 */
#ifndef SECTOR0_KERNEL_BACKTRACE_H
#define SECTOR0_KERNEL_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/symbols.h"

#define BACKTRACE_MAX 2048 /* more than the smallest frames that fit on a stack */

struct backtrace {
    uint64_t address; /* an instruction: if EXACT the one that ran, else the one behind a call */
    bool exact;
    int vector; /* of the interrupt or exception that the code below has arrived by; -1: a call */
    uint64_t rbp, rsp; /* of that code; RSP is known in the first place only, else 0 */
    unsigned steps;
};

/*
 * Begin with the instruction at RIP. EXACT: RIP is where the CPU was, and RSP counts; else RIP is a
 * return address.
 */
void backtrace_start(struct backtrace *trace, uint64_t rip, uint64_t rbp, uint64_t rsp, bool exact);

/* Go to the caller. Returns false if there is none that can be found. */
bool backtrace_next(struct backtrace *trace);

/* The symbol of TRACE's place: of the call itself where the address is the one behind it. */
bool backtrace_symbol(const struct backtrace *trace, struct symbol *symbol);

/* The name of the fixed stack (boot, double fault, ...) whose guard page has ADDRESS, or NULL. */
const char *backtrace_stack_guarded(uint64_t address);

#endif
