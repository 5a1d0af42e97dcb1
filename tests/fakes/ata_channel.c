/* ata_channel.c - see ata_channel.h. [ATA6 9] */
#include "tests/fakes/ata_channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/ata_registers.h"

struct fake_channel fake_channels[2];
uint64_t fake_nanos;

#define ACCESS_NANOS 200
#define SLOW_NANOS   5000000

static struct fake_drive *selected(struct fake_channel *channel)
{
    return &channel->drive[channel->device >> 4 & 1];
}

static uint8_t *status_of(struct fake_channel *channel)
{
    return &channel->status[channel->device >> 4 & 1];
}

/* The line follows the drive that is selected; the bus master notes when it rises. */
static void update_line(struct fake_channel *channel)
{
    bool line = channel->intrq[channel->device >> 4 & 1] && !(channel->controls & ATA_CONTROL_NIEN);

    if (line && !channel->line) {
        channel->edge = true;
        channel->master_status |= ATA_MASTER_IRQ;
    }
    channel->line = line;
}

static void raise(struct fake_channel *channel)
{
    channel->intrq[channel->active] = true;
    update_line(channel);
}

uint8_t *fake_sector(struct fake_drive *drive, uint64_t lba)
{
    if (lba < FAKE_LOW_SECTORS) {
        return drive->low + lba * 512;
    }
    if (lba < drive->window || lba >= drive->window + FAKE_LOW_SECTORS) {
        fail_msg("sector %llu has no contents", (unsigned long long)lba);
    }
    return drive->high + (lba - drive->window) * 512;
}

void fake_set_fault(struct fake_drive *drive, enum fake_fault fault, uint64_t lba, unsigned times)
{
    drive->fault = fault;
    drive->fault_lba = lba;
    drive->fault_times = times;
    drive->fault_error = ATA_UNC;
    drive->fault_names_place = true;
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

static void put_text(uint16_t *words, const char *text, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned high = *text != '\0' ? (uint8_t)*text++ : ' ';
        unsigned low = *text != '\0' ? (uint8_t)*text++ : ' ';

        words[i] = (uint16_t)(high << 8 | low);
    }
}

struct fake_drive *fake_add_disk(struct fake_channel *channel, bool slave, uint64_t sectors)
{
    struct fake_drive *drive = &channel->drive[slave];
    uint64_t short_sectors = sectors < 0x0FFFFFFF ? sectors : 0x0FFFFFFF;

    memset(drive, 0, sizeof(*drive));
    drive->present = true;
    channel->status[slave] = ATA_DRDY;
    drive->words[0] = 0x0040;
    put_text(&drive->words[10], slave ? "S-2" : "S-1", 10);
    put_text(&drive->words[27], "FAKE DISK", 20);
    drive->words[47] = 0x8010;
    drive->words[49] = 0x0300;
    drive->words[53] = 0x0006;
    drive->words[60] = (uint16_t)short_sectors;
    drive->words[61] = (uint16_t)(short_sectors >> 16);
    drive->words[63] = 0x0007;
    drive->words[83] = 0x7400;
    drive->words[85] = 0x0020;
    drive->words[87] = 0x4000;
    drive->words[88] = 0x203F;
    for (unsigned i = 0; i < 4; i++) {
        drive->words[100 + i] = (uint16_t)(sectors >> 16 * i);
    }
    drive->low = calloc(FAKE_LOW_SECTORS, 512);
    drive->high = calloc(FAKE_LOW_SECTORS, 512);
    drive->window = sectors > FAKE_LOW_SECTORS ? sectors - FAKE_LOW_SECTORS : 0;
    return drive;
}

void fake_ata_reset_all(void)
{
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < 2; j++) {
            free(fake_channels[i].drive[j].low);
            free(fake_channels[i].drive[j].high);
        }
        memset(&fake_channels[i], 0, sizeof(fake_channels[i]));
        fake_channels[i].latency = 20000;
    }
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

static uint32_t data_port(struct fake_channel *channel, unsigned size, bool write, uint32_t value)
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

static void begin_command(struct fake_channel *channel, uint8_t op)
{
    channel->active = channel->device >> 4 & 1;
    channel->op = op;
    channel->drive[channel->active].commands[op]++;
    channel->intrq[channel->active] = false;
    update_line(channel);
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

/* ---- Ports ---- */

static void reset(struct fake_channel *channel)
{
    channel->resets++;
    channel->running = false;
    channel->device = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct fake_drive *drive = &channel->drive[i];

        drive->multiple = 0;
        drive->cache_off = false;
        channel->intrq[i] = false;
        channel->status[i] = drive->present ? (drive->dies ? ATA_BSY : ATA_DRDY) : 0;
    }
    update_line(channel);
}

static void write_control(struct fake_channel *channel, uint8_t value)
{
    if (value & ATA_CONTROL_SRST && !(channel->controls & ATA_CONTROL_SRST)) {
        reset(channel);
    }
    channel->controls = value;
    update_line(channel);
}

static void push(uint8_t reg[2], uint8_t value)
{
    reg[1] = reg[0];
    reg[0] = value;
}

