/* ata_channel.c - see ata_channel.h: drives, registers and the interrupt line. [ATA6 7] */
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

static struct fake_drive *selected(struct fake_channel *channel)
{
    return &channel->drive[channel->device >> 4 & 1];
}

static uint8_t *status_of(struct fake_channel *channel)
{
    return &channel->status[channel->device >> 4 & 1];
}

void fake_update_line(struct fake_channel *channel)
{
    bool line = channel->intrq[channel->device >> 4 & 1] && !(channel->controls & ATA_CONTROL_NIEN);

    if (line && !channel->line) {
        channel->edge = true;
        channel->master_status |= ATA_MASTER_IRQ;
    }
    channel->line = line;
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
    fake_update_line(channel);
}

static void write_control(struct fake_channel *channel, uint8_t value)
{
    if (value & ATA_CONTROL_SRST && !(channel->controls & ATA_CONTROL_SRST)) {
        reset(channel);
    }
    channel->controls = value;
    fake_update_line(channel);
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
        fake_update_line(channel);
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
        fake_begin_command(channel, value);
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
        fake_update_line(channel);
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
        return fake_data_port(channel, size, write, value);
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
