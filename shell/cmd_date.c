/* cmd_date.c - date: what time it is, in UTC, as ISO 8601 writes it. */
#include "kernel/console.h"
#include "kernel/walltime.h"
#include "shell/commands.h"

#define NANOS_PER_SECOND 1000000000ull

int command_date(int argc, char **argv)
{
    uint64_t nanos;

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    const char *problem = walltime_nanos(&nanos);

    if (problem != NULL) {
        return command_error(argv[0], "%s", problem);
    }
    struct calendar now = calendar_from_seconds(nanos / NANOS_PER_SECOND);

    kprintf("%04u-%02u-%02uT%02u:%02u:%02uZ\n", now.year, now.month, now.day, now.hour, now.minute,
            now.second);
    return STATUS_OK;
}
