/* cmd_irq.c - irq: who handles which interrupt line, and how busy it is. */
#include "drivers/serial.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/input.h"
#include "kernel/irq.h"
#include "shell/commands.h"

#define OWNERS_MAX       40
#define NANOS_PER_SECOND 1000000000ull

/* What the last call of irq saw: rates are measured from there. Owned by the shell. */
static uint64_t last_total[IRQ_COUNT], last_nanos;

/* The names of all owners, cut if there are too many. */
static void join_owners(char owners[OWNERS_MAX], const struct irq_line *line)
{
    size_t used = 0;

    owners[0] = '\0';
    for (struct irq_handler *handler = line->first; handler != NULL && used < OWNERS_MAX - 1;
         handler = handler->next) {
        used += format_string(owners + used, OWNERS_MAX - used, "%s%s", used > 0 ? ", " : "",
                              handler->owner);
    }
}

/* Interrupts a second, in tenths. Four billion in ten seconds are more than any line brings. */
static uint64_t tenths_a_second(uint64_t count, uint64_t nanos)
{
    uint64_t millis = nanos / (NANOS_PER_SECOND / 1000);

    return millis == 0 ? 0 : count * 10000 / millis;
}

static void print_line(unsigned irq, uint64_t nanos)
{
    char owners[OWNERS_MAX];
    bool were_on = cpu_save_interrupts(); /* counts and owners of one moment */
    struct irq_line copy = *irq_line(irq);
    const struct irq_line *line = &copy;

    join_owners(owners, line);
    cpu_restore_interrupts(were_on);

    uint64_t total = line->handled + line->unclaimed + line->spurious;
    uint64_t rate = tenths_a_second(total - last_total[irq], nanos);

    last_total[irq] = total;
    if (line->first == NULL && total == 0) {
        return;
    }
    kprintf("%3u %10llu %10llu %9llu %8llu.%llu  %s%s\n", irq, (unsigned long long)line->handled,
            (unsigned long long)line->unclaimed, (unsigned long long)line->spurious,
            (unsigned long long)(rate / 10), (unsigned long long)(rate % 10),
            owners[0] != '\0' ? owners : "-",
            line->stormed  ? " (masked: storm)"
            : line->masked ? " (masked)"
                           : "");
}

static void print_com1(void)
{
    const struct serial_statistics *com1 = serial_statistics();

    kprintf("com1: %llu bytes received, %llu sent, %llu dropped; overruns %llu, parity %llu, "
            "framing %llu, breaks %llu\n",
            (unsigned long long)com1->received, (unsigned long long)com1->sent,
            (unsigned long long)com1->dropped, (unsigned long long)com1->overruns,
            (unsigned long long)com1->parity_errors, (unsigned long long)com1->framing_errors,
            (unsigned long long)com1->breaks);
}

int command_irq(int argc, char **argv)
{
    uint64_t now = clock_nanos();

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    kprintf("irq    handled  unclaimed  spurious   per second  owners\n");
    for (unsigned irq = 0; irq < IRQ_COUNT; irq++) {
        print_line(irq, now - last_nanos);
    }
    last_nanos = now;
    print_com1();
    kprintf("keys dropped: %llu\n", (unsigned long long)input_dropped());
    return STATUS_OK;
}
