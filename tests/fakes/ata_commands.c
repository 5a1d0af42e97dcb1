/* ata_commands.c - what the drives of ata_channel.h do with commands, and how they fail. [ATA6 9] */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/ata_registers.h"
#include "tests/fakes/ata_channel.h"

#define SLOW_NANOS 5000000

static void raise(struct fake_channel *channel)
{
    channel->intrq[channel->active] = true;
    fake_update_line(channel);
}

/* Whether the running command meets FAULT now; it is then counted. */
static bool meets(struct fake_channel *channel, enum fake_fault fault)
{
    struct fake_drive *drive = &channel->drive[channel->active];

    if (drive->fault != fault || drive->fault_times == 0) {
        return false;
    }
    if (drive->fault_lba != FAKE_ANY &&
        (drive->fault_lba < channel->lba || drive->fault_lba >= channel->lba + channel->sectors)) {
        return false;
    }
    drive->fault_times--;
    return true;
}

/* ---- The end of commands ---- */

static void end_command(struct fake_channel *channel, uint8_t status, uint8_t error)
{
    bool lost = meets(channel, FAULT_LOST_INTERRUPT);

    channel->running = false;
    channel->status[channel->active] = status | ATA_DRDY;
    channel->error[channel->active] = error;
    /* What the registers hold after a command is not to be relied on. */
    channel->count[0] = channel->count[1] = 0xEE;
    raise(channel);
    if (lost) {
        channel->edge = false;
    }
}

static void show_place(struct fake_channel *channel, uint64_t lba)
{
    channel->low[0] = (uint8_t)lba;
    channel->mid[0] = (uint8_t)(lba >> 8);
    channel->high[0] = (uint8_t)(lba >> 16);
    channel->low[1] = (uint8_t)(lba >> 24);
    channel->mid[1] = (uint8_t)(lba >> 32);
    channel->high[1] = (uint8_t)(lba >> 40);
    if (!channel->ext) {
        channel->device = (uint8_t)((channel->device & 0xF0) | (lba >> 24 & 0x0F));
    }
}

/* The faults that end a command. Returns whether there was one. */
static bool fail_command(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];

    if (meets(channel, FAULT_ERROR)) {
        show_place(channel, drive->fault_names_place ? drive->fault_lba : 0x123456);
        end_command(channel, ATA_ERR, drive->fault_error);
    } else if (meets(channel, FAULT_ERROR_WITH_DRQ)) {
        show_place(channel, drive->fault_lba);
        end_command(channel, ATA_ERR | ATA_DRQ, drive->fault_error);
    } else if (meets(channel, FAULT_DRIVE)) {
        end_command(channel, ATA_DF, 0xFF); /* nothing in the error register counts */
    } else if (meets(channel, FAULT_STUCK_BUSY)) {
        channel->due = UINT64_MAX;
    } else {
        return false;
    }
    return true;
}

/* ---- PIO ---- */

static void offer_block(struct fake_channel *channel)
{
    channel->block = channel->left < channel->block ? channel->left : channel->block;
    channel->at = 0;
    channel->end = channel->block * 512;
    channel->status[channel->active] = ATA_DRDY | ATA_DRQ;
    channel->due = UINT64_MAX;
}

static bool is_read(const struct fake_channel *channel)
{
    return channel->op == ATA_READ_SECTORS || channel->op == ATA_READ_SECTORS_EXT ||
           channel->op == ATA_READ_MULTIPLE || channel->op == ATA_READ_MULTIPLE_EXT ||
           channel->op == ATA_READ_DMA || channel->op == ATA_READ_DMA_EXT ||
           channel->op == ATA_IDENTIFY_DEVICE;
}

static void step_pio(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];
    uint64_t place = channel->lba + channel->sectors - channel->left;

    if (fail_command(channel)) {
        return;
    }
    if (meets(channel, FAULT_NO_DRQ)) {
        end_command(channel, 0, 0);
        return;
    }
    if (!is_read(channel) && channel->left == 0) {
        end_command(channel, meets(channel, FAULT_WRONG_DRQ) ? ATA_DRQ : 0, 0);
        return;
    }
    bool first = !is_read(channel) && channel->left == channel->sectors;

    if (first && meets(channel, FAULT_SLOW_DRQ)) {
        channel->due = fake_nanos + SLOW_NANOS;
        return;
    }
    offer_block(channel);
    for (unsigned i = 0; i < channel->block && is_read(channel); i++) {
        memcpy(channel->buffer + i * 512, fake_sector(drive, place + i), 512);
    }
    if (!first) {
        raise(channel);
        channel->edge &= !meets(channel, FAULT_LOST_INTERRUPT);
    }
}

