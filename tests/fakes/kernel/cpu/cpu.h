/*
 * cpu.h - stands in front of kernel/cpu/cpu.h in unit tests: what a host program may not do is
 * counted or handed to the test instead.
 */
#ifndef SECTOR0_FAKES_CPU_H
#define SECTOR0_FAKES_CPU_H

#include <stdbool.h>
#include <stdint.h>

extern bool fake_interrupts_on;
uint64_t fake_tsc(void);
void fake_sleep(void); /* what happens while the CPU sleeps */
_Noreturn void fake_halt(void);
void fake_invalidate_page(uint64_t address);

static inline uint64_t cpu_read_tsc(void)
{
    return fake_tsc();
}

static inline bool cpu_interrupts_are_on(void)
{
    return fake_interrupts_on;
}

static inline bool cpu_save_interrupts(void)
{
    bool were_on = fake_interrupts_on;

    fake_interrupts_on = false;
    return were_on;
}

static inline void cpu_restore_interrupts(bool were_on)
{
    if (were_on) {
        fake_interrupts_on = true;
    }
}

static inline void cpu_enable_interrupts(void)
{
    fake_interrupts_on = true;
}

static inline void cpu_sleep_until_interrupt(void)
{
    fake_sleep();
}

static inline _Noreturn void cpu_halt(void)
{
    fake_halt();
}

static inline void cpu_invalidate_page(uint64_t address)
{
    fake_invalidate_page(address);
}

static inline void cpu_pause(void)
{
}

#endif
