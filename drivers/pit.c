/*
 * pit.c - see pit.h. [8254]
 *
 * 100 ticks a second: nothing in this kernel waits for a tick, the clock is exact between ticks
 * (kernel/clock.c), and an idle machine should sleep. Ten times as many would wake it ten times as
 * often, and under an emulator each wake-up costs as much as thousands of instructions.
 */
#include "drivers/pit.h"

#include "kernel/clock.h"
#include "kernel/cpu/io.h"
#include "kernel/irq.h"

#define COUNTER0            0x40
#define MODE                0x43
#define MODE_RATE_COUNTER0  0x34 /* counter 0, low then high byte, mode 2: counts by one */
#define MODE_LATCH_COUNTER0 0x00

#define PIT_HZ              1193182
#define ROUND               ((PIT_HZ + PIT_TICK_HZ / 2) / PIT_TICK_HZ)

static uint32_t pit_read(void)
{
    uint32_t low, count;

    io_write8(MODE, MODE_LATCH_COUNTER0);
    low = io_read8(COUNTER0);
    count = (uint32_t)io_read8(COUNTER0) << 8 | low;
    /* The counter runs ROUND ... 1; the clock wants ROUND - 1 ... 0. */
    return count - 1;
}

static const struct clock_counter counter = {.hz = PIT_HZ, .round = ROUND, .read = pit_read};

void pit_start(void)
{
    io_write8(MODE, MODE_RATE_COUNTER0);
    io_write8(COUNTER0, ROUND & 0xFF);
    io_write8(COUNTER0, ROUND >> 8);
    clock_start(&counter);
}

void pit_start_tick(void)
{
    clock_expect_ticks();
    irq_register(IRQ_TIMER, "timer", clock_tick);
}
