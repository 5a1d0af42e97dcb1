/*
 * virtio_kernel.h - what the virtio driver needs of the kernel besides block.h, for one .c file of
 * a unit test that is a machine with one made-up disk (virtio_device.h).
 */
#ifndef SECTOR0_FAKES_VIRTIO_KERNEL_H
#define SECTOR0_FAKES_VIRTIO_KERNEL_H

#include <stdio.h>

#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/mm/heap.h"
#include "kernel/sched/thread.h"

bool fake_interrupts_on;
static struct irq_handler *fake_irq_handler;
static unsigned fake_irq_line, fake_log_lines;
static char fake_log[256];   /* the last line */
static uint64_t fake_waited; /* microseconds */

uint64_t fake_tsc(void)
{
    return 0;
}

void fake_sleep(void)
{
    abort();
}

void fake_halt(void)
{
    abort();
}

void irq_register(unsigned irq, struct irq_handler *handler)
{
    fake_irq_line = irq;
    fake_irq_handler = handler;
}

void log_line(const char *area, const char *text, ...)
{
    va_list arguments;
    int length = snprintf(fake_log, sizeof(fake_log), "%s: ", area);

    va_start(arguments, text);
    vsnprintf(fake_log + length, sizeof(fake_log) - (size_t)length, text, arguments);
    va_end(arguments);
    fake_log_lines++;
}

void log_detail(const char *area, const char *text, ...)
{
    (void)area;
    (void)text;
}

bool thread_may_sleep(void)
{
    return fake_waited % 2000 != 0; /* sometimes so, sometimes so */
}

void thread_sleep(uint64_t nanos)
{
    fake_waited += nanos / 1000;
}

void clock_wait(uint64_t micros)
{
    fake_waited += micros;
}

void *kcalloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void kfree(void *object)
{
    free(object);
}

#endif
