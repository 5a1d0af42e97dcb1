/*
 * pic.h - the two 8259A interrupt controllers of a PC.
 */
#ifndef SECTOR0_DRIVERS_PIC_H
#define SECTOR0_DRIVERS_PIC_H

/*
 * Move IRQ 0-15 to the vectors from IRQ_FIRST_VECTOR on, turn all of them off, and register with
 * kernel/irq.h. Context: start-up, interrupts off.
 */
void pic_start(void);

#endif
