/*
 * crash_software.c - kinds of crash that the kernel notices itself, by an assertion, a check of its
 * own or the watchdog. See cmd_crash.c.
 */
#include "kernel/cpu/cpu.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/panic.h"
#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"
#include "kernel/string.h"
#include "shell/crash.h"

#define BIG_OBJECT   (1u << 20)
#define SMALL_OBJECT 64
#define OBJECTS      16

static void crash_assert(void)
{
    uint64_t cr0 = cpu_read_cr0();

    ASSERT(cr0 == 0, "CR0 is %llx", (unsigned long long)cr0);
}

static void crash_oom(void)
{
    struct frame_stats stats;

    while (kmalloc(BIG_OBJECT) != NULL) {
    }
    frame_get_stats(&stats);
    PANIC("out of memory: %u bytes asked for, %llu of %llu KiB are free", BIG_OBJECT,
          (unsigned long long)(stats.free * FRAME_SIZE / 1024),
          (unsigned long long)(stats.total * FRAME_SIZE / 1024));
}

/* The heap notices when it uses the object again, or looks at it. */
static void crash_uaf(void)
{
    char *object = kmalloc(SMALL_OBJECT);

    kfree(object);
    object[0] = 'x';
    heap_check();
}

static void crash_double_free(void)
{
    char *object = kmalloc(SMALL_OBJECT);

    kfree(object);
    kfree(object);
}

/* Of OBJECTS, find the two that lie closest to each other. */
static void find_neighbours(char **objects, char **low, char **high)
{
    for (unsigned i = 0; i < OBJECTS * OBJECTS; i++) {
        char *a = objects[i / OBJECTS], *b = objects[i % OBJECTS];

        if (a < b && (*low == NULL || b - a < *high - *low)) {
            *low = a;
            *high = b;
        }
    }
}

/*
 * The object above is free, so that the heap's marks are hit. A debug build sees the red zone of
 * the first one as well, and earlier.
 */
static void crash_overflow(void)
{
    char *objects[OBJECTS];
    char *low = NULL, *high = NULL;

    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = kmalloc(SMALL_OBJECT);
    }
    find_neighbours(objects, &low, &high);
    kfree(high);
    memset(low + SMALL_OBJECT, 'x', (size_t)(high - low));
    kfree(low);
    heap_check();
}

static void crash_lock(void)
{
    static struct spinlock lock = SPINLOCK("crash");

    spin_lock(&lock);
    spin_lock(&lock);
}

static void crash_hang(void)
{
    preempt_disable();
    for (;;) {
        __asm__ volatile("pause");
    }
}

static void crash_hang_irq(void)
{
    cpu_save_interrupts();
    for (;;) {
        __asm__ volatile("pause");
    }
}

/* Write beyond the end of an array, over the guard value, and return. */
static __attribute__((noinline)) void crash_smash(void)
{
    static volatile unsigned length = 64;
    char text[8];

    for (unsigned i = 0; i < length; i++) {
        text[i] = 'x';
        __asm__ volatile("" : : "r"(text) : "memory"); /* somebody may read it */
    }
}

const struct crash_kind crash_software_kinds[] = {
    {"assert", "fail an assertion", crash_assert},
    {"oom", "allocate until there is no memory", crash_oom},
    {"uaf", "write to an object that was given back", crash_uaf},
    {"double-free", "give an object back twice", crash_double_free},
    {"overflow", "write beyond the end of an object", crash_overflow},
    {"lock", "take a spin lock twice", crash_lock},
    {"hang", "loop for ever with preemption off", crash_hang},
    {"hang-irq", "loop for ever with interrupts off (watchdog=nmi)", crash_hang_irq},
    {"smash", "write beyond the end of an array on the stack", crash_smash},
    {0},
};
