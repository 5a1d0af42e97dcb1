/*
 * pit.c - see pit.h. [8254]
 *
 * 1000 ticks a second: threads have slices of 10 ms and sleep for milliseconds, so a tick must come
 * about that often while several want to run. It costs some 220 instructions, of the two million
 * and more that fit in between; but under QEMU each one takes the host 40 us, and 70 us if it wakes
 * an idle machine: 1000 a second burn up to 7 % of one of its cores. Therefore ticks stay away
 * while one thread alone, or none, wants to run, up to the 55 ms that the counter can do
 * (clock_quiet). One-shot ticks all the time would cost three slow port writes at each of them.
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
#define NANOS_PER_SECOND    1000000000ull
#define TICK_STEPS          ((PIT_HZ + PIT_TICK_HZ / 2) / PIT_TICK_HZ)
#define LONGEST_ROUND       0x10000 /* written as 0 */
#define NANOS_OF(steps)     ((uint32_t)((steps)*NANOS_PER_SECOND / PIT_HZ))

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

/* Writing the mode, too, makes the new count take effect at once and not after the old one. */
static void set_next(uint32_t nanos)
{
    uint32_t steps =
        (uint32_t)((nanos * (uint64_t)PIT_HZ + NANOS_PER_SECOND - 1) / NANOS_PER_SECOND);

    io_write8(MODE, MODE_RATE_COUNTER0);
    io_write8(COUNTER0, (uint8_t)steps);
    io_write8(COUNTER0, (uint8_t)(steps >> 8));
}

static const struct clock_ticker ticker = {
    .nanos = NANOS_OF(TICK_STEPS),
    .longest = NANOS_OF(LONGEST_ROUND - 1),
    .set_next = set_next,
};

void pit_start_tick(void)
{
    set_next(ticker.nanos);
    clock_expect_ticks(&ticker);
    irq_register(IRQ_TIMER, &handler);
}
