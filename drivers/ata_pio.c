/*
 * ata_pio.c - data through the data port, a DRQ block at a time. [ATA6 9.5] [ATA6 9.6]
 *
 *   read:  command, IRQ, block, IRQ, block                 no IRQ after the last block
 *   write: command, DRQ, block, IRQ, block, IRQ            no IRQ before the first block
 *
 * A block is as many sectors as SET MULTIPLE has agreed on: an interrupt each instead of one for
 * each sector.
 */
#include "drivers/ata_internal.h"

void ata_move_in(struct ata_channel *channel, void *buffer, uint32_t count)
{
    uint16_t port = (uint16_t)(channel->command + ATA_DATA);

    if (channel->wide) {
        io_read32_many(port, buffer, count / 2);
    } else {
        io_read16_many(port, buffer, count);
    }
    channel->accesses += channel->wide ? count / 2 : count;
}

void ata_move_out(struct ata_channel *channel, const void *buffer, uint32_t count)
{
    uint16_t port = (uint16_t)(channel->command + ATA_DATA);

    if (channel->wide) {
        io_write32_many(port, buffer, count / 2);
    } else {
        io_write16_many(port, buffer, count);
    }
    channel->accesses += channel->wide ? count / 2 : count;
}

static void move_block(struct ata_channel *channel)
{
    struct ata_work *work = &channel->work;
    uint32_t multiple = channel->active->identity.multiple;
    uint32_t sectors = work->left < multiple ? work->left : multiple;
    bool reads = ata_op(channel) == BLK_READ;

    work->left -= sectors;
    for (uint32_t bytes = sectors * BLK_SECTOR; bytes > 0;) {
        struct blk_seg piece = ata_next_piece(work, &work->cursor, bytes);

        if (reads) {
            ata_move_in(channel, piece.va, piece.len / 2);
        } else {
            ata_move_out(channel, piece.va, piece.len / 2);
        }
        bytes -= piece.len;
    }
}

static uint8_t choose_command(bool reads, bool multiple, bool ext)
{
    static const uint8_t commands[2][2][2] = {
        {{ATA_WRITE_SECTORS, ATA_WRITE_SECTORS_EXT}, {ATA_WRITE_MULTIPLE, ATA_WRITE_MULTIPLE_EXT}},
        {{ATA_READ_SECTORS, ATA_READ_SECTORS_EXT}, {ATA_READ_MULTIPLE, ATA_READ_MULTIPLE_EXT}},
    };

    return commands[reads][multiple][ext];
}

void ata_pio_begin(struct ata_channel *channel)
{
    struct ata_work *work = &channel->work;
    struct ata_drive *drive = channel->active;
    bool reads = ata_op(channel) == BLK_READ;

    work->left = work->sectors;
    work->cursor = ata_cursor(work);
    work->ext = ata_needs_ext(work->lba, work->sectors);
    ata_issue(drive, choose_command(reads, drive->identity.multiple > 1, work->ext), work->lba,
              work->sectors);
    if (reads) {
        return;
    }
    /* A drive that takes longer, or refuses, is seen by the interrupt or by who looks after it. */
    ata_delay(channel);
    if (ata_wait(channel, ATA_DRQ | ATA_ERR | ATA_DF, ATA_DRQ, ATA_SHORT_WAIT)) {
        move_block(channel);
    }
}

void ata_pio_continue(struct ata_channel *channel, uint8_t status)
{
    struct ata_work *work = &channel->work;
    bool reads = ata_op(channel) == BLK_READ;

    if (status & (ATA_ERR | ATA_DF)) {
        ata_command_failed(channel, status);
    } else if (!(status & ATA_DRQ) != (work->left == 0)) {
        ata_lost_track(channel, status,
                       work->left == 0 ? "wants to move more data than there are"
                                       : "has ended before all data were moved");
    } else if (work->left == 0) {
        ata_command_done(channel);
    } else {
        move_block(channel);
        if (reads && work->left == 0) {
            ata_read_alternate(channel); /* 400 ns until the status is right */
            if (!ata_wait(channel, ATA_DRQ, 0, ATA_SHORT_WAIT)) {
                channel->selected = NULL; /* the next command waits for it, or finds out */
            }
            ata_command_done(channel);
        }
    }
}
