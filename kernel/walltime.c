/* walltime.c - see walltime.h. */
#include "kernel/walltime.h"

#include <stdbool.h>
#include <stddef.h>

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"

#define NANOS_PER_SECOND 1000000000ull

static const char *(*read_source)(struct calendar *now);
static bool known;
static uint64_t nanos_at_start; /* of the kernel's clock; both guarded by interrupts off */

void walltime_register(const char *(*read)(struct calendar *now))
{
    read_source = read;
}

/* Ask the source. Two threads may both do it at first; the one that ends first counts. */
static const char *find_start(void)
{
    struct calendar now;
    const char *problem =
        read_source != NULL ? read_source(&now) : "this machine has no real-time clock";

    if (problem == NULL) {
        bool were_on = cpu_save_interrupts();

        if (!known) {
            nanos_at_start = calendar_to_seconds(&now) * NANOS_PER_SECOND - clock_nanos();
            known = true;
        }
        cpu_restore_interrupts(were_on);
    }
    return problem;
}

const char *walltime_nanos(uint64_t *nanos)
{
    const char *problem = known ? NULL : find_start();

    if (problem == NULL) {
        *nanos = nanos_at_start + clock_nanos();
    }
    return problem;
}
