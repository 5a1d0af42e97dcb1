/*
 * crash_software.c - kinds of crash that the kernel notices itself, by an assertion, a check of its
 * own or the watchdog. See cmd_crash.c.
 */
#include "kernel/cpu/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"
#include "shell/crash.h"

static void crash_assert(void)
{
    uint64_t cr0 = cpu_read_cr0();

    ASSERT(cr0 == 0, "CR0 is %llx", (unsigned long long)cr0);
}

static void crash_lock(void)
{
    static struct spinlock lock = SPINLOCK("crash");

    spin_lock(&lock);
    spin_lock(&lock);
}

static void crash_hang(void)
{
    preempt_disable();
    for (;;) {
        __asm__ volatile("pause");
    }
}

static void crash_hang_irq(void)
{
    cpu_save_interrupts();
    for (;;) {
        __asm__ volatile("pause");
    }
}

/* Write beyond the end of an array, over the guard value, and return. */
static __attribute__((noinline)) void crash_smash(void)
{
    static volatile unsigned length = 64;
    char text[8];

    for (unsigned i = 0; i < length; i++) {
        text[i] = 'x';
        __asm__ volatile("" : : "r"(text) : "memory"); /* somebody may read it */
    }
}

const struct crash_kind crash_software_kinds[] = {
    {"assert", "fail an assertion", crash_assert},
    {"lock", "take a spin lock twice", crash_lock},
    {"hang", "loop for ever with preemption off", crash_hang},
    {"hang-irq", "loop for ever with interrupts off (watchdog=nmi)", crash_hang_irq},
    {"smash", "write beyond the end of an array on the stack", crash_smash},
    {0},
};
