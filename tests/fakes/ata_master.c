/*
 * ata_master.c - the bus master of ata_channel.h: it checks the driver's table, keeps the memory
 * from everybody while it has it (AddressSanitizer reports who touches it), and moves the data at
 * the very end of the command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sanitizer/asan_interface.h>

#include "drivers/ata_registers.h"
#include "kernel/mm/address.h"
#include "tests/fakes/ata_channel.h"

#define TABLE_ENTRIES 512 /* more than a page is read by no emulator */
#define LAST          0x8000

struct region {
    uint32_t address;
    uint16_t size, flags;
};

typedef void visit(struct fake_channel *channel, uint8_t *memory, uint32_t size, uint32_t offset);

/* Walk the table, which must describe exactly what the command moves. */
static void walk(struct fake_channel *channel, visit *visit_region)
{
    const struct region *table = phys_to_virt(channel->master_table);
    uint32_t total = 0;

    assert_int_equal(channel->master_table % 4, 0);
    assert_int_equal(channel->master_table / 65536,
                     (channel->master_table + TABLE_ENTRIES * sizeof(*table) - 1) / 65536);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        uint32_t size = table[i].size != 0 ? table[i].size : 65536;

        assert_int_equal(table[i].address % 2, 0);
        assert_int_equal(size % 2, 0);
        assert_int_equal(table[i].flags & ~LAST, 0);
        assert_int_equal(table[i].address / 65536, (table[i].address + size - 1) / 65536);
        visit_region(channel, phys_to_virt(table[i].address), size, total);
        total += size;
        if (table[i].flags & LAST) {
            assert_int_equal(total, channel->sectors * 512);
            return;
        }
    }
    fail_msg("the table has no end");
}

static void hold(struct fake_channel *channel, uint8_t *memory, uint32_t size, uint32_t offset)
{
    (void)offset;
    if (channel->op == ATA_READ_DMA || channel->op == ATA_READ_DMA_EXT) {
        memset(memory, 0xDD, size);
    }
    ASAN_POISON_MEMORY_REGION(memory, size);
}

void fake_master_hold(struct fake_channel *channel)
{
    walk(channel, hold);
}

static uint32_t bytes_to_move; /* of the transfer that runs */

/* Through a copy: so a region that wraps or overlaps another shows. */
static void move(struct fake_channel *channel, uint8_t *memory, uint32_t size, uint32_t offset)
{
    struct fake_drive *drive = &channel->drive[channel->active];
    bool reads = channel->op == ATA_READ_DMA || channel->op == ATA_READ_DMA_EXT;
    uint8_t *copy = malloc(size);

    assert_int_equal(reads, (channel->master_command & ATA_MASTER_TO_RAM) != 0);
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    memcpy(copy, memory, size);
    for (uint32_t i = 0; i < size && offset + i < bytes_to_move; i++) {
        uint8_t *byte = fake_sector(drive, channel->lba + (offset + i) / 512) + (offset + i) % 512;

        if (reads) {
            copy[i] = *byte;
        } else {
            *byte = copy[i];
        }
    }
    if (reads) {
        memcpy(memory, copy, size);
    }
    free(copy);
}

void fake_master_transfer(struct fake_channel *channel, uint32_t sectors)
{
    bytes_to_move = sectors * 512;
    walk(channel, move);
    if (channel->op == ATA_WRITE_DMA || channel->op == ATA_WRITE_DMA_EXT) {
        channel->drive[channel->active].sectors_written += sectors;
    }
}

static void release(struct fake_channel *channel, uint8_t *memory, uint32_t size, uint32_t offset)
{
    (void)channel;
    (void)offset;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
}

void fake_master_release(struct fake_channel *channel)
{
    walk(channel, release);
}
