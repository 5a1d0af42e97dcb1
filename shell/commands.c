/* commands.c - the table of all commands; see commands.h. */
#include "shell/commands.h"

#include "kernel/console.h"
#include "kernel/string.h"

const struct command commands[] = {
    {"help", "[command]", "list the commands, or explain one", command_help},
    {"echo", "[word ...]", "print the words; $? is the status of the last command", command_echo},
    {"clear", "", "empty the screen", command_clear},
    {"boot", "[facts]", "what each step of the boot took; or what was booted", command_boot},
    {"e820", "", "the BIOS's memory map, raw and cleaned", command_e820},
    {"disks", "[name | ram <MiB>]", "the disks; all about one; make one in memory", command_disks},
    {"sector", "<device> <lba>", "a sector of a disk, explained", command_sector},
    {"free", "[heap|leaks]", "memory used and free; the heap by size; by caller", command_free},
    {"mem", "", "how much memory there is, and who has it", command_mem},
    {"walk", "<address>", "how the page tables translate an address", command_walk},
    {"cpu", "", "the processor and its control registers", command_cpu},
    {"gdt", "", "the segment descriptors that the CPU uses", command_gdt},
    {"idt", "", "the interrupt gates that the CPU uses", command_idt},
    {"irq", "", "who handles which interrupt, and how often it came", command_irq},
    {"lspci", "[-v <address>]", "what is on the PCI buses; all about one of it", command_lspci},
    {"layout", "[name]", "the keyboard's layout: list them, or choose one", command_layout},
    {"ps", "", "the threads: what they do, and what they have used", command_ps},
    {"kill", "<id>", "ask a thread to stop", command_kill},
    {"sleep", "<seconds>", "wait; fractions are allowed, Ctrl-C ends it", command_sleep},
    {"dmesg", "", "the kernel's log", command_dmesg},
    {"date", "", "the date and time, UTC", command_date},
    {"uptime", "", "the time since the kernel started", command_uptime},
    {"ver", "", "which kernel this is", command_ver},
    {"crash", "[kind]", "crash on purpose; without a kind, list the kinds", command_crash},
    {"bench", "[name|all|disk [disk]]", "measure; without a name, list what there is",
     command_bench},
    {"test", "[-l] [glob]", "run the kernel's own tests, or list them", command_test},
    {"reboot", "", "start the machine again", command_reboot},
    {"poweroff", "", "turn the machine off", command_poweroff},
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* The others have static variables, or use what has, and so must not run twice at once. */
bool command_may_run_in_background(const struct command *command)
{
    return command->run == command_sleep;
}

int command_error(const char *name, const char *reason, ...)
{
    va_list arguments;

    kprintf("%s: ", name);
    va_start(arguments, reason);
    kprintf_va(reason, arguments);
    va_end(arguments);
    kprintf("\n");
    return STATUS_FAILED;
}

int command_usage(const char *name)
{
    const struct command *command = command_find(name);

    kprintf("%s: usage: %s %s\n", name, name, command != NULL ? command->arguments : "");
    return STATUS_USAGE;
}