/* The host has moved the block. */
static void end_block(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];
    uint64_t place = channel->lba + channel->sectors - channel->left;

    for (unsigned i = 0; i < channel->block && !is_read(channel); i++) {
        memcpy(fake_sector(drive, place + i), channel->buffer + i * 512, 512);
        drive->sectors_written++;
    }
    channel->left -= channel->block;
    channel->status[channel->active] = ATA_DRDY | ATA_BSY;
    channel->due = fake_nanos + channel->latency;
    if (is_read(channel) && channel->left == 0) {
        channel->running = false; /* no interrupt for this */
        channel->status[channel->active] =
            ATA_DRDY | (meets(channel, FAULT_WRONG_DRQ) ? ATA_DRQ : 0);
    }
}

uint32_t fake_data_port(struct fake_channel *channel, unsigned size, bool write, uint32_t value)
{
    uint8_t *place = channel->buffer + channel->at;

    if (!channel->running || !(channel->status[channel->active] & ATA_DRQ) ||
        channel->at + size > channel->end) {
        fail_msg("data port at a wrong time");
    }
    if (channel->wide_fails) {
        assert_int_equal(size, 2);
    }
    assert_true(size == 2 || size == 4);
    assert_int_equal(write, !is_read(channel));
    if (write) {
        memcpy(place, &value, size);
    } else {
        memcpy(&value, place, size);
    }
    channel->at += size;
    if (channel->at == channel->end) {
        end_block(channel);
    }
    return value;
}

/* ---- DMA ---- */

static void step_dma(struct fake_channel *channel)
{
    if (!(channel->master_command & ATA_MASTER_START)) {
        return; /* the drive waits */
    }
    if (meets(channel, FAULT_TABLE_SHORT)) {
        channel->master_status &= (uint8_t)~ATA_MASTER_ACTIVE;
        channel->due = UINT64_MAX;
        return;
    }
    if (meets(channel, FAULT_MASTER_DEAD)) {
        channel->master_status = ATA_MASTER_ERROR;
        channel->due = UINT64_MAX;
        return;
    }
    if (meets(channel, FAULT_MASTER_ERROR)) {
        channel->master_status = ATA_MASTER_ERROR;
        fake_master_transfer(channel, 0);
        end_command(channel, 0, 0);
        return;
    }
    struct fake_drive *drive = &channel->drive[channel->active];
    bool fails = drive->fault == FAULT_ERROR && drive->fault_times > 0 &&
                 drive->fault_lba >= channel->lba &&
                 drive->fault_lba < channel->lba + channel->sectors;
    uint32_t good = fails ? (uint32_t)(drive->fault_lba - channel->lba) : channel->sectors;

    if (drive->fault == FAULT_STUCK_BUSY && meets(channel, FAULT_STUCK_BUSY)) {
        channel->due = UINT64_MAX;
        return;
    }
    bool too_long = meets(channel, FAULT_TABLE_LONG);

    fake_master_transfer(channel, too_long ? 1 : good);
    if (!too_long) {
        channel->master_status &= (uint8_t)~ATA_MASTER_ACTIVE;
    }
    if (!fail_command(channel)) {
        end_command(channel, meets(channel, FAULT_WRONG_DRQ) ? ATA_DRQ : 0, 0);
    }
}

/* ---- Commands ---- */

static void abort_command(struct fake_channel *channel)
{
    end_command(channel, ATA_ERR, ATA_ABRT);
}

static void step_identify(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];

    if (drive->packet) {
        channel->mid[0] = 0x14;
        channel->high[0] = 0xEB;
        abort_command(channel);
        return;
    }
    if (meets(channel, FAULT_IDENTIFY)) {
        abort_command(channel);
        return;
    }
    if (drive->silent) {
        end_command(channel, 0, 0);
        return;
    }
    channel->left = channel->block = channel->sectors = 1;
    offer_block(channel);
    memcpy(channel->buffer, drive->words, 512);
    raise(channel);
}

static void step_set_features(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];

    if (channel->features == ATA_FEATURE_WRITE_CACHE_OFF) {
        drive->cache_off = true;
    } else if (channel->features == ATA_FEATURE_TRANSFER_MODE) {
        drive->mode = channel->count[0];
    } else {
        abort_command(channel);
        return;
    }
    end_command(channel, 0, 0);
}

