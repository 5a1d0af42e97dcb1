/* fpu.c - see fpu.h. [SDM3 2.5, 13.1] */
#include "kernel/cpu/fpu.h"

#include <stdint.h>

#include "kernel/cpu/cpu.h"
#include "kernel/string.h"

#define FCW_INIT     0x037F /* no x87 exceptions, 64-bit mantissa, round to nearest */
#define MXCSR_INIT   0x1F80 /* no SSE exceptions, round to nearest */
#define FCW_OFFSET   0
#define MXCSR_OFFSET 24

static void forbid(void)
{
    cpu_write_cr0(cpu_read_cr0() | CR0_TS);
}

static void allow(void)
{
    __asm__ volatile("clts");
}

void fpu_start(void)
{
    /* EM would make each instruction undefined; MP and TS make it #NM, WAIT included; NE makes x87
     * errors #MF instead of IRQ 13. */
    cpu_write_cr0((cpu_read_cr0() & ~(uint64_t)CR0_EM) | CR0_MP | CR0_NE);
    cpu_write_cr4(cpu_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    forbid();
}

void fpu_init_state(void *state)
{
    uint16_t fcw = FCW_INIT;
    uint32_t mxcsr = MXCSR_INIT;

    memset(state, 0, FPU_STATE_SIZE);
    memcpy((char *)state + FCW_OFFSET, &fcw, sizeof(fcw));
    memcpy((char *)state + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
}

void fpu_switch(void *save, const void *load)
{
    if (save != NULL) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(save) : "memory");
    }
    if (load == NULL) {
        forbid();
        return;
    }
    if (save == NULL) {
        allow();
    }
    __asm__ volatile("fxrstor64 (%0)" : : "r"(load) : "memory");
}
