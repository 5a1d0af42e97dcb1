/* cmd_power.c - reboot and poweroff. */
#include "drivers/power.h"
#include "shell/commands.h"

int command_reboot(int argc, char **argv)
{
    if (argc != 1) {
        return command_usage(argv[0]);
    }
    power_reboot();
}

int command_poweroff(int argc, char **argv)
{
    if (argc != 1) {
        return command_usage(argv[0]);
    }
    power_off();
}
