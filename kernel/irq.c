/* irq.c - see irq.h. */
#include "kernel/irq.h"

#include <stddef.h>

#include "kernel/panic.h"

static const struct irq_chip *chip;
static struct irq_line lines[IRQ_COUNT];
static unsigned active; /* handlers that run now; changed with interrupts off */

void irq_set_chip(const struct irq_chip *new_chip)
{
    chip = new_chip;
}

void irq_register(unsigned irq, const char *owner, void (*handler)(void))
{
    ASSERT(irq < IRQ_COUNT && lines[irq].handler == NULL, "irq %u, owner %s", irq,
           irq < IRQ_COUNT ? lines[irq].owner : "none");
    lines[irq].owner = owner;
    lines[irq].handler = handler;
    chip->enable(irq);
}

void irq_handle(unsigned irq)
{
    struct irq_line *line = &lines[irq];

    if (chip == NULL || chip->is_spurious(irq)) {
        line->unexpected++;
        return;
    }
    if (line->handler == NULL) {
        line->unexpected++;
    } else {
        line->handled++;
        active++;
        line->handler();
        active--;
    }
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
