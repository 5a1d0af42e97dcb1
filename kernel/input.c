/* input.c - see input.h. The queue is changed with interrupts off only. */
#include "kernel/input.h"

#include <stddef.h>

#include "kernel/cpu/cpu.h"

static uint16_t queue[INPUT_QUEUE_SIZE];
static size_t first; /* index of the oldest key */
static size_t count;
static uint64_t dropped;

static void drop_oldest(void)
{
    first = (first + 1) % INPUT_QUEUE_SIZE;
    count--;
}

void input_add(int key)
{
    bool were_on = cpu_save_interrupts();

    if (count == INPUT_QUEUE_SIZE) {
        drop_oldest();
        dropped++;
    }
    queue[(first + count++) % INPUT_QUEUE_SIZE] = (uint16_t)key;
    cpu_restore_interrupts(were_on);
}

int input_take(void)
{
    int key = KEY_NONE;
    bool were_on = cpu_save_interrupts();

    if (count > 0) {
        key = queue[first];
        drop_oldest();
    }
    cpu_restore_interrupts(were_on);
    return key;
}

int input_wait(void)
{
    for (;;) {
        bool were_on = cpu_save_interrupts();
        int key = input_take();

        /* Interrupts stay off between the look and the sleep, or a key could be slept over. */
        if (key == KEY_NONE) {
            cpu_sleep_until_interrupt();
        }
        cpu_restore_interrupts(were_on);
        if (key != KEY_NONE) {
            return key;
        }
    }
}

uint64_t input_dropped(void)
{
    return dropped;
}