static void write_register(struct fake_channel *channel, unsigned index, uint8_t value)
{
    channel->controls &= (uint8_t)~ATA_CONTROL_HOB;
    if (index == ATA_DEVICE && !channel->running) {
        channel->device = value;
        update_line(channel);
        return;
    }
    if (*status_of(channel) & (ATA_BSY | ATA_DRQ) || !selected(channel)->present) {
        channel->ignored++;
        return;
    }
    switch (index) {
    case ATA_FEATURES:
        channel->features = value;
        break;
    case ATA_COUNT:
        push(channel->count, value);
        break;
    case ATA_LBA_LOW:
        push(channel->low, value);
        break;
    case ATA_LBA_MID:
        push(channel->mid, value);
        break;
    case ATA_LBA_HIGH:
        push(channel->high, value);
        break;
    case ATA_DEVICE:
        channel->device = value;
        break;
    case ATA_COMMAND:
        begin_command(channel, value);
        break;
    default:
        fail_msg("write of register %u", index);
    }
}

static uint8_t read_status(struct fake_channel *channel)
{
    uint8_t status = *status_of(channel);

    channel->status_reads++;
    if (channel->floating) {
        return 0xFF;
    }
    if (!selected(channel)->present) {
        return 0;
    }
    /* While BSY is set the other bits mean nothing: show the worst. */
    if (status & ATA_BSY) {
        status |= ATA_ERR | ATA_DF | ATA_DRQ;
    }
    return channel->idx_pulses && channel->status_reads % 10 == 0 ? status | 0x02 : status;
}

static uint8_t read_register(struct fake_channel *channel, unsigned index)
{
    unsigned depth = channel->controls & ATA_CONTROL_HOB ? 1 : 0;

    if (channel->floating) {
        return 0xFF;
    }
    switch (index) {
    case ATA_ERROR:
        return channel->error[channel->device >> 4 & 1];
    case ATA_COUNT:
        return channel->count[depth];
    case ATA_LBA_LOW:
        return channel->low[depth];
    case ATA_LBA_MID:
        return channel->mid[depth];
    case ATA_LBA_HIGH:
        return channel->high[depth];
    case ATA_DEVICE:
        return channel->device;
    default:
        channel->intrq[channel->device >> 4 & 1] = false;
        update_line(channel);
        return read_status(channel);
    }
}

static uint8_t master_port(struct fake_channel *channel, unsigned index, bool write, uint8_t value)
{
    switch (index) {
    case ATA_MASTER_COMMAND:
        if (write) {
            uint8_t changed = value ^ channel->master_command;

            if (changed & ATA_MASTER_TO_RAM) {
                channel->direction_writes++;
                assert_false(channel->master_command & ATA_MASTER_START);
            }
            channel->master_command = value;
            if (changed & ATA_MASTER_START) {
                if (value & ATA_MASTER_START) {
                    assert_false(changed & ATA_MASTER_TO_RAM); /* before START, not with it */
                    assert_true(channel->running && channel->wants_dma);
                    assert_false(channel->master_status & (ATA_MASTER_IRQ | ATA_MASTER_ERROR));
                    channel->master_status |= ATA_MASTER_ACTIVE;
                    fake_master_hold(channel);
                } else {
                    channel->master_status &= (uint8_t)~ATA_MASTER_ACTIVE;
                    fake_master_release(channel);
                }
            }
        }
        return channel->master_command;
    case ATA_MASTER_STATUS:
        if (write) {
            channel->master_status &= (uint8_t) ~(value & (ATA_MASTER_ERROR | ATA_MASTER_IRQ));
            channel->master_status =
                (uint8_t)((channel->master_status & ~ATA_MASTER_KEEP) | (value & ATA_MASTER_KEEP));
        }
        return channel->master_status;
    default:
        fail_msg("bus master port %u", index);
        return 0;
    }
}

static uint32_t access_port(struct fake_channel *channel, uint16_t port, unsigned size, bool write,
                            uint32_t value)
{
    if (channel->master != 0 && port >= channel->master && port < channel->master + 8) {
        if (port == channel->master + ATA_MASTER_TABLE) {
            assert_true(write && size == 4);
            channel->table_writes++;
            channel->master_table = value;
            return value;
        }
        assert_int_equal(size, 1);
        return master_port(channel, port - channel->master, write, (uint8_t)value);
    }
    if (port == channel->command) {
        return data_port(channel, size, write, value);
    }
    assert_int_equal(size, 1);
    if (port == channel->control) {
        if (write) {
            write_control(channel, (uint8_t)value);
        }
        return read_status(channel);
    }
    if (write) {
        write_register(channel, port - channel->command, (uint8_t)value);
        return value;
    }
    return read_register(channel, port - channel->command);
}

bool fake_ata_port(uint16_t port, unsigned size, bool write, uint32_t *value)
{
    fake_nanos += ACCESS_NANOS;
    fake_ata_advance();
    for (unsigned i = 0; i < 2; i++) {
        struct fake_channel *channel = &fake_channels[i];

        if ((port >= channel->command && port < channel->command + 8) || port == channel->control ||
            (channel->master != 0 && port >= channel->master && port < channel->master + 8)) {
            channel->accesses++;
            *value = access_port(channel, port, size, write, *value);
            return true;
        }
    }
    return false;
}
