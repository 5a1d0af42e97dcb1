/*
 * trap.c - sorts what arrives: hardware interrupts go to their driver, everything else is the end.
 * The kernel has no exception that it could repair, so each one is a panic with all that is known,
 * unless somebody expects it (probe.h).
 */
#include "kernel/cpu/trap.h"

#include "kernel/cpu/exception.h"
#include "kernel/cpu/probe.h"
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/sched/thread.h"
#include "kernel/watchdog.h"

static const struct trap_frame *interrupted;

const struct trap_frame *trap_interrupted(void)
{
    return interrupted;
}

static void handle_interrupt(struct trap_frame *frame)
{
    interrupted = frame;
    irq_handle((unsigned)frame->vector - IRQ_FIRST_VECTOR);
    interrupted = NULL;
    thread_after_interrupt();
}

static void handle_nmi(struct trap_frame *frame)
{
    if (panic_is_on()) {
        return; /* nothing is worse than what is being reported */
    }
    if (!watchdog_nmi(frame) && !probe_catch(frame)) {
        panic_exception(frame);
    }
}

void trap_handle(struct trap_frame *frame)
{
    if (frame->vector >= IRQ_FIRST_VECTOR && frame->vector < IRQ_FIRST_VECTOR + IRQ_COUNT) {
        handle_interrupt(frame);
    } else if (frame->vector == EXCEPTION_NMI) {
        handle_nmi(frame);
    } else if (!probe_catch(frame)) {
        panic_exception(frame);
    }
}
