/*
 * exception.h - the CPU's exceptions in words [SDM3 6.15]. Portable, no state. Context: any.
 */
#ifndef SECTOR0_KERNEL_CPU_EXCEPTION_H
#define SECTOR0_KERNEL_CPU_EXCEPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXCEPTION_COUNT              32

#define EXCEPTION_NMI                2
#define EXCEPTION_UNDEFINED          6
#define EXCEPTION_NO_FPU             7
#define EXCEPTION_DOUBLE_FAULT       8
#define EXCEPTION_INVALID_TSS        10
#define EXCEPTION_GENERAL_PROTECTION 13
#define EXCEPTION_PAGE_FAULT         14
#define EXCEPTION_MACHINE_CHECK      18
#define EXCEPTION_CONTROL_PROTECTION 21

/* Bit n: the CPU pushes an error code for vector n. trap.asm uses the same number. */
#define EXCEPTIONS_WITH_ERROR_CODE 0x60227D00u

/* The name with its mnemonic, as in "page fault (#PF)"; "reserved" for those without one. */
const char *exception_name(unsigned vector);

/*
 * Write to BUFFER, SIZE bytes, what happened: the name, and what the ERROR code says. CR2 is the
 * address of a page fault. Vectors of EXCEPTION_COUNT and more are interrupts that nobody expects.
 */
void exception_explain(char *buffer, size_t size, unsigned vector, uint64_t error, uint64_t cr2);

#endif
