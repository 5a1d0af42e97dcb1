/*
 * commands.h - what can be typed at the prompt.
 *
 * A command gets its words as main() does and returns a status: 0 for success. A command that fails
 * says why with command_error, which prints `<command>: <reason>`.
 */
#ifndef SECTOR0_SHELL_COMMANDS_H
#define SECTOR0_SHELL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/bootinfo.h"
#include "kernel/printf.h"

/* Statuses, as in every shell. */
#define STATUS_OK          0
#define STATUS_FAILED      1
#define STATUS_USAGE       2
#define STATUS_NOT_FOUND   127
#define STATUS_INTERRUPTED 130

struct command {
    const char *name;
    const char *arguments; /* as shown by help, may be empty */
    const char *summary;
    int (*run)(int argc, char **argv);
};

/* All commands, in the order help shows them; COMMAND_COUNT of them. */
extern const struct command commands[];
extern const size_t command_count;

/* The command of that name, or NULL. Context: any. */
const struct command *command_find(const char *name);

/* Whether COMMAND may run in the background: with & behind it. Context: any. */
bool command_may_run_in_background(const struct command *command);

/* Print `<name>: <reason>` and a line end. Returns STATUS_FAILED. Context: the shell. */
int command_error(const char *name, const char *reason, ...) PRINTF_LIKE(2, 3);

/* Print how COMMAND is used. Returns STATUS_USAGE. Context: the shell. */
int command_usage(const char *name);

/* Whether what is typed is meant for the calling command: not for one in the background. */
bool command_has_keyboard(void);

/* The facts of this boot; valid once the shell has been started. Context: the shell. */
const struct boot_facts *command_boot_facts(void);

int command_help(int argc, char **argv);
int command_echo(int argc, char **argv);
int command_clear(int argc, char **argv);
int command_ver(int argc, char **argv);
int command_uptime(int argc, char **argv);
int command_layout(int argc, char **argv);
int command_date(int argc, char **argv);
int command_dmesg(int argc, char **argv);
int command_gdt(int argc, char **argv);
int command_idt(int argc, char **argv);
int command_irq(int argc, char **argv);
int command_lspci(int argc, char **argv);
int command_boot(int argc, char **argv);
int command_e820(int argc, char **argv);
int command_disks(int argc, char **argv);
int command_sector(int argc, char **argv);
int command_free(int argc, char **argv);
int command_mem(int argc, char **argv);
int command_walk(int argc, char **argv);
int command_cpu(int argc, char **argv);
int command_ps(int argc, char **argv);
int command_kill(int argc, char **argv);
int command_sleep(int argc, char **argv);
int command_crash(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_test(int argc, char **argv);
int command_reboot(int argc, char **argv);
int command_poweroff(int argc, char **argv);

#endif
