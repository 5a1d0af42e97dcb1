/*
 * fpu.h - floating point and SSE for those threads that ask for it (THREAD_FPU).
 *
 * Eager, not lazy: the registers are saved when such a thread loses the CPU and loaded when it gets
 * it back. A lazy kernel would leave them in place and wait for the next one to touch them: that
 * saves two instructions per switch and costs an exception for each thread that uses them, the
 * registers of one thread could be read in another by speculation (LazyFP), and with more CPUs a
 * thread's state may be in another CPU. Most threads here never ask, so their switches save and
 * load nothing at all; in them CR0.TS is set, and a floating point instruction is a #NM exception.
 */
#ifndef SECTOR0_KERNEL_CPU_FPU_H
#define SECTOR0_KERNEL_CPU_FPU_H

#define FPU_STATE_SIZE  512 /* what FXSAVE writes: x87, MMX, XMM0-15, MXCSR [SDM1 10.5] */
#define FPU_STATE_ALIGN 16

/* Turn the unit on, and forbid its use. Context: start-up. */
void fpu_start(void);

/* Make STATE, FPU_STATE_SIZE bytes, that of a unit just reset. Context: any. */
void fpu_init_state(void *state);

/* Write the unit's state to SAVE, then take it from LOAD, which NULL forbids to use; NULL for SAVE
 * says that it was forbidden until now. Context: interrupts off. */
void fpu_switch(void *save, const void *load);

#endif
