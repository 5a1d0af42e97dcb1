/*
 * test_disk_faults.c - real disks that fail: at what the host has planned with QEMU's blkdebug
 * (scratch.h; tests/scenario/test_disks.py), and with interrupts that never come.
 */
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/mm/heap.h"
#include "kernel/string.h"
#include "tests/kernel/disks.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/scratch.h"

#define NEIGHBOURS 16 /* sectors around the bad one */

/* What the host has planned for DISK. Returns false if nothing. */
static bool read_plan(struct block_device *disk, struct scratch_plan *plan)
{
    uint8_t sector[BLK_SECTOR];

    CHECK(block_read(disk, SCRATCH_PLAN_LBA, 1, sector) == 0, "%s", disk->name);
    memcpy(plan, sector, sizeof(*plan));
    return memcmp(plan->magic, SCRATCH_PLAN_MAGIC, sizeof(plan->magic)) == 0;
}

/* Do OP on COUNT sectors at LBA; what is written is the stamp of generation 1. */
static int attempt(struct block_device *disk, uint32_t op, uint64_t lba, uint32_t count,
                   uint8_t *buffer)
{
    switch (op) {
    case BLK_READ:
        return block_read(disk, lba, count, buffer);
    case BLK_WRITE:
        stamp_sectors(buffer, lba, count, 1);
        return block_write(disk, lba, count, buffer);
    default:
        return block_flush(disk);
    }
}

/* All around the bad place is well, as is the disk itself. */
static void check_neighbours(struct block_device *disk, uint64_t lba, uint8_t *buffer)
{
    write_stamped(disk, lba - NEIGHBOURS, NEIGHBOURS, 2, buffer);
    write_stamped(disk, lba + 8, NEIGHBOURS, 3, buffer);
    read_stamped(disk, lba - NEIGHBOURS, NEIGHBOURS, 2, buffer);
    read_stamped(disk, lba + 8, NEIGHBOURS, 3, buffer);
    write_stamped(disk, SCRATCH_FIRST, 2 * NEIGHBOURS, 4, buffer);
    read_stamped(disk, SCRATCH_FIRST, 2 * NEIGHBOURS, 4, buffer);
}

/* A fault that comes once is no error for a read or write, if it is tried again. */
static void meet_transient(struct block_device *disk, const struct scratch_plan *plan,
                           uint8_t *buffer)
{
    const bool again = plan->op != BLK_FLUSH && disk->retries > 0;
    const uint64_t errors = disk->dev.errors;
    int status = attempt(disk, plan->op, plan->lba, 8, buffer);

    CHECK(status == (again ? 0 : BLK_EIO), "%s: %s", disk->name, blk_error_name(status));
    CHECK(disk->dev.errors == errors + !again, "%s: counted", disk->name);
    CHECK(attempt(disk, plan->op, plan->lba, 8, buffer) == 0, "%s: again", disk->name);
}

/* One that stays is an error for whoever touches the place, alone or among others. */
static void meet_permanent(struct block_device *disk, const struct scratch_plan *plan,
                           uint8_t *buffer)
{
    const uint64_t errors = disk->dev.errors;

    for (unsigned i = 0; i < 3; i++) {
        int status = attempt(disk, plan->op, plan->lba, 8, buffer);

        CHECK(status == BLK_EIO, "%s: try %u: %s", disk->name, i, blk_error_name(status));
        status = attempt(disk, plan->op, plan->lba - 8, 24, buffer);
        CHECK(status == BLK_EIO, "%s: among others: %s", disk->name, blk_error_name(status));
        check_neighbours(disk, plan->lba, buffer);
    }
    CHECK(disk->dev.errors == errors + 6, "%s: counted", disk->name);
}

GUEST_TEST(disk_planned_faults)
{
    uint8_t *buffer = kmalloc(4 * NEIGHBOURS * BLK_SECTOR);
    struct scratch_plan plan;
    bool found = false;

    CHECK(buffer != NULL, "no memory");
    for (struct block_device *disk = NULL; (disk = scratch_next(disk)) != NULL;) {
        if (read_plan(disk, &plan)) {
            found = true;
            kprintf("# %s: operation %u, sector %llu, %s\n", disk->name, plan.op,
                    (unsigned long long)plan.lba, plan.once ? "once" : "always");
            check_neighbours(disk, plan.lba, buffer);
            (plan.once ? meet_transient : meet_permanent)(disk, &plan, buffer);
            check_neighbours(disk, plan.lba, buffer);
        }
    }
    kfree(buffer);
    if (!found) {
        guest_test_skip("no scratch disk with planned faults");
    }
}

/* ---- Interrupts that never come ---- */

#define COUNT 16 /* sectors: by PIO, too, one interrupt is enough */

static bool is_a_disk(unsigned irq)
{
    return irq_line(irq)->first != NULL && irq != IRQ_TIMER && irq != IRQ_KEYBOARD &&
           irq != IRQ_COM1;
}

static void mask_all(bool masked)
{
    for (unsigned irq = 0; irq < IRQ_COUNT; irq++) {
        if (is_a_disk(irq)) {
            (masked ? irq_mask : irq_unmask)(irq);
        }
    }
}

/*
 * Requests end all the same, and well, long before their time is up: that is the doing of the thread
 * "disks", which says so in the log.
 */
GUEST_TEST(disk_whose_interrupts_never_come)
{
    uint8_t *buffer = kmalloc(COUNT * BLK_SECTOR);

    need_scratch_disks(1);
    CHECK(buffer != NULL, "no memory");
    for (struct block_device *disk = NULL; (disk = scratch_next(disk)) != NULL;) {
        uint64_t lost = disk->stats.lost_interrupts, resets = disk->stats.resets;
        uint32_t patience = disk->poll_micros;

        stamp_sectors(buffer, SCRATCH_FIRST, COUNT, 5);
        disk->poll_micros = 0; /* the waiter sleeps at once */
        mask_all(true);
        int written = block_write(disk, SCRATCH_FIRST, COUNT, buffer);
        int read = block_read(disk, SCRATCH_FIRST, 8, buffer);
        int flushed = block_flush(disk);

        mask_all(false);
        disk->poll_micros = patience;
        CHECK(written == 0 && read == 0 && flushed == 0, "%s: %d %d %d", disk->name, written, read,
              flushed);
        CHECK(disk->stats.lost_interrupts > lost, "%s: not noticed", disk->name);
        CHECK(disk->stats.resets == resets, "%s: reset", disk->name);
        read_stamped(disk, SCRATCH_FIRST, COUNT, 5, buffer);
    }
    kfree(buffer);
}
