/*
 * tour.h - the steps of the boot, in the order they happen.
 *
 * X(number, name, text): the loader and the kernel carry a label tour_NN_name (NN = two digits) at
 * the first instruction of each step; the debugger scripts stop there by name; the boot timeline
 * stores the number with a TSC stamp; the shell's `boot` prints the text. Steps marked "label only"
 * have no stamp of their own: stage 1 has no byte to spare for one.
 */
#ifndef SECTOR0_TOUR_H
#define SECTOR0_TOUR_H

/* clang-format off */
#define TOUR_STEPS(X)                                         \
    X(1, entry, "stage 1: first instruction, read stage 2")   \
    X(2, read, "stage 1: read stage 2")      /* label only */ \
    X(3, check, "stage 1: check stage 2")    /* label only */ \
    X(4, banner, "stage 2: consoles and banner")              \
    X(5, cpu, "stage 2: is there a long mode")                \
    X(6, disk, "stage 2: sector size, partition table")       \
    X(7, e820, "stage 2: memory map")                         \
    X(8, a20, "stage 2: A20 gate")                            \
    X(9, manifest, "stage 2: boot manifest")                  \
    X(10, menu, "stage 2: menu")                              \
    X(11, load, "stage 2: load and verify the kernel")        \
    X(12, protected_mode, "stage 2: protected mode")          \
    X(13, page_tables, "stage 2: page tables")                \
    X(14, long_mode, "stage 2: long mode")                    \
    X(15, handoff, "stage 2: bootinfo and jump")              \
    X(16, kernel_main, "kernel: check the hand-off")          \
    X(17, console, "kernel: screen and serial line")          \
    X(18, descriptors, "kernel: GDT and IDT")                 \
    X(19, memory, "kernel: memory map")                       \
    X(20, interrupts, "kernel: PIC, timer, keyboard, COM1")   \
    X(21, shell, "kernel: shell")                             \
    X(22, prompt, "prompt")
/* clang-format on */

#define TOUR_STEP_COUNT 22

#endif
