/*
 * irq.h - hardware interrupts: who handles which line.
 *
 * The interrupt controller registers itself here as a struct irq_chip, drivers register a handler
 * for their line by number. So neither knows the other, and another controller can take the place
 * of the first.
 */
#ifndef SECTOR0_KERNEL_IRQ_H
#define SECTOR0_KERNEL_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#define IRQ_COUNT 16
#define IRQ_FIRST_VECTOR                                                                           \
    0x20 /* IRQ n arrives as vector 20h + n: below are the CPU's exceptions                        \
          */

#define IRQ_TIMER    0
#define IRQ_KEYBOARD 1
#define IRQ_COM1     4

struct irq_chip {
    const char *name;
    void (*enable)(unsigned irq);
    bool (*is_spurious)(unsigned irq); /* true: nobody asked; what the chip needs then was done */
    void (*done)(unsigned irq);        /* end of interrupt */
};

struct irq_line {
    const char *owner; /* NULL: nobody */
    void (*handler)(void);
    uint64_t handled;    /* counted with interrupts off */
    uint64_t unexpected; /* spurious, or without an owner */
};

/* Use CHIP, all of whose lines are off. Context: start-up, interrupts off. */
void irq_set_chip(const struct irq_chip *chip);

/*
 * Let HANDLER run, with interrupts off, whenever IRQ comes, and turn the line on. OWNER is a name
 * for people. The line must be free. Context: start-up, interrupts off.
 */
void irq_register(unsigned irq, const char *owner, void (*handler)(void));

/* Called by the trap entry for IRQ. Context: interrupts off. */
void irq_handle(unsigned irq);

/* Whether an interrupt is being handled now. Context: any. */
bool irq_active(void);

/* What is known about IRQ, below IRQ_COUNT. Context: any. */
const struct irq_line *irq_line(unsigned irq);

#endif
