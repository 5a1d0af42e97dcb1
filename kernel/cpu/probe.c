/*
 * probe.c - see probe.h.
 *
 * While a probe is on, trap_handle shows every exception to probe_catch first. It keeps what is
 * known and lets the exception return not to where it came from, but to the end of probe_enter,
 * with the stack as it was there. Interrupts are off from the beginning to the end, so no other
 * thread and no handler can run into it.
 */
#include "kernel/cpu/probe.h"

#include "kernel/cpu/cpu.h"
#include "kernel/cpu/descriptors.h"
#include "kernel/cpu/trap.h"

/* probe.asm */
bool probe_enter(void (*run)(void *argument), void *argument);
extern char probe_resume[];

uint64_t probe_stack;
static struct trap_frame caught;
static uint64_t caught_cr2;

bool cpu_probe(void (*run)(void *argument), void *argument, struct trap_frame *frame, uint64_t *cr2)
{
    bool were_on = cpu_save_interrupts();
    uint64_t outer = probe_stack;
    bool done = probe_enter(run, argument);

    probe_stack = outer;
    if (!done && frame != NULL) {
        *frame = caught;
    }
    if (!done && cr2 != NULL) {
        *cr2 = caught_cr2;
    }
    cpu_restore_interrupts(were_on);
    return done;
}

bool probe_catch(struct trap_frame *frame)
{
    if (probe_stack == 0) {
        return false;
    }
    caught = *frame;
    caught_cr2 = cpu_read_cr2();
    frame->rip = (uintptr_t)probe_resume;
    frame->cs = KERNEL_CODE_SELECTOR;
    frame->rflags = RFLAGS_ALWAYS; /* interrupts off, and the direction that C wants */
    frame->rsp = probe_stack;
    frame->ss = KERNEL_DATA_SELECTOR;
    probe_stack = 0;
    return true;
}

struct copy {
    void *to;
    uint64_t from;
    size_t size;
};

static void copy_bytes(void *argument)
{
    struct copy copy = *(struct copy *)argument;

    __asm__ volatile("rep movsb" : "+D"(copy.to), "+S"(copy.from), "+c"(copy.size) : : "memory");
}

bool cpu_probe_read(void *buffer, uint64_t address, size_t size)
{
    struct copy copy = {buffer, address, size};

    return cpu_probe(copy_bytes, &copy, NULL, NULL);
}
