/*
 * backtrace.c - see backtrace.h.
 *
 * Each function that calls another begins with PUSH RBP; MOV RBP, RSP. So RBP points at the
 * caller's RBP, with the return address above it, and so on up to the first function, whose
 * caller's RBP is 0. An interrupt does not touch RBP: the chain goes on as if trap_common had been
 * called by the interrupted function's caller; above trap_common's return address lies the struct
 * trap_frame, which knows the interrupted function itself.
 */
#include "kernel/backtrace.h"

#include <stddef.h>

#include "kernel/cpu/probe.h"
#include "kernel/cpu/trap.h"
#include "kernel/image.h"
#include "kernel/sched/thread.h"

#define PUSH_RBP 0x55

struct fixed_stack {
    const char *name;
    const char *guard;
    const char *top;
};

static const struct fixed_stack fixed_stacks[] = {
    {"boot", boot_stack_guard, boot_stack_top},
    {"double fault", double_fault_stack_guard, double_fault_stack_top},
    {"NMI", nmi_stack_guard, nmi_stack_top},
    {"machine check", machine_check_stack_guard, machine_check_stack_top},
};
#define FIXED_STACKS (sizeof(fixed_stacks) / sizeof(fixed_stacks[0]))

const char *backtrace_stack_guarded(uint64_t address)
{
    for (unsigned i = 0; i < FIXED_STACKS; i++) {
        if (address - (uintptr_t)fixed_stacks[i].guard < PAGE_SIZE) {
            return fixed_stacks[i].name;
        }
    }
    return NULL;
}

static bool on_a_stack(uint64_t address, size_t size)
{
    uint64_t bottom, top;

    for (unsigned i = 0; i < FIXED_STACKS; i++) {
        bottom = (uintptr_t)fixed_stacks[i].guard + PAGE_SIZE;
        top = (uintptr_t)fixed_stacks[i].top;
        if (address >= bottom && address < top && size <= top - address) {
            return true;
        }
    }
    return thread_stack_around(address, &bottom, &top) && size <= top - address;
}

/* Read SIZE bytes of a stack at ADDRESS. */
static bool read_stack(void *to, uint64_t address, size_t size)
{
    return address % sizeof(uint64_t) == 0 && on_a_stack(address, size) &&
           cpu_probe_read(to, address, size);
}

static bool in_code(uint64_t address)
{
    return address >= (uintptr_t)kernel_text_start && address < (uintptr_t)kernel_text_end;
}

void backtrace_start(struct backtrace *trace, uint64_t rip, uint64_t rbp, uint64_t rsp, bool exact)
{
    *trace = (struct backtrace){
        .address = rip, .exact = exact, .vector = -1, .rbp = rbp, .rsp = exact ? rsp : 0};
}

/*
 * Where the return address lies if the function at TRACE has no frame: at its first instruction or
 * the second, in a function that calls none and needs no stack (its first instruction is not PUSH
 * RBP: the compiler is told not to push later), or behind a call to something that is no code. 0:
 * it has a frame, or that cannot be known.
 */
static uint64_t frameless(const struct backtrace *trace)
{
    struct symbol symbol;

    if (!trace->exact || trace->rsp == 0) {
        return 0;
    }
    if (!in_code(trace->address) || !symbols_find(trace->address, &symbol)) {
        return trace->rsp;
    }
    if (*(const uint8_t *)(uintptr_t)(trace->address - symbol.offset) != PUSH_RBP) {
        return trace->rsp;
    }
    return symbol.offset <= 1 ? trace->rsp + sizeof(uint64_t) * symbol.offset : 0;
}

/* Is RETURN_ADDRESS, which stands at AT, trap_common's? Then go to what was interrupted. */
static bool cross_interrupt(struct backtrace *trace, uint64_t return_address, uint64_t at)
{
    struct trap_frame frame;

    if (return_address != (uintptr_t)trap_returned || !read_stack(&frame, at + 8, sizeof(frame))) {
        return false;
    }
    backtrace_start(trace, frame.rip, frame.rbp, frame.rsp, true);
    trace->vector = (int)(frame.vector & 0xFF);
    return true;
}

bool backtrace_next(struct backtrace *trace)
{
    unsigned steps = trace->steps + 1;
    uint64_t at = frameless(trace);
    uint64_t frame[2] = {trace->rbp, 0}; /* the caller's RBP, the return address */

    if (at != 0 && read_stack(&frame[1], at, sizeof(frame[1])) && in_code(frame[1] - 1)) {
        backtrace_start(trace, frame[1], trace->rbp, 0, false);
    } else if (read_stack(frame, trace->rbp, sizeof(frame)) && in_code(frame[1] - 1)) {
        uint64_t rbp = trace->rbp;

        if (!cross_interrupt(trace, frame[1], rbp + 8)) {
            backtrace_start(trace, frame[1], frame[0] > rbp ? frame[0] : 0, 0, false);
        }
    } else {
        return false;
    }
    trace->steps = steps;
    return steps < BACKTRACE_MAX;
}

bool backtrace_symbol(const struct backtrace *trace, struct symbol *symbol)
{
    /* A call may be the last instruction of its function: the line is that of the byte before. */
    bool found = symbols_find(trace->address - !trace->exact, symbol);

    symbol->offset += found && !trace->exact;
    return found;
}
