/*
 * irq.c - see irq.h.
 *
 * irq_handle is on the path of every interrupt, so it does little: ask the chip, call who is
 * registered, count, end the interrupt. The one place where an interrupt is ended is its last line.
 */
#include "kernel/irq.h"

#include <stddef.h>

#include "kernel/cpu/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"

static const struct irq_chip *chip;
static struct irq_line lines[IRQ_COUNT];
static unsigned active; /* handlers that run now; changed with interrupts off */

void irq_set_chip(const struct irq_chip *new_chip)
{
    chip = new_chip;
}

/* The link that points at HANDLER, or the last link of LINE. */
static struct irq_handler **find_link(struct irq_line *line, const struct irq_handler *handler)
{
    struct irq_handler **link = &line->first;

    while (*link != NULL && *link != handler) {
        link = &(*link)->next;
    }
    return link;
}

/* Turn the line on or off at the chip, as its state asks. Context: interrupts off. */
static void update_chip(unsigned irq)
{
    const struct irq_line *line = &lines[irq];

    if (line->first != NULL && !line->masked) {
        chip->enable(irq);
    } else {
        chip->disable(irq);
    }
}

void irq_register(unsigned irq, struct irq_handler *handler)
{
    ASSERT(irq < IRQ_COUNT && chip != NULL, "irq %u, owner %s", irq, handler->owner);
    bool were_on = cpu_save_interrupts();
    struct irq_line *line = &lines[irq];
    struct irq_handler **link = find_link(line, handler);

    ASSERT(*link == NULL, "irq %u, owner %s is there already", irq, handler->owner);
    handler->next = NULL;
    *link = handler;
    /* A storm was perhaps the cry of just this device. */
    line->masked = line->masked && !line->stormed;
    line->stormed = false;
    line->unclaimed_in_row = 0;
    update_chip(irq);
    cpu_restore_interrupts(were_on);
}

void irq_unregister(unsigned irq, struct irq_handler *handler)
{
    ASSERT(irq < IRQ_COUNT && active == 0, "irq %u, owner %s", irq, handler->owner);
    bool were_on = cpu_save_interrupts();
    struct irq_handler **link = find_link(&lines[irq], handler);

    ASSERT(*link == handler, "irq %u, owner %s is not there", irq, handler->owner);
    *link = handler->next;
    update_chip(irq);
    cpu_restore_interrupts(were_on);
}

static void set_masked(unsigned irq, bool masked)
{
    ASSERT(irq < IRQ_COUNT && chip != NULL, "irq %u", irq);
    bool were_on = cpu_save_interrupts();

    lines[irq].masked = masked;
    lines[irq].stormed = false;
    lines[irq].unclaimed_in_row = 0;
    update_chip(irq);
    cpu_restore_interrupts(were_on);
}

void irq_mask(unsigned irq)
{
    set_masked(irq, true);
}

void irq_unmask(unsigned irq)
{
    set_masked(irq, false);
}

/* No handler knew of this interrupt. Once may happen; without an end it is a storm. */
static void count_unclaimed(unsigned irq)
{
    struct irq_line *line = &lines[irq];

    line->unclaimed++;
    if (++line->unclaimed_in_row < IRQ_STORM_LIMIT || line->masked) {
        return;
    }
    line->masked = true;
    line->stormed = true;
    update_chip(irq);
    log_line("irq", "line %u asked %u times in a row and no device had: turned off", irq,
             IRQ_STORM_LIMIT);
}

void irq_handle(unsigned irq)
{
    struct irq_line *line = &lines[irq];
    bool claimed = false;

    if (chip == NULL || chip->is_spurious(irq)) {
        line->spurious++;
        return;
    }
    active++;
    for (struct irq_handler *handler = line->first; handler != NULL; handler = handler->next) {
        if (handler->handle(handler->context)) {
            handler->handled++;
            claimed = true;
        }
    }
    if (claimed) {
        line->handled++;
        line->unclaimed_in_row = 0;
    } else {
        count_unclaimed(irq);
    }
    active--;
    chip->done(irq);
}

bool irq_active(void)
{
    return active != 0;
}

const struct irq_line *irq_line(unsigned irq)
{
    return &lines[irq];
}
