/* input.c - see input.h. */
#include "kernel/input.h"

#include <stddef.h>

#include "kernel/sched/spinlock.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"

#define KEY_INTERRUPT KEY_CTRL('C')

static struct spinlock lock = SPINLOCK("input"); /* guards the rest */
static uint16_t queue[INPUT_QUEUE_SIZE];
static size_t first; /* index of the oldest key */
static size_t count;
static size_t interrupts; /* how many of the keys are Ctrl-C */
static uint64_t dropped;
static struct wait_queue readers;      /* wait for any key */
static struct wait_queue interrupters; /* wait for Ctrl-C */

/* Take the oldest of at least one key. Context: the lock is held, as for the next. */
static int take_first(void)
{
    int key = queue[first];

    first = (first + 1) % INPUT_QUEUE_SIZE;
    count--;
    interrupts -= key == KEY_INTERRUPT;
    return key;
}

void input_add(int key)
{
    spin_lock(&lock);
    if (count == INPUT_QUEUE_SIZE) {
        take_first();
        dropped++;
    }
    queue[(first + count++) % INPUT_QUEUE_SIZE] = (uint16_t)key;
    wait_wake_one(&readers);
    if (key == KEY_INTERRUPT) {
        interrupts++;
        wait_wake_all(&interrupters);
    }
    spin_unlock(&lock);
}

int input_take(void)
{
    int key;

    spin_lock(&lock);
    key = count > 0 ? take_first() : KEY_NONE;
    spin_unlock(&lock);
    return key;
}

int input_wait(void)
{
    int key;

    spin_lock(&lock);
    while (count == 0 && !thread_should_stop()) {
        wait_sleep(&readers, &lock);
    }
    key = count > 0 ? take_first() : KEY_NONE;
    spin_unlock(&lock);
    return key;
}

bool input_wait_interrupt(uint64_t nanos)
{
    bool interrupted;

    spin_lock(&lock);
    if (interrupts == 0 && !thread_should_stop()) {
        wait_sleep_for(&interrupters, &lock, nanos);
    }
    interrupted = interrupts > 0;
    while (interrupts > 0) {
        take_first();
    }
    spin_unlock(&lock);
    return interrupted;
}

uint64_t input_dropped(void)
{
    return dropped;
}
