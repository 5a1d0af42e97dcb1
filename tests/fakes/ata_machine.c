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

#define LOW_RAM     0x1000000ull
#define HIGH_RAM    0x200000000ull
#define RAM_SIZE    0x8000000ull
#define STEP        500 /* ns */
#define TIMEOUT     30000000000ull
#define QUIET_LOOKS 10
#define QUIET_STEPS 1000 /* of 10 us: then somebody looks what is wrong */

struct block_device *machine_disks[4];
unsigned machine_disk_count;
bool machine_resets_asked, machine_no_dma_memory, machine_no_heap, machine_has_pci;
char machine_log[16384];
struct pci_function machine_functions[3];
unsigned machine_function_count, machine_unclaimed;
bool fake_interrupts_on = true;

bool machine_shared_irq;

static struct irq_handler *handlers[IRQ_COUNT][2];
static struct work *queued;
static void *objects[4]; /* of the heap */
static uint64_t next_memory[2];
static struct machine_request *requests[1024];
static unsigned quiet_looks; /* without an end in between */
static unsigned request_count, submitted_count, done_count;

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

/* ---- The stand-in for block.c ---- */

static void unlink_request(struct blk_req **first, struct blk_req **last, struct blk_req *req)
{
    struct blk_req **link = first;
    struct blk_req *before = NULL;

    while (*link != req) {
        assert_non_null(*link);
        before = *link;
        link = &before->next;
    }
    *link = req->next;
    if (*last == req) {
        *last = before;
    }
    req->next = NULL;
}

static void append(struct blk_req **first, struct blk_req **last, struct blk_req *req)
{
    req->next = NULL;
    *(*last != NULL ? &(*last)->next : first) = req;
    *last = req;
}

static void put_front(struct block_device *device, struct blk_req *req)
{
    req->next = device->queue_first;
    device->queue_first = req;
    if (device->queue_last == NULL) {
        device->queue_last = req;
    }
}

void block_register(struct block_device *device, const char *prefix)
{
    device->lock.name = "block";
    snprintf(device->name, sizeof(device->name), "%s%u", prefix, machine_disk_count);
    device->dev.name = device->name;
    machine_disks[machine_disk_count++] = device;
}

struct blk_req *block_take(struct block_device *device)
{
    struct blk_req *req = device->queue_first;

    assert_true(spin_is_locked(&device->lock));
    if (req != NULL) {
        unlink_request(&device->queue_first, &device->queue_last, req);
        append(&device->flight_first, &device->flight_last, req);
    }
    return req;
}

struct blk_req *block_take_next(struct block_device *device, const struct blk_req *previous,
                                uint32_t max_sectors, uint32_t max_segments)
{
    struct blk_req *next = device->queue_first;

    if (next == NULL || next->op != previous->op || next->op == BLK_FLUSH ||
        next->lba != previous->lba + previous->nsect || next->nsect > max_sectors ||
        next->nseg > max_segments) {
        return NULL;
    }
    device->stats.merges++;
    return block_take(device);
}

void block_complete(struct block_device *device, struct blk_req *req, int status)
{
    assert_true(spin_is_locked(&device->lock));
    unlink_request(&device->flight_first, &device->flight_last, req);
    if (status == BLK_EIO && req->op != BLK_FLUSH && req->tries < device->retries) {
        req->tries++;
        device->stats.retries++;
        put_front(device, req);
        return;
    }
    req->status = status;
    ((struct machine_request *)req)->order = ++done_count;
}

/* The driver is not asked when there is nothing for it to do. */
static void run(struct block_device *device)
{
    if (device->queue_first != NULL && !device->resetting) {
        device->driver->run(device);
    }
}

static void collect(struct block_device *device)
{
    if (device->flight_first != NULL && !device->resetting) {
        device->driver->collect(device, 64);
    }
}

void block_interrupt(struct block_device *device)
{
    bool were_on = cpu_save_interrupts();

    device->stats.interrupts++;
    spin_lock(&device->lock);
    collect(device);
    run(device);
    spin_unlock(&device->lock);
    cpu_restore_interrupts(were_on);
}

void block_ask_for_reset(struct block_device *device)
{
    machine_resets_asked = true;
    device->resetting = true;
}

/* ---- What the tests call ---- */

