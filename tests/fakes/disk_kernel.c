/* disk_kernel.c - see disk.h: the kernel around the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* With its static variables, which are forgotten between two tests. */
#include "drivers/block.c"

#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/mm/address.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/paging.h"
#include "kernel/panic.h"
#include "kernel/sched/thread.h"
#include "tests/fakes/disk.h"

#define MEMORY_SIZE (32ull << 20)
#define VMAP_PAGES  4096
#define CLOCK_STEP  100 /* nanoseconds that pass from one reading to the next */
#define SLEEPS_MAX  100000
#define ALLOCATIONS 4096
#define LOG_BYTES   65536

uint64_t fake_now, fake_clock_reads;
bool fake_may_sleep, fake_others_ready, fake_clock_stands;
int fake_preempt_off;
unsigned fake_wakes, fake_sleeps, fake_watch_wakes, fake_dma_fails;
void (*fake_while_asleep)(void);
void (*fake_while_awake)(void);
void (*fake_each_wait)(void);

static int memory_file = -1;
static uint64_t memory_used;
static uint64_t vmap_phys[VMAP_PAGES], vmap_used; /* pages */
static char log_text[LOG_BYTES];
static size_t log_length;
static unsigned log_count;
static void (*watch_entry)(void *argument);
static jmp_buf watch_asleep;
static bool watch_runs;
static uint64_t watch_nanos;
static void *allocations[ALLOCATIONS];
static unsigned allocation_count;

/* ---- Clock ---- */

uint64_t clock_nanos(void)
{
    fake_clock_reads++;
    return fake_now += fake_clock_stands ? 0 : CLOCK_STEP;
}

void clock_wait(uint64_t micros)
{
    fake_now += micros * NANOS_PER_MICRO;
    if (fake_each_wait != NULL) {
        fake_each_wait();
    }
}

/* ---- Log and panic ---- */

static void log_add(const char *area, const char *text, va_list arguments)
{
    log_count++;
    log_length += (size_t)snprintf(log_text + log_length, LOG_BYTES - log_length, "%s: ", area);
    log_length += (size_t)vsnprintf(log_text + log_length, LOG_BYTES - log_length, text, arguments);
    log_length += (size_t)snprintf(log_text + log_length, LOG_BYTES - log_length, "\n");
    if (log_length >= LOG_BYTES) {
        fail_msg("the log overflows: %u lines", log_count);
    }
}

void log_line(const char *area, const char *text, ...)
{
    va_list arguments;

    va_start(arguments, text);
    log_add(area, text, arguments);
    va_end(arguments);
}

void log_detail(const char *area, const char *text, ...)
{
    (void)area, (void)text;
}

bool fake_log_has(const char *text)
{
    bool has = strstr(log_text, text) != NULL;

    if (!has) {
        print_message("not in the log: %s\n%s", text, log_text);
    }
    return has;
}

unsigned fake_log_lines(void)
{
    return log_count;
}

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    fail_msg("panic in %s, %s:%d: %s", function, file, line, text);
    abort();
}

/* ---- Threads ---- */

struct thread *thread_create(const char *name, void (*entry)(void *argument), void *argument,
                             enum thread_priority priority, unsigned flags)
{
    (void)name, (void)argument, (void)priority, (void)flags;
    watch_entry = entry;
    return (struct thread *)&watch_entry;
}

void thread_detach(struct thread *thread)
{
    (void)thread;
}

bool thread_may_sleep(void)
{
    return fake_may_sleep && fake_preempt_off == 0 && spin_locks_held() == 0;
}

bool thread_others_ready(void)
{
    if (fake_while_awake != NULL) {
        fake_while_awake();
    }
    return fake_others_ready;
}

void preempt_disable(void)
{
    fake_preempt_off++;
}

void preempt_enable(void)
{
    assert_true(fake_preempt_off-- > 0);
}

static void sleep_of_watch(struct spinlock *held, uint64_t nanos)
{
    watch_nanos = nanos;
    spin_unlock(held);
    longjmp(watch_asleep, 1);
}

void wait_sleep(struct wait_queue *queue, struct spinlock *held)
{
    (void)queue;
    assert_int_equal(spin_locks_held(), 1);
    assert_int_equal(fake_preempt_off, 0);
    if (watch_runs) {
        sleep_of_watch(held, UINT64_MAX);
    }
    if (++fake_sleeps > SLEEPS_MAX || fake_while_asleep == NULL) {
        fail_msg("nothing ends this sleep");
    }
    spin_unlock(held);
    fake_while_asleep();
    spin_lock(held);
}

