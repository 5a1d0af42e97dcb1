/*
 * test_irq.c - interrupt lines, the tick and the clock on the real controllers. INT n raises the
 * vector of a line that no device of a PC uses; the PICs do not know of it, which does no harm: an
 * end of interrupt while nothing is in service changes nothing.
 */
#include <stdbool.h>
#include <stdint.h>

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/irq.h"
#include "tests/kernel/guest_test.h"

#define FREE_LINE 5

static void raise_free_line(void)
{
    __asm__ volatile("int %0" : : "i"(IRQ_FIRST_VECTOR + FREE_LINE) : "memory");
}

static void raise_spurious(void)
{
    __asm__ volatile("int %0" : : "i"(IRQ_FIRST_VECTOR + 7) : "memory");
    __asm__ volatile("int %0" : : "i"(IRQ_FIRST_VECTOR + 15) : "memory");
}

/* A device that asks as often as *CONTEXT says. */
static bool serve(void *context)
{
    unsigned *asks = context;

    if (!irq_active() || cpu_interrupts_are_on() || *asks == 0) {
        return false;
    }
    (*asks)--;
    return true;
}

GUEST_TEST(irq_line_is_shared)
{
    unsigned first_asks = 1, second_asks = 2;
    struct irq_handler first = {.owner = "first", .handle = serve, .context = &first_asks};
    struct irq_handler second = {.owner = "second", .handle = serve, .context = &second_asks};
    const struct irq_line *line = irq_line(FREE_LINE);
    uint64_t unclaimed = line->unclaimed;

    irq_register(FREE_LINE, &first);
    irq_register(FREE_LINE, &second);
    for (int i = 0; i < 3; i++) {
        raise_free_line();
    }
    irq_unregister(FREE_LINE, &first);
    irq_unregister(FREE_LINE, &second);
    CHECK(first.handled == 1 && second.handled == 2, "%llu and %llu",
          (unsigned long long)first.handled, (unsigned long long)second.handled);
    CHECK(line->unclaimed == unclaimed + 1, "%llu", (unsigned long long)line->unclaimed);
    CHECK(!irq_active(), "outside of an interrupt");
}

GUEST_TEST(irq_spurious_are_counted)
{
    uint64_t before[2] = {irq_line(7)->spurious, irq_line(15)->spurious};

    raise_spurious();
    CHECK(irq_line(7)->spurious == before[0] + 1, "line 7");
    CHECK(irq_line(15)->spurious == before[1] + 1, "line 15");
}

GUEST_TEST(irq_storm_is_stopped)
{
    unsigned asks = 0;
    struct irq_handler stuck = {.owner = "stuck", .handle = serve, .context = &asks};

    irq_register(FREE_LINE, &stuck);
    for (unsigned i = 0; i < IRQ_STORM_LIMIT; i++) {
        raise_free_line();
    }
    bool stormed = irq_line(FREE_LINE)->stormed;

    irq_unregister(FREE_LINE, &stuck);
    irq_unmask(FREE_LINE);
    CHECK(stormed, "after %u interrupts", IRQ_STORM_LIMIT);
    CHECK(!irq_line(FREE_LINE)->stormed, "after irq_unmask");
}

/* A masked timer does not tick; unmasked it does, and the clock has not stood still meanwhile. */
GUEST_TEST(irq_masked_line_is_silent)
{
    uint64_t start = clock_nanos();

    while (clock_tsc_hz() == 0 && clock_nanos() - start < 1000000000) {
        cpu_pause(); /* without ticks only the TSC keeps the time */
    }
    irq_mask(IRQ_TIMER);
    uint64_t ticks = clock_ticks();
    uint64_t nanos = clock_nanos();

    clock_wait(20000);
    uint64_t while_masked = clock_ticks() - ticks;
    uint64_t passed = clock_nanos() - nanos;

    irq_unmask(IRQ_TIMER);
    ticks = clock_ticks();
    clock_wait(20000);
    CHECK(while_masked == 0, "%llu ticks", (unsigned long long)while_masked);
    CHECK(passed >= 20000000, "%llu ns", (unsigned long long)passed);
    CHECK(clock_ticks() > ticks, "no tick after irq_unmask");
}

/* Ticks and the clock agree: not more ticks than fit, and not far fewer. */
GUEST_TEST(clock_and_ticks_agree)
{
    uint64_t start = clock_nanos();
    uint64_t ticks = clock_ticks();

    clock_wait(100000);
    uint64_t millis = (clock_nanos() - start) / 1000000;

    ticks = clock_ticks() - ticks;
    CHECK(millis >= 100, "waited %llu ms", (unsigned long long)millis);
    CHECK(ticks <= millis + 2, "%llu ticks in %llu ms", (unsigned long long)ticks,
          (unsigned long long)millis);
    CHECK(ticks >= 5, "%llu ticks in %llu ms", (unsigned long long)ticks,
          (unsigned long long)millis);
}
