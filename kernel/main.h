/*
 * main.h - the kernel's start-up steps, for main.c and start.asm alone. They are visible by name so
 * that a debugger can stop at them. Each runs once, in this order, with interrupts off up to the
 * end of tour_20_interrupts; none may be inlined.
 */
#ifndef SECTOR0_KERNEL_MAIN_H
#define SECTOR0_KERNEL_MAIN_H

#include <stdint.h>

#define TOUR_KERNEL_MAIN 16
#define TOUR_CONSOLE     17
#define TOUR_DESCRIPTORS 18
#define TOUR_MEMORY      19
#define TOUR_INTERRUPTS  20
#define TOUR_SHELL       21
#define TOUR_PROMPT      22

#define STEP             __attribute__((noinline)) void

/* BOOTINFO_PHYS is the loader's RDI, ENTRY_TSC the stamp of step 16. Does not return. */
_Noreturn void kernel_main(uint64_t bootinfo_phys, uint64_t entry_tsc);

STEP take_hand_off(uint64_t bootinfo_phys, uint64_t entry_tsc);
STEP tour_17_console(void);
STEP tour_18_descriptors(void);
STEP tour_19_memory(void);
STEP tour_20_interrupts(void);
_Noreturn STEP tour_21_shell(void);

/* Called at each prompt, when it stands on the screen; the first one is the end of the boot. */
STEP tour_22_prompt(void);

#endif
