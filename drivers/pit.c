/*
 * pit.c - see pit.h. [8254]
 *
 * Counter 0 ticks, counter 2 is the clock's. They are two, because the clock wants rounds as long
 * as possible (55 ms: they may not be missed before the ticks begin), and ticks want short ones.
 * Counter 2 is wired to the loudspeaker; port 61h lets it count and keeps the speaker silent.
 */
#include "drivers/pit.h"

#include <stddef.h>

#include "kernel/clock.h"
#include "kernel/cpu/io.h"
#include "kernel/irq.h"

#define COUNTER0            0x40
#define COUNTER2            0x42
#define MODE                0x43
#define MODE_RATE_COUNTER0  0x34 /* low then high byte, mode 2: counts by one, over and over */
#define MODE_RATE_COUNTER2  0xB4
#define MODE_LATCH_COUNTER2 0x80

#define SPEAKER             0x61
#define SPEAKER_GATE2       0x01 /* counter 2 counts */
#define SPEAKER_KEEP        0x0C /* memory and bus errors: as the BIOS set them */

#define PIT_HZ              1193182
#define TICK_STEPS          ((PIT_HZ + PIT_TICK_HZ / 2) / PIT_TICK_HZ)
#define TICK_NANOS          (TICK_STEPS * 1000000000ull / PIT_HZ)
#define LONGEST_ROUND       0x10000 /* written as 0 */

static uint32_t read_counter2(void)
{
    uint32_t low, count;

    io_write8(MODE, MODE_LATCH_COUNTER2);
    low = io_read8(COUNTER2);
    count = (uint32_t)io_read8(COUNTER2) << 8 | low;
    /* The counter runs 10000h (which reads as 0) ... 1; the clock wants FFFFh ... 0. */
    return (count - 1) & (LONGEST_ROUND - 1);
}

static const struct clock_counter counter = {
    .hz = PIT_HZ,
    .round = LONGEST_ROUND,
    .read = read_counter2,
};

void pit_start(void)
{
    io_write8(SPEAKER, (uint8_t)((io_read8(SPEAKER) & SPEAKER_KEEP) | SPEAKER_GATE2));
    io_write8(MODE, MODE_RATE_COUNTER2);
    io_write8(COUNTER2, 0);
    io_write8(COUNTER2, 0);
    clock_start(&counter);
}

static bool tick(void *context)
{
    (void)context;
    clock_tick();
    return true;
}

static struct irq_handler handler = {.owner = "timer", .handle = tick};

void pit_start_tick(void)
{
    io_write8(MODE, MODE_RATE_COUNTER0);
    io_write8(COUNTER0, TICK_STEPS & 0xFF);
    io_write8(COUNTER0, TICK_STEPS >> 8);
    clock_expect_ticks(TICK_NANOS);
    irq_register(IRQ_TIMER, &handler);
}
