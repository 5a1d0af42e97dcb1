/* cmd_free.c - free: how much memory is used, and what the heap does with its part. */
#include "kernel/console.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/string.h"
#include "shell/commands.h"

static unsigned long long kib(uint64_t frames)
{
    return frames * FRAME_SIZE / 1024;
}

/* Print what there is of memory: all, used, free; and the largest block that can be had. */
static void print_frames(void)
{
    struct frame_stats stats;
    unsigned largest = FRAME_ORDERS;

    frame_get_stats(&stats);
    while (largest > 0 && stats.free_blocks[largest - 1] == 0) {
        largest--;
    }
    kprintf("%12s %12s %12s %14s\n", "total", "used", "free", "largest block");
    kprintf("%8llu KiB %8llu KiB %8llu KiB %10llu KiB\n", kib(stats.total),
            kib(stats.total - stats.free), kib(stats.free),
            largest > 0 ? kib(1ull << (largest - 1)) : 0);
}

static void print_heap_total(void)
{
    uint64_t frames = 0, objects = 0;

    for (size_t i = 0; i < heap_class_count(); i++) {
        struct heap_class_stats stats;

        heap_get_stats(i, &stats);
        frames += stats.frames;
        objects += stats.live;
    }
    kprintf("the heap has %llu KiB of that, in %llu objects\n", kib(frames),
            (unsigned long long)objects);
}

static void print_classes(void)
{
    kprintf("%6s %10s %10s %12s %10s\n", "size", "live", "peak", "allocated", "KiB");
    for (size_t i = 0; i < heap_class_count(); i++) {
        struct heap_class_stats stats;

        heap_get_stats(i, &stats);
        if (stats.allocated == 0) {
            continue;
        }
        if (stats.size != 0) {
            kprintf("%6zu", stats.size);
        } else {
            kprintf("%6s", "larger");
        }
        kprintf(" %10llu %10llu %12llu %10llu\n", (unsigned long long)stats.live,
                (unsigned long long)stats.peak, (unsigned long long)stats.allocated,
                kib(stats.frames));
    }
}

int command_free(int argc, char **argv)
{
    if (argc == 1) {
        print_frames();
        print_heap_total();
    } else if (argc == 2 && strcmp(argv[1], "heap") == 0) {
        print_classes();
    } else if (argc == 2 && strcmp(argv[1], "leaks") == 0) {
#ifdef KERNEL_DEBUG
        heap_report_leaks();
#else
        return command_error(argv[0], "callers are known in debug builds only: make KERNEL=debug");
#endif
    } else {
        return command_usage(argv[0]);
    }
    return STATUS_OK;
}
