/*
 * trap.h - what the CPU does when something interrupts it: the saved registers, and who is called.
 */
#ifndef SECTOR0_KERNEL_CPU_TRAP_H
#define SECTOR0_KERNEL_CPU_TRAP_H

#include <stddef.h>
#include <stdint.h>

/* The stack as trap.asm leaves it, lowest address first. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8; /* pushed by trap_common */
    uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector;                   /* pushed by the stub */
    uint64_t error;                    /* pushed by the CPU, or 0 by the stub */
    uint64_t rip, cs, rflags, rsp, ss; /* pushed by the CPU */
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "trap.asm pushes 22 words");
_Static_assert(offsetof(struct trap_frame, vector) == 15 * 8, "trap.asm finds the vector here");

#define TRAP_VECTORS   256
#define TRAP_STUB_SIZE 5

/* The code at which the CPU arrives, for each vector (trap.asm). */
extern const uint8_t trap_stubs[TRAP_VECTORS][TRAP_STUB_SIZE];

/* The return address of trap_handle: the struct trap_frame lies above it on the stack. */
extern const char trap_returned[];

/* Called by trap.asm for every interrupt and exception. Context: interrupts off. */
void trap_handle(struct trap_frame *frame);

/* What the interrupt that is being handled has interrupted; NULL outside of one. Context: any. */
const struct trap_frame *trap_interrupted(void);

#endif
