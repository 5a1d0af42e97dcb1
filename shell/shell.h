/*
 * shell.h - the prompt.
 */
#ifndef SECTOR0_SHELL_SHELL_H
#define SECTOR0_SHELL_SHELL_H

#include "kernel/bootinfo.h"

/*
 * Run the commands in RUN (may be empty), then read lines and run them, for ever. AT_PROMPT is
 * called each time the prompt stands on the screen and the shell begins to wait. FACTS must stay in
 * memory. Context: interrupts on.
 */
_Noreturn void shell_run(const struct boot_facts *facts, const char *run, void (*at_prompt)(void));

#endif