static void step(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];

    if (channel->wants_dma) {
        step_dma(channel);
        return;
    }
    switch (channel->op) {
    case ATA_IDENTIFY_DEVICE:
        step_identify(channel);
        return;
    case ATA_SET_FEATURES:
        step_set_features(channel);
        return;
    case ATA_SET_MULTIPLE_MODE:
        if (drive->refuses_multiple || channel->count[0] > (drive->words[47] & 0xFF) ||
            channel->count[0] == 0) {
            abort_command(channel);
            return;
        }
        drive->multiple = channel->count[0];
        end_command(channel, 0, 0);
        return;
    case ATA_FLUSH_CACHE:
    case ATA_FLUSH_CACHE_EXT:
        if (!fail_command(channel)) {
            drive->sectors_flushed = drive->sectors_written;
            end_command(channel, meets(channel, FAULT_WRONG_DRQ) ? ATA_DRQ : 0, 0);
        }
        return;
    default:
        step_pio(channel);
    }
}

static bool is_known(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];
    bool ext = drive->words[83] & 0x0400;

    channel->wants_dma = false;
    channel->ext = false;
    channel->block = 1;
    switch (channel->op) {
    case ATA_READ_MULTIPLE_EXT:
    case ATA_WRITE_MULTIPLE_EXT:
        channel->ext = true;
        channel->block = drive->multiple;
        return ext && drive->multiple > 0;
    case ATA_READ_MULTIPLE:
    case ATA_WRITE_MULTIPLE:
        channel->block = drive->multiple;
        return drive->multiple > 0;
    case ATA_READ_SECTORS_EXT:
    case ATA_WRITE_SECTORS_EXT:
        channel->ext = true;
        return ext;
    case ATA_READ_DMA_EXT:
    case ATA_WRITE_DMA_EXT:
        channel->ext = true;
        channel->wants_dma = true;
        return ext;
    case ATA_READ_DMA:
    case ATA_WRITE_DMA:
        channel->wants_dma = true;
        return drive->words[49] & 0x0100;
    case ATA_FLUSH_CACHE:
        return drive->words[83] & 0x1000;
    case ATA_FLUSH_CACHE_EXT:
        return ext && drive->words[83] & 0x2000;
    case ATA_READ_SECTORS:
    case ATA_WRITE_SECTORS:
    case ATA_SET_MULTIPLE_MODE:
    case ATA_SET_FEATURES:
    case ATA_IDENTIFY_DEVICE:
        return true;
    default:
        return false;
    }
}

static void take_addresses(struct fake_channel *channel)
{
    struct fake_drive *drive = &channel->drive[channel->active];

    channel->lba = (uint64_t)channel->high[0] << 16 | channel->mid[0] << 8 | channel->low[0];
    channel->sectors = channel->count[0];
    if (channel->ext) {
        channel->lba |= (uint64_t)channel->high[1] << 40 | (uint64_t)channel->mid[1] << 32 |
                        (uint64_t)channel->low[1] << 24;
        channel->sectors |= (uint32_t)channel->count[1] << 8;
    } else {
        channel->lba |= (uint64_t)(channel->device & 0x0F) << 24;
    }
    if (channel->sectors == 0) {
        channel->sectors = channel->ext ? 65536 : 256;
    }
    channel->left = channel->sectors;
    drive->last_lba = channel->lba;
    drive->last_count = channel->sectors;
}

void fake_begin_command(struct fake_channel *channel, uint8_t op)
{
    channel->active = channel->device >> 4 & 1;
    channel->op = op;
    channel->drive[channel->active].commands[op]++;
    channel->intrq[channel->active] = false;
    fake_update_line(channel);
    channel->running = true;
    channel->status[channel->active] = ATA_DRDY | ATA_BSY;
    channel->due = fake_nanos + channel->latency;
    if (!is_known(channel)) {
        abort_command(channel);
        return;
    }
    if (op == ATA_SET_MULTIPLE_MODE || op == ATA_SET_FEATURES || op == ATA_IDENTIFY_DEVICE ||
        op == ATA_FLUSH_CACHE || op == ATA_FLUSH_CACHE_EXT) {
        channel->sectors = 1;
        channel->lba = FAKE_ANY - 1; /* meets only faults at any place */
        return;
    }
    assert_true(channel->device & ATA_DEVICE_LBA);
    take_addresses(channel);
    if (!is_read(channel) && !channel->wants_dma) {
        channel->due = fake_nanos + 300; /* the drive asks at once */
    }
}

void fake_ata_advance(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct fake_channel *channel = &fake_channels[i];

        if (channel->running && fake_nanos >= channel->due &&
            !(channel->status[channel->active] & ATA_DRQ)) {
            step(channel);
        }
    }
}
