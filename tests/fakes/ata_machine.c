/* ata_machine.c - see ata_machine.h. */
#include "tests/fakes/ata_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sanitizer/asan_interface.h>

#include "drivers/ata.h"
#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/io.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/heap.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/work.h"
#include "tests/fakes/memory.h"

#define LOW_RAM  0x1000000ull
#define HIGH_RAM 0x200000000ull
#define RAM_SIZE 0x8000000ull
#define STEP     500 /* ns */

struct block_device *machine_disks[4];
unsigned machine_disk_count;
bool machine_resets_asked, machine_no_dma_memory, machine_no_heap, machine_has_pci;
char machine_log[16384];
struct pci_function machine_functions[3];
unsigned machine_function_count, machine_unclaimed;
void (*machine_while_asleep)(void);
bool fake_interrupts_on = true;

bool machine_shared_irq;

static struct irq_handler *handlers[IRQ_COUNT][2];
static struct work *queued;
static void *objects[4]; /* of the heap */
static uint64_t next_memory[2];

/* ---- What the driver calls ---- */

uint32_t fake_io_read(uint16_t port, unsigned size)
{
    uint32_t value = 0;

    return fake_ata_port(port, size, false, &value) ? value : 0xFFFFFFFF;
}

void fake_io_write(uint16_t port, uint32_t value, unsigned size)
{
    fake_ata_port(port, size, true, &value);
}

uint64_t fake_tsc(void)
{
    return fake_nanos;
}

void fake_sleep(void)
{
    fail_msg("the CPU is put to sleep");
}

void fake_halt(void)
{
    abort();
}

void fake_invalidate_page(uint64_t address)
{
    (void)address;
}

uint64_t clock_micros(void)
{
    return fake_nanos / 1000;
}

void clock_wait(uint64_t micros)
{
    fake_nanos += micros * 1000;
    fake_ata_advance();
}

bool thread_may_sleep(void)
{
    return fake_interrupts_on && fake_spin_locks_held == 0;
}

void thread_sleep(uint64_t nanos)
{
    assert_true(thread_may_sleep());
    fake_nanos += nanos;
    fake_ata_advance();
    if (machine_while_asleep != NULL) {
        machine_while_asleep();
    }
}

bool work_queue(struct work *work)
{
    assert_true(queued == NULL || queued == work);
    queued = work;
    return true;
}

void irq_register(unsigned irq, struct irq_handler *handler)
{
    assert_true(irq < IRQ_COUNT && (handlers[irq][0] == NULL || machine_shared_irq));
    handlers[irq][handlers[irq][0] != NULL] = handler;
}

void *kcalloc(size_t count, size_t size)
{
    for (unsigned i = 0; i < 4 && !machine_no_heap; i++) {
        if (objects[i] == NULL) {
            objects[i] = calloc(count, size);
            return objects[i];
        }
    }
    return NULL;
}

void kfree(void *object)
{
    for (unsigned i = 0; i < 4; i++) {
        objects[i] = objects[i] == object ? NULL : objects[i];
    }
    free(object);
}

void *dma_alloc(size_t size, uint64_t *phys)
{
    return machine_no_dma_memory ? NULL : machine_memory(size, size, false, phys);
}

void dma_free(void *address, size_t size)
{
    (void)address;
    (void)size;
}

static void log_va(const char *area, const char *text, va_list arguments)
{
    size_t used = strlen(machine_log);

    used += (size_t)snprintf(machine_log + used, sizeof(machine_log) - used, "%s: ", area);
    used += (size_t)vsnprintf(machine_log + used, sizeof(machine_log) - used, text, arguments);
    snprintf(machine_log + used, sizeof(machine_log) - used, "\n");
}

void log_line(const char *area, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    log_va(area, text, arguments);
    va_end(arguments);
}

void log_detail(const char *area, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    log_va(area, text, arguments);
    va_end(arguments);
}

bool pci_present(void)
{
    return machine_has_pci;
}

const struct pci_function *pci_next(const struct pci_function *previous)
{
    unsigned next = previous == NULL ? 0 : (unsigned)(previous - machine_functions) + 1;

    return next < machine_function_count ? &machine_functions[next] : NULL;
}

void pci_enable(const struct pci_function *function, uint16_t bits)
{
    (void)function;
    assert_int_equal(bits, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
}

/* ---- What the tests call ---- */

void machine_new(void)
{
    fake_ata_reset_all();
    memset(machine_disks, 0, sizeof(machine_disks));
    memset(handlers, 0, sizeof(handlers));
    machine_forget_requests();
    for (unsigned i = 0; i < 4; i++) {
        kfree(objects[i]);
    }
    machine_disk_count = machine_unclaimed = 0;
    machine_resets_asked = machine_no_dma_memory = machine_no_heap = false;
    machine_log[0] = '\0';
    queued = NULL;
    ASAN_UNPOISON_MEMORY_REGION(phys_to_virt(LOW_RAM), RAM_SIZE); /* a test may have failed */
    fake_memory_map(LOW_RAM, RAM_SIZE);
    fake_memory_map(HIGH_RAM, RAM_SIZE);
    next_memory[0] = LOW_RAM;
    next_memory[1] = HIGH_RAM;
    for (unsigned i = 0; i < 2; i++) {
        fake_channels[i].command = i == 0 ? 0x1F0 : 0x170;
        fake_channels[i].control = i == 0 ? 0x3F6 : 0x376;
        fake_channels[i].master = (uint16_t)(0xC000 + 8 * i);
    }
    machine_has_pci = true;
    machine_shared_irq = false;
    machine_while_asleep = NULL;
    machine_function_count = 1;
    machine_functions[0] =
        (struct pci_function){.class_code = 1, .subclass = 1, .interface = 0x80, .irq = PCI_NO_IRQ};
    machine_functions[0].bar[4] = (struct pci_bar){.base = 0xC000, .io = true};
}

void machine_start(void)
{
    ata_start();
}

uint8_t *machine_memory(uint64_t size, uint64_t align, bool high, uint64_t *phys)
{
    uint64_t place = (next_memory[high] + align - 1) / align * align;

    next_memory[high] = place + size;
    assert_true(next_memory[high] <= (high ? HIGH_RAM : LOW_RAM) + RAM_SIZE);
    *phys = place;
    return phys_to_virt(place);
}

void machine_poke_irq(unsigned irq)
{
    bool were_on = cpu_save_interrupts();
    bool claimed = false;

    for (unsigned i = 0; i < 2 && handlers[irq][i] != NULL; i++) {
        claimed |= handlers[irq][i]->handle(handlers[irq][i]->context);
    }
    machine_unclaimed += !claimed;
    cpu_restore_interrupts(were_on);
}

static void deliver(void)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned irq = machine_shared_irq ? machine_functions[0].irq : 14 + i;

        if (fake_channels[i].edge && handlers[irq][0] != NULL) {
            fake_channels[i].edge = false;
            machine_poke_irq(irq);
        }
    }
    if (queued != NULL) {
        struct work *work = queued;

        queued = NULL;
        work->run(work);
    }
}

void machine_run(uint64_t micros)
{
    for (uint64_t end = fake_nanos + micros * 1000; fake_nanos < end;) {
        fake_nanos += STEP;
        fake_ata_advance();
        deliver();
    }
}
