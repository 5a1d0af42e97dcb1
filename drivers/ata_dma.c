/*
 * ata_dma.c - data by the bus master: it reads a table of regions of memory and moves them while
 * the CPU does something else. [BMIDE 3.1]
 *
 *   table, direction, command to the drive, START ... interrupt, STOP, status of both
 *
 * The regions must add up to exactly what the command moves. If they were too small, the bus master
 * would stop and the drive wait for ever; if too large, it would stay active after the interrupt.
 *
 * It has 32 address lines and moves words. Memory that it cannot reach goes through a buffer that
 * is allocated when it is first needed; without one, by PIO.
 *
 * Of the steps in the manual, those are left out that change nothing: the table stays where it is,
 * the direction is written when it changes, the status is cleared at the end of a command.
 */
#include "drivers/ata_internal.h"
#include "kernel/mm/dma.h"
#include "kernel/string.h"

#define REACH 0x100000000ull /* of the bus master */
#define LINE  0x10000u       /* that a region must not cross, and its largest size */

/* What the compiler may not move to the other side: the device uses the memory in between. */
static void barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

static void write_master(struct ata_channel *channel, enum ata_master_register index, uint8_t value)
{
    channel->accesses++;
    io_write8((uint16_t)(channel->master + index), value);
}

static void write_command(struct ata_channel *channel, uint8_t value)
{
    write_master(channel, ATA_MASTER_COMMAND, value);
    channel->master_command = value;
}

bool ata_dma_start(struct ata_channel *channel)
{
    channel->table = dma_alloc(ATA_TABLE_SIZE, &channel->table_phys);
    if (channel->table == NULL) {
        return false;
    }
    channel->master_keep = (uint8_t)(ata_read_master(channel, ATA_MASTER_STATUS) & ATA_MASTER_KEEP);
    ata_dma_stop(channel);
    ata_dma_clear(channel);
    return true;
}

void ata_dma_clear(struct ata_channel *channel)
{
    write_master(channel, ATA_MASTER_STATUS,
                 channel->master_keep | ATA_MASTER_IRQ | ATA_MASTER_ERROR);
    channel->master_dirty = false;
}

void ata_dma_stop(struct ata_channel *channel)
{
    /* The direction stays while it may be active. [BMIDE 2.1] */
    write_command(channel, channel->master_command & ATA_MASTER_TO_RAM);
    channel->table_set = false;
}

/* Add PIECE to the table, from *COUNT on. Returns false if it cannot be reached, or is too much. */
static bool add_regions(struct ata_channel *channel, unsigned *count, struct blk_seg piece)
{
    if (piece.pa == 0 || piece.pa % 2 != 0 || piece.pa > REACH - piece.len) {
        return false;
    }
    while (piece.len > 0) {
        uint32_t size = LINE - (uint32_t)(piece.pa % LINE);

        if (*count == ATA_TABLE_ENTRIES) {
            return false;
        }
        size = size < piece.len ? size : piece.len;
        /* The size has 16 bits: 64 KiB become the 0 that stands for it. */
        channel->table[(*count)++] = (struct ata_region){(uint32_t)piece.pa, (uint16_t)size, 0};
        piece.pa += size;
        piece.len -= size;
    }
    return true;
}

/* Add the next SECTORS at CURSOR; false leaves *COUNT as it was. */
static bool add_request(struct ata_channel *channel, unsigned *count, struct ata_cursor *cursor,
                        uint32_t sectors)
{
    unsigned before = *count;

    for (uint32_t bytes = sectors * BLK_SECTOR; bytes > 0;) {
        struct blk_seg piece = ata_next_piece(&channel->work, cursor, bytes);

        if (!add_regions(channel, count, piece)) {
            *count = before;
            return false;
        }
        bytes -= piece.len;
    }
    return true;
}

uint32_t ata_dma_describe(struct ata_channel *channel)
{
    const struct ata_work *work = &channel->work;
    struct ata_cursor cursor = ata_cursor(work);
    uint32_t sectors = 0;
    unsigned count = 0;

    for (unsigned i = work->first; i < work->count; i++) {
        uint32_t more = work->request[i]->nsect - (i == work->first ? work->skip : 0);

        if ((i > work->first && work->alone) || !add_request(channel, &count, &cursor, more)) {
            break;
        }
        sectors += more;
    }
    if (count > 0) {
        channel->table[count - 1].flags = ATA_REGION_LAST;
    }
    return sectors;
}

