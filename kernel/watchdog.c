/*
 * watchdog.c - see watchdog.h.
 *
 * Time alone would be unfair: a machine that was stopped for a while (a debugger, a busy host) has
 * not hung. So enough ticks must have come as well. NMIs do not read the clock: they may come while
 * it is being read.
 */
#include "kernel/watchdog.h"

#include <stdint.h>

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"
#include "kernel/cpu/trap.h"
#include "kernel/panic.h"
#include "kernel/sched/thread.h"

#define NANOS_PER_SECOND 1000000000ull
#define LEAST_TICKS      100
#define LEAST_NMIS       30 /* they may be as far apart as quiet ticks, 55 ms */

/* System control port B: why the chipset raises NMIs [PIIX4 7.2.2]. */
#define NMI_STATUS  0x61
#define NMI_REASONS 0xC0

static uint64_t kept_turn;  /* the thread's turn in which preemption has been off ... */
static uint64_t kept_since; /* ... since then, nanoseconds */
static unsigned kept_ticks; /* ... for so many ticks */

static unsigned nmi_limit; /* NMIs in WATCHDOG_SECONDS; 0: none are expected */
static unsigned nmi_count; /* since the last tick */
static uint64_t nmi_tsc;   /* the first of them */
static uint64_t nmi_ticks; /* ticks when the last NMI came */

static void on_tick(void)
{
    uint64_t turn = thread_turn();

    if (!thread_keeps_cpu()) {
        kept_ticks = 0;
    } else if (turn != kept_turn || kept_ticks == 0) {
        kept_turn = turn;
        kept_since = clock_nanos();
        kept_ticks = 1;
    } else if (++kept_ticks >= LEAST_TICKS &&
               clock_nanos() - kept_since >= WATCHDOG_SECONDS * NANOS_PER_SECOND) {
        panic_interrupted(trap_interrupted(), "hang: thread %s, preemption off for %u s",
                          thread_name(thread_current()), WATCHDOG_SECONDS);
    }
}

void watchdog_start(void)
{
    clock_on_tick(on_tick);
}

void watchdog_expect_nmi(unsigned hz)
{
    nmi_limit = WATCHDOG_SECONDS * hz;
}

/* By the TSC, if its rate is known: an emulator may leave out NMIs that come too fast for it. */
static bool nmis_are_enough(void)
{
    uint64_t hz = clock_tsc_hz();

    return nmi_count >= nmi_limit || (nmi_count >= LEAST_NMIS && hz != 0 &&
                                      cpu_read_tsc() - nmi_tsc >= WATCHDOG_SECONDS * hz);
}

bool watchdog_nmi(const struct trap_frame *frame)
{
    if (nmi_limit == 0 || (io_read8(NMI_STATUS) & NMI_REASONS)) {
        return false;
    }
    if (clock_ticks() != nmi_ticks || nmi_count == 0) {
        nmi_ticks = clock_ticks();
        nmi_tsc = cpu_read_tsc();
        nmi_count = 1;
        return true;
    }
    nmi_count++;
    if (nmis_are_enough()) {
        panic_interrupted(frame, "hang: thread %s, interrupts off for %u s",
                          thread_name(thread_current()), WATCHDOG_SECONDS);
    }
    return true;
}
