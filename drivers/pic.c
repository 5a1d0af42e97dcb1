/*
 * pic.c - see pic.h. [8259A]
 *
 * The BIOS has IRQ 0-7 at vectors 8-15, where the CPU's exceptions are; so they are moved. The
 * second PIC hangs on line 2 of the first.
 *
 * Lines 7 and 15 can be spurious: the line went quiet before the CPU asked for its number. Then the
 * PIC's in-service bit is not set, and it must not be told that the interrupt is done; for line 15
 * the first PIC still must, because for it line 2 was real.
 */
#include "drivers/pic.h"

#include <stdint.h>

#include "kernel/cpu/io.h"
#include "kernel/irq.h"

#define PIC1_COMMAND      0x20
#define PIC1_DATA         0x21
#define PIC2_COMMAND      0xA0
#define PIC2_DATA         0xA1

#define ICW1_INIT         0x11 /* edge triggered, cascaded, ICW4 follows */
#define ICW3_PIC1_CASCADE 0x04 /* bit mask of the line */
#define ICW3_PIC2_CASCADE 2    /* number of the line */
#define ICW4_8086         0x01
#define OCW2_EOI          0x20
#define OCW3_READ_ISR     0x0B

#define LINES_PER_PIC     8
#define CASCADE_LINE      2
#define SPURIOUS_LINE     7 /* of each PIC */

static uint16_t disabled = 0xFFFF; /* bit n: IRQ n is off; changed with interrupts off */

static void write_masks(void)
{
    io_write8(PIC1_DATA, (uint8_t)disabled);
    io_write8(PIC2_DATA, (uint8_t)(disabled >> 8));
}

static void pic_enable(unsigned irq)
{
    disabled &= (uint16_t) ~(1u << irq);
    if (irq >= LINES_PER_PIC) {
        disabled &= (uint16_t) ~(1u << CASCADE_LINE);
    }
    write_masks();
}

static void pic_disable(unsigned irq)
{
    if (irq == CASCADE_LINE) {
        return; /* nobody's own */
    }
    disabled |= (uint16_t)(1u << irq);
    if (disabled >> LINES_PER_PIC == 0xFF) {
        disabled |= 1u << CASCADE_LINE; /* nothing can come from the second PIC any more */
    }
    write_masks();
}

static uint8_t in_service(uint16_t command_port)
{
    io_write8(command_port, OCW3_READ_ISR);
    return io_read8(command_port);
}

static bool pic_is_spurious(unsigned irq)
{
    if (irq % LINES_PER_PIC != SPURIOUS_LINE) {
        return false;
    }
    if (in_service(irq < LINES_PER_PIC ? PIC1_COMMAND : PIC2_COMMAND) & 1u << SPURIOUS_LINE) {
        return false;
    }
    if (irq >= LINES_PER_PIC) {
        io_write8(PIC1_COMMAND, OCW2_EOI);
    }
    return true;
}

static void pic_done(unsigned irq)
{
    if (irq >= LINES_PER_PIC) {
        io_write8(PIC2_COMMAND, OCW2_EOI);
    }
    io_write8(PIC1_COMMAND, OCW2_EOI);
}

static const struct irq_chip chip = {
    .name = "8259A",
    .enable = pic_enable,
    .disable = pic_disable,
    .is_spurious = pic_is_spurious,
    .done = pic_done,
};

void pic_start(void)
{
    io_write8(PIC1_COMMAND, ICW1_INIT);
    io_write8(PIC2_COMMAND, ICW1_INIT);
    io_write8(PIC1_DATA, IRQ_FIRST_VECTOR);
    io_write8(PIC2_DATA, IRQ_FIRST_VECTOR + LINES_PER_PIC);
    io_write8(PIC1_DATA, ICW3_PIC1_CASCADE);
    io_write8(PIC2_DATA, ICW3_PIC2_CASCADE);
    io_write8(PIC1_DATA, ICW4_8086);
    io_write8(PIC2_DATA, ICW4_8086);
    write_masks();
    irq_set_chip(&chip);
}
