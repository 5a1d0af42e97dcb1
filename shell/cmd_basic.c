/* cmd_basic.c - help, echo, clear, ver, uptime, dmesg: what every shell has. */
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/version.h"
#include "shell/commands.h"

int command_help(int argc, char **argv)
{
    if (argc > 2) {
        return command_usage(argv[0]);
    }
    if (argc == 2) {
        const struct command *command = command_find(argv[1]);

        if (command == NULL) {
            return command_error(argv[0], "no command %s", argv[1]);
        }
        kprintf("%s %s\n    %s\n", command->name, command->arguments, command->summary);
        return STATUS_OK;
    }
    for (size_t i = 0; i < command_count; i++) {
        kprintf("  %-9s %-11s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    }
    return STATUS_OK;
}

int command_echo(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        kprintf("%s%s", i > 1 ? " " : "", argv[i]);
    }
    kprintf("\n");
    return STATUS_OK;
}

int command_clear(int argc, char **argv)
{
    if (argc != 1) {
        return command_usage(argv[0]);
    }
    console_clear();
    return STATUS_OK;
}

int command_ver(int argc, char **argv)
{
    if (argc != 1) {
        return command_usage(argv[0]);
    }
    kprintf("%s\n", KERNEL_VERSION_TEXT);
    return STATUS_OK;
}

int command_uptime(int argc, char **argv)
{
    uint64_t micros = clock_micros();
    uint64_t hz = clock_tsc_hz();

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    kprintf("up %llu.%06llu s, %llu timer ticks", (unsigned long long)(micros / 1000000),
            (unsigned long long)(micros % 1000000), (unsigned long long)clock_ticks());
    if (hz != 0) {
        kprintf(", TSC at %llu.%03llu MHz", (unsigned long long)(hz / 1000000),
                (unsigned long long)(hz / 1000 % 1000));
    }
    kprintf("\n");
    return STATUS_OK;
}

int command_dmesg(int argc, char **argv)
{
    if (argc != 1) {
        return command_usage(argv[0]);
    }
    log_print_all();
    return STATUS_OK;
}