/* Copy the command's data between the requests and the bounce buffer. */
static void copy_bounce(struct ata_channel *channel, bool to_bounce)
{
    struct ata_cursor cursor = ata_cursor(&channel->work);
    uint8_t *bounce = channel->bounce;

    for (uint32_t bytes = channel->work.sectors * BLK_SECTOR; bytes > 0;) {
        struct blk_seg piece = ata_next_piece(&channel->work, &cursor, bytes);

        if (to_bounce) {
            memcpy(bounce, piece.va, piece.len);
        } else {
            memcpy(piece.va, bounce, piece.len);
        }
        bounce += piece.len;
        bytes -= piece.len;
    }
}

uint32_t ata_dma_bounce(struct ata_channel *channel)
{
    struct ata_work *work = &channel->work;
    uint32_t sectors = ata_first_request(channel)->nsect - work->skip;

    if (channel->bounce == NULL) {
        channel->bounce = dma_alloc(ATA_BOUNCE_SIZE, &channel->bounce_phys);
        if (channel->bounce == NULL) {
            return 0;
        }
    }
    if (sectors > ATA_BOUNCE_SIZE / BLK_SECTOR) {
        sectors = ATA_BOUNCE_SIZE / BLK_SECTOR;
    }
    work->sectors = sectors;
    if (ata_op(channel) == BLK_WRITE) {
        copy_bounce(channel, true);
    }
    channel->table[0] = (struct ata_region){(uint32_t)channel->bounce_phys,
                                            (uint16_t)(sectors * BLK_SECTOR), ATA_REGION_LAST};
    return sectors;
}

void ata_dma_begin(struct ata_channel *channel)
{
    static const uint8_t commands[2][2] = {{ATA_WRITE_DMA, ATA_WRITE_DMA_EXT},
                                           {ATA_READ_DMA, ATA_READ_DMA_EXT}};
    struct ata_work *work = &channel->work;
    bool reads = ata_op(channel) == BLK_READ;
    uint8_t direction = reads ? ATA_MASTER_TO_RAM : 0;

    barrier();
    if (!channel->table_set) {
        channel->accesses++;
        io_write32((uint16_t)(channel->master + ATA_MASTER_TABLE), (uint32_t)channel->table_phys);
        channel->table_set = true;
    }
    if (channel->master_dirty) {
        ata_dma_clear(channel);
    }
    if (channel->master_command != direction) {
        write_command(channel, direction); /* not together with START [BMIDE 2.1] */
    }
    work->ext = ata_needs_ext(work->lba, work->sectors);
    ata_issue(channel->active, commands[reads][work->ext], work->lba, work->sectors);
    write_command(channel, direction | ATA_MASTER_START);
}

void ata_dma_end(struct ata_channel *channel, uint8_t master)
{
    struct ata_work *work = &channel->work;

    write_command(channel, channel->master_command & (uint8_t)~ATA_MASTER_START);
    uint8_t status = ata_read(channel, ATA_STATUS);

    ata_dma_clear(channel);
    barrier();
    if (status & (ATA_BSY | ATA_DRQ)) {
        ata_count_dma_fault(channel->active);
        ata_lost_track(channel, status, "has not ended the command that DMA has ended for");
    } else if (status & (ATA_ERR | ATA_DF)) {
        ata_command_failed(channel, status);
    } else if (master & ATA_MASTER_ERROR) {
        ata_dma_failed(channel, "the bus master could not reach memory");
    } else if (master & ATA_MASTER_ACTIVE) {
        ata_dma_failed(channel, "the drive moved less than it was asked for");
    } else {
        channel->active->dma_faults = 0;
        if (work->way == ATA_BY_BOUNCE && ata_op(channel) == BLK_READ) {
            copy_bounce(channel, false);
        }
        ata_command_done(channel);
    }
}
