/*
 * test_probe.c - exceptions that are expected are survived, with everything known about them: each
 * kind that can be made, with and without an error code, and on the stacks of their own.
 */
#include "kernel/cpu/probe.h"

#include "include/manifest.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/cpu/trap.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"

#define NOT_CANONICAL 0x0000900000000000ull
#define NOWHERE       0x0000000000123458ull /* the lower half is not mapped */
#define NO_SELECTOR   0x2340                /* far beyond the end of the GDT */

static void do_nothing(void *argument)
{
    *(int *)argument = 7;
}

static void divide(void *argument)
{
    (void)argument;
    __asm__ volatile("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx" : : : "rax", "rcx", "rdx");
}

static void undefined(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}

static void breakpoint(void *argument)
{
    (void)argument;
    __asm__ volatile("int3");
}

static void call_vector_200(void *argument)
{
    (void)argument;
    __asm__ volatile("int $200");
}

static void raise_nmi(void *argument)
{
    (void)argument;
    __asm__ volatile("int $2");
}

static void load_selector(void *argument)
{
    (void)argument;
    __asm__ volatile("movw %w0, %%fs" : : "r"(NO_SELECTOR));
}

static void read_byte(void *argument)
{
    __asm__ volatile("movb (%0), %%al" : : "r"(argument) : "rax", "memory");
}

static void write_byte(void *argument)
{
    __asm__ volatile("movb $1, (%0)" : : "r"(argument) : "memory");
}

static void lose_stack(void *argument)
{
    __asm__ volatile("movq %0, %%rsp; pushq %%rax" : : "r"(argument) : "memory");
}

static void nested(void *argument)
{
    uint64_t cr2;
    struct trap_frame frame;

    if (!cpu_probe(read_byte, (void *)NOWHERE, &frame, &cr2) && cr2 == NOWHERE) {
        *(bool *)argument = true;
    }
    undefined(NULL);
}

static void check(void (*run)(void *argument), uint64_t argument, unsigned vector, uint64_t error)
{
    struct trap_frame frame;
    uint64_t cr2 = 0;
    uint64_t entry = (uintptr_t)run;

    CHECK(!cpu_probe(run, (void *)(uintptr_t)argument, &frame, &cr2), "no exception %u", vector);
    CHECK(frame.vector == vector && frame.error == error, "vector %llu, error %llx",
          (unsigned long long)frame.vector, (unsigned long long)frame.error);
    CHECK(frame.rip >= entry && frame.rip < entry + 64, "RIP %llx, not in %p",
          (unsigned long long)frame.rip, (void *)run);
    CHECK(vector != EXCEPTION_PAGE_FAULT || cr2 == argument, "CR2 %llx", (unsigned long long)cr2);
}

GUEST_TEST(probe_without_a_fault)
{
    int value = 0;

    CHECK(cpu_probe(do_nothing, &value, NULL, NULL), "a fault");
    CHECK(value == 7, "value %d", value);
}

GUEST_TEST(probe_catches_exceptions)
{
    check(divide, 0, 0, 0);
    check(breakpoint, 0, 3, 0);
    check(undefined, 0, 6, 0);
    check(load_selector, 0, EXCEPTION_GENERAL_PROTECTION, NO_SELECTOR);
    check(read_byte, NOT_CANONICAL, EXCEPTION_GENERAL_PROTECTION, 0);
    check(read_byte, NOWHERE, EXCEPTION_PAGE_FAULT, 0);
    check(write_byte, NOWHERE, EXCEPTION_PAGE_FAULT, 2);
    check(call_vector_200, 0, 200, 0);
}

/* The NMI and the double fault arrive on stacks of their own, wherever RSP was. */
GUEST_TEST(probe_catches_on_ist_stacks)
{
    for (int round = 0; round < 3; round++) {
        check(raise_nmi, 0, EXCEPTION_NMI, 0);
        check(lose_stack, NOWHERE, EXCEPTION_DOUBLE_FAULT, 0);
    }
}

GUEST_TEST(probe_keeps_interrupts)
{
    bool were_on = (cpu_read_flags() & RFLAGS_IF) != 0;

    check(undefined, 0, 6, 0);
    CHECK(((cpu_read_flags() & RFLAGS_IF) != 0) == were_on, "they changed");
}

GUEST_TEST(probe_in_a_probe)
{
    bool inner = false;
    struct trap_frame frame;

    CHECK(!cpu_probe(nested, &inner, &frame, NULL), "no fault in the outer one");
    CHECK(inner, "no fault in the inner one");
    CHECK(frame.vector == 6, "vector %llu", (unsigned long long)frame.vector);
}

GUEST_TEST(probe_reads_memory)
{
    struct kernel_header header;

    CHECK(cpu_probe_read(&header, (uintptr_t)kernel_start, sizeof(header)), "cannot");
    CHECK(memcmp(header.magic, KERNEL_MAGIC, sizeof(header.magic)) == 0, "not the header");
    CHECK(!cpu_probe_read(&header, (uintptr_t)boot_stack_guard - 2, 4), "read into the guard page");
    CHECK(!cpu_probe_read(&header, NOT_CANONICAL, 4), "read what cannot be");
}