bool wait_sleep_for(struct wait_queue *queue, struct spinlock *held, uint64_t nanos)
{
    (void)queue;
    assert_true(watch_runs);
    sleep_of_watch(held, nanos);
    return false;
}

/* Those who wait for a request are woken with the disk's lock alone, the watcher with two. */
unsigned wait_wake_all(struct wait_queue *queue)
{
    bool is_waiters = false;

    for (struct block_device *device = block_next(NULL); device != NULL;
         device = block_next(device)) {
        is_waiters |= queue == &device->waiters;
    }
    fake_wakes += is_waiters;
    fake_watch_wakes += !is_waiters;
    return 0;
}

uint64_t fake_watch_run(void)
{
    watch_runs = true;
    if (setjmp(watch_asleep) == 0) {
        watch_entry(NULL);
    }
    watch_runs = false;
    return watch_nanos;
}

/* ---- Memory ---- */

void *fake_memory(size_t size)
{
    uint64_t at = memory_used;

    memory_used += (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    assert_true(memory_used <= MEMORY_SIZE);
    return phys_to_virt(at);
}

void *dma_alloc(size_t size, uint64_t *phys)
{
    if (fake_dma_fails > 0) {
        fake_dma_fails--;
        return NULL;
    }
    void *memory = fake_memory(size);

    *phys = virt_to_phys(memory);
    return memory;
}

void dma_free(void *address, size_t size)
{
    memset(address, 0xDF, size); /* nobody may read it any more */
}

void *kcalloc(size_t count, size_t size)
{
    assert_true(allocation_count < ALLOCATIONS);
    return allocations[allocation_count++] = calloc(count, size);
}

/* The same memory at two addresses: as devices see it, and as the page tables show it. */
void *fake_vmalloc(size_t size, bool backwards)
{
    const uint64_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE, begin = vmap_used;
    const uint64_t phys = virt_to_phys(fake_memory(size));

    vmap_used += pages + 1; /* and one that is not mapped */
    assert_true(vmap_used <= VMAP_PAGES);
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t page = phys + (backwards ? pages - 1 - i : i) * PAGE_SIZE;
        void *at = (void *)(uintptr_t)(VMAP_BASE + (begin + i) * PAGE_SIZE);

        vmap_phys[begin + i] = page;
        assert_ptr_equal(mmap(at, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                              memory_file, (off_t)page),
                         at);
    }
    return (void *)(uintptr_t)(VMAP_BASE + begin * PAGE_SIZE);
}

unsigned paging_walk(uint64_t address, struct walk *walk)
{
    uint64_t page = (address - VMAP_BASE) / PAGE_SIZE;

    if (address < VMAP_BASE || page >= VMAP_PAGES || vmap_phys[page] == 0) {
        return 1;
    }
    walk->phys = vmap_phys[page] + address % PAGE_SIZE;
    walk->page_size = PAGE_SIZE;
    return WALK_MAPPED;
}

static void forget_memory(void)
{
    void *all = (void *)(uintptr_t)DIRECT_BASE;

    if (memory_file < 0) {
        memory_file = memfd_create("memory", 0);
    }
    if (ftruncate(memory_file, 0) != 0 || ftruncate(memory_file, MEMORY_SIZE) != 0) {
        fail_msg("no memory");
    }
    assert_ptr_equal(
        mmap(all, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_file, 0),
        all);
    memory_used = PAGE_SIZE; /* nothing lies at 0 */
    memset(vmap_phys, 0, sizeof(vmap_phys));
    vmap_used = 0;
    for (; allocation_count > 0; allocation_count--) {
        free(allocations[allocation_count - 1]);
    }
}

void fake_kernel_reset(void)
{
    first = last = NULL;
    forget_memory();
    fake_now = NANOS_PER_SECOND;
    fake_clock_reads = 0;
    fake_may_sleep = true;
    fake_others_ready = fake_clock_stands = false;
    fake_preempt_off = 0;
    fake_wakes = fake_sleeps = fake_watch_wakes = fake_dma_fails = 0;
    fake_while_asleep = fake_while_awake = fake_each_wait = NULL;
    log_length = log_count = 0;
    log_text[0] = '\0';
    block_watched = false;
    block_start();
}
