/*
 * irq.h - hardware interrupts: who handles which line.
 *
 * The interrupt controller registers itself here as a struct irq_chip, drivers register handlers
 * for their line by number. So neither knows the other, and another controller can take the place
 * of the first.
 *
 * Several devices may share a line if it is level triggered, as those of PCI are: then the request
 * stays until every device has been served. Each handler is called and says whether it was its
 * device that had asked. A line that asks IRQ_STORM_LIMIT times in a row without any device having
 * asked is broken, and would leave no time for anything else: it is masked, and the log says so.
 */
#ifndef SECTOR0_KERNEL_IRQ_H
#define SECTOR0_KERNEL_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#define IRQ_COUNT        16
#define IRQ_FIRST_VECTOR 0x20 /* IRQ n is vector 20h + n: below are the CPU's exceptions */
#define IRQ_STORM_LIMIT  10000

#define IRQ_TIMER        0
#define IRQ_KEYBOARD     1
#define IRQ_COM1         4

struct irq_chip {
    const char *name;
    void (*enable)(unsigned irq);
    void (*disable)(unsigned irq);
    bool (*is_spurious)(unsigned irq); /* true: nobody asked; what the chip needs then was done */
    void (*done)(unsigned irq);        /* end of interrupt */
};

/* One driver's interest in a line. The first three fields are the driver's. */
struct irq_handler {
    const char *owner; /* a name for people */
    /* Serve the device; returns whether it had asked. Context: interrupt, interrupts off. */
    bool (*handle)(void *context);
    void *context;            /* what handle gets */
    uint64_t handled;         /* how often its device had asked; changed with interrupts off */
    struct irq_handler *next; /* owned by irq.c */
};

/* All of it is changed with interrupts off only. */
struct irq_line {
    struct irq_handler *first; /* NULL: nobody's; in the order of registration */
    uint64_t handled;          /* interrupts that some device had asked for */
    uint64_t unclaimed;        /* interrupts that no handler knew of */
    uint64_t spurious;         /* that the controller took back: see drivers/pic.c */
    uint32_t unclaimed_in_row;
    bool stormed; /* masked by the storm guard, until the next irq_register or irq_unmask */
    bool masked;  /* by irq_mask or the storm guard; a line without handlers is always off */
};

/* Use CHIP, all of whose lines are off. Context: start-up, interrupts off. */
void irq_set_chip(const struct irq_chip *chip);

/*
 * Let HANDLER's function run, with interrupts off, whenever IRQ comes, and turn the line on.
 * HANDLER must stay in memory until irq_unregister. Context: any, but not in a handler.
 */
void irq_register(unsigned irq, struct irq_handler *handler);

/*
 * Take HANDLER, which is registered for IRQ, away; the last one turns the line off. The function is
 * not running, nor called again, when this returns. Context: any, but not in a handler.
 */
void irq_unregister(unsigned irq, struct irq_handler *handler);

/* Turn a line off and on again, for all who share it. They do not nest. Context: any. */
void irq_mask(unsigned irq);
void irq_unmask(unsigned irq);

/* Called by the trap entry for IRQ. Context: interrupts off. */
void irq_handle(unsigned irq);

/* Whether an interrupt is being handled now. Context: any. */
bool irq_active(void);

/* What is known about IRQ, below IRQ_COUNT. Context: any; interrupts off for a whole picture. */
const struct irq_line *irq_line(unsigned irq);

#endif