void machine_new(void)
{
    fake_ata_reset_all();
    memset(machine_disks, 0, sizeof(machine_disks));
    memset(handlers, 0, sizeof(handlers));
    for (unsigned i = 0; i < request_count; i++) {
        free(requests[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        kfree(objects[i]);
    }
    machine_disk_count = request_count = submitted_count = done_count = machine_unclaimed = 0;
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

struct machine_request *machine_prepare(unsigned op, uint64_t lba, uint32_t sectors)
{
    struct machine_request *request = calloc(1, sizeof(*request));

    assert_true(request_count < 1024);
    requests[request_count++] = request;
    request->request = (struct blk_req){.op = (uint8_t)op,
                                        .lba = lba,
                                        .nsect = sectors,
                                        .seg = request->segments,
                                        .status = BLK_PENDING};
    if (sectors > 0) {
        struct blk_seg *segment = &request->segments[0];

        segment->len = sectors * BLK_SECTOR;
        segment->va = machine_memory(segment->len, 512, false, &segment->pa);
        request->request.nseg = 1;
    }
    return request;
}

void machine_enqueue(struct block_device *device, struct machine_request *request)
{
    append(&device->queue_first, &device->queue_last, &request->request);
    submitted_count++;
}

void machine_kick(struct block_device *device)
{
    bool were_on = cpu_save_interrupts();

    spin_lock(&device->lock);
    run(device);
    spin_unlock(&device->lock);
    cpu_restore_interrupts(were_on);
}

void machine_submit_request(struct block_device *device, struct machine_request *request)
{
    machine_enqueue(device, request);
    machine_kick(device);
}

struct machine_request *machine_submit(struct block_device *device, unsigned op, uint64_t lba,
                                       uint32_t sectors)
{
    struct machine_request *request = machine_prepare(op, lba, sectors);

    machine_submit_request(device, request);
    return request;
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

/* Does what block_interrupt does, without one. */
void machine_poll(struct block_device *device)
{
    bool were_on = cpu_save_interrupts();

    spin_lock(&device->lock);
    collect(device);
    run(device);
    spin_unlock(&device->lock);
    cpu_restore_interrupts(were_on);
}

static bool all_done(void)
{
    return done_count == submitted_count;
}

/* What block.c's thread does with a device of which nothing is heard: look, and after the time-out,
 * which is not waited for, reset it. */
static void watch(struct block_device *device)
{
    unsigned before = done_count;

    machine_poll(device);
    device->stats.lost_interrupts += done_count - before;
    quiet_looks = done_count != before ? 0 : quiet_looks + 1;
    if (device->flight_first != NULL && quiet_looks >= QUIET_LOOKS) {
        fake_nanos += TIMEOUT;
        machine_poll(device);
        if (device->flight_first != NULL && before == done_count) {
            device->stats.timeouts++;
            machine_reset(device);
        }
        quiet_looks = 0;
    }
}

/* Changes whenever the driver does something. */
static unsigned activity(void)
{
    return fake_channels[0].accesses + fake_channels[1].accesses;
}

bool machine_finish(void)
{
    for (unsigned rounds = 0; rounds < 100 && !all_done(); rounds++) {
        unsigned before = activity();

        for (unsigned i = 0; i < QUIET_STEPS && !all_done() && !machine_resets_asked; i++) {
            machine_run(10);
            i = activity() != before ? 0 : i;
            before = activity();
        }
        for (unsigned i = 0; i < machine_disk_count && !all_done(); i++) {
            if (machine_disks[i]->resetting) {
                machine_reset(machine_disks[i]);
            } else if (!machine_resets_asked) {
                watch(machine_disks[i]);
            }
        }
    }
    machine_run(1000); /* what comes afterwards, too */
    return all_done();
}

bool machine_finish_by_polls(struct block_device *device)
{
    for (unsigned i = 0; i < 100000 && !all_done(); i++) {
        machine_poll(device);
    }
    return all_done();
}

static void fail_flight(struct block_device *device, bool alive)
{
    spin_lock(&device->lock);
    while (device->flight_first != NULL) {
        struct blk_req *req = device->flight_first;

        if (req->op == BLK_READ && alive && req->tries++ < device->retries) {
            unlink_request(&device->flight_first, &device->flight_last, req);
            put_front(device, req);
        } else {
            req->tries = device->retries;
            block_complete(device, req, BLK_EIO);
        }
    }
    while (!alive && device->queue_first != NULL) {
        block_take(device);
        device->flight_first->tries = device->retries;
        block_complete(device, device->flight_first, BLK_EIO);
    }
    spin_unlock(&device->lock);
}

bool machine_reset(struct block_device *device)
{
    machine_resets_asked = false;
    bool alive = device->driver->reset(device);

    device->resetting = false;
    device->lost = !alive;
    fail_flight(device, alive);
    machine_kick(device);
    return alive;
}

/* ---- Contents ---- */

static uint8_t pattern(uint64_t lba, unsigned byte)
{
    return (uint8_t)(lba * 7 + byte * 13 + byte / 256);
}

void machine_fill_disk(struct fake_drive *drive, uint64_t lba, uint32_t sectors)
{
    for (uint32_t i = 0; i < sectors; i++) {
        for (unsigned byte = 0; byte < 512; byte++) {
            fake_sector(drive, lba + i)[byte] = pattern(lba + i, byte);
        }
    }
}

uint8_t *machine_byte(struct machine_request *request, uint32_t offset)
{
    struct blk_seg *segment = request->request.seg;

    while (offset >= segment->len) {
        offset -= segment->len;
        segment++;
    }
    return (uint8_t *)segment->va + offset;
}

void machine_fill(struct machine_request *request)
{
    for (uint32_t i = 0; i < request->request.nsect * 512; i++) {
        *machine_byte(request, i) = pattern(request->request.lba + i / 512, i % 512);
    }
}

void machine_check(struct machine_request *request)
{
    if (request->request.status != 0) {
        fail_msg("status %d; log: %s", request->request.status, machine_log);
    }
    for (uint32_t i = 0; i < request->request.nsect * 512; i++) {
        if (*machine_byte(request, i) != pattern(request->request.lba + i / 512, i % 512)) {
            fail_msg("byte %u of the read at %llu is wrong", i,
                     (unsigned long long)request->request.lba);
        }
    }
}

void machine_check_disk(struct fake_drive *drive, uint64_t lba, uint32_t sectors)
{
    for (uint32_t i = 0; i < sectors * 512; i++) {
        assert_int_equal(fake_sector(drive, lba + i / 512)[i % 512],
                         pattern(lba + i / 512, i % 512));
    }
}
