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

void trap_handle(struct trap_frame *frame)
{
    if (frame->vector >= IRQ_FIRST_VECTOR && frame->vector < IRQ_FIRST_VECTOR + IRQ_COUNT) {
        irq_handle((unsigned)frame->vector - IRQ_FIRST_VECTOR);
        thread_after_interrupt();
        return;
    }
    if (probe_catch(frame)) {
        return;
    }
    if (frame->vector == EXCEPTION_NMI && panic_is_on()) {
        return; /* nothing is worse than what is being reported */
    }
    panic_exception(frame);
}
