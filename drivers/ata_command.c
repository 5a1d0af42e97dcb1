/*
 * ata_command.c - the registers of a channel: selecting a drive, waiting, and the task file.
 *
 * Every port access leaves the guest under an emulator, and takes a microsecond on an ISA bus, so
 * none is done twice. Two rules stand above that: a drive is given a command only when it has shown
 * BSY and DRQ clear, because it ignores what is written otherwise [ATA6 9.3]; and what the
 * registers hold after a command is unknown, so they are all written for the next [ATA8 7].
 */
#include "drivers/ata_internal.h"
#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/sched/thread.h"

#define STATUS_READS 4    /* 100 ns each at least [ATA6 9.3] */
#define SPIN_MICROS  1000 /* then a wait sleeps, if it may */
#define SLEEP_NANOS  1000000
#define LOOKS_PER_MICRO                                                                            \
    10 /* more than any machine does: a wait ends even if the clock does not run */

void ata_set_control(struct ata_channel *channel, uint8_t value)
{
    if (channel->controls != value) {
        channel->accesses++;
        io_write8(channel->control, value);
        channel->controls = value;
    }
}

void ata_delay(struct ata_channel *channel)
{
    for (unsigned i = 0; i < STATUS_READS; i++) {
        ata_read_alternate(channel);
    }
}

bool ata_wait(struct ata_channel *channel, uint8_t mask, uint8_t value, uint64_t micros)
{
    uint64_t start = clock_micros();

    for (uint64_t looks = 0; looks <= micros * LOOKS_PER_MICRO; looks++) {
        uint8_t status = ata_read_alternate(channel);
        uint64_t passed = clock_micros() - start;

        if (!(status & ATA_BSY) && (status & mask) == value) {
            return true;
        }
        if (passed > micros) {
            return false;
        }
        if (passed > SPIN_MICROS && thread_may_sleep()) {
            thread_sleep(SLEEP_NANOS);
        } else {
            cpu_pause();
        }
    }
    return false;
}

static uint8_t device_bits(const struct ata_drive *drive)
{
    return (uint8_t)(ATA_DEVICE_ONES | ATA_DEVICE_LBA | (drive->slave ? ATA_DEVICE_DEV : 0));
}

bool ata_select(struct ata_drive *drive)
{
    struct ata_channel *channel = drive->channel;

    if (channel->selected == drive) {
        return true; /* and was ready when it was last seen: nobody else gives it commands */
    }
    ata_write(channel, ATA_DEVICE, device_bits(drive));
    channel->device_register = device_bits(drive);
    ata_delay(channel);
    if (!ata_wait(channel, ATA_DRQ, 0, ATA_SHORT_WAIT)) {
        return false;
    }
    channel->selected = drive;
    return true;
}

/* The registers are two deep: what was written before the last is bits 24 to 47. [ATA6 6.20] */
static void write_high(struct ata_channel *channel, uint64_t lba, uint32_t count)
{
    ata_write(channel, ATA_COUNT, (uint8_t)(count >> 8));
    ata_write(channel, ATA_LBA_LOW, (uint8_t)(lba >> 24));
    ata_write(channel, ATA_LBA_MID, (uint8_t)(lba >> 32));
    ata_write(channel, ATA_LBA_HIGH, (uint8_t)(lba >> 40));
}

static void write_low(struct ata_channel *channel, uint64_t lba, uint32_t count)
{
    ata_write(channel, ATA_COUNT, (uint8_t)count);
    ata_write(channel, ATA_LBA_LOW, (uint8_t)lba);
    ata_write(channel, ATA_LBA_MID, (uint8_t)(lba >> 8));
    ata_write(channel, ATA_LBA_HIGH, (uint8_t)(lba >> 16));
}

static bool is_ext(uint8_t command)
{
    switch (command) {
    case ATA_READ_SECTORS_EXT:
    case ATA_READ_DMA_EXT:
    case ATA_READ_MULTIPLE_EXT:
    case ATA_WRITE_SECTORS_EXT:
    case ATA_WRITE_DMA_EXT:
    case ATA_WRITE_MULTIPLE_EXT:
        return true;
    default:
        return false;
    }
}

void ata_issue(struct ata_drive *drive, uint8_t command, uint64_t lba, uint32_t count)
{
    struct ata_channel *channel = drive->channel;
    uint8_t device = device_bits(drive);

    if (count > 0) {
        if (is_ext(command)) {
            write_high(channel, lba, count);
        } else {
            device |= (uint8_t)(lba >> 24 & 0x0F);
        }
        write_low(channel, lba, count);
        if (channel->device_register != device) {
            ata_write(channel, ATA_DEVICE, device);
        }
        /* The short forms leave other address bits behind; the long ones have none there. */
        channel->device_register = is_ext(command) ? device : -1;
    }
    ata_write(channel, ATA_COMMAND, command);
    channel->kicks++;
}

bool ata_do_command(struct ata_drive *drive, uint8_t command, uint8_t features, uint8_t count)
{
    struct ata_channel *channel = drive->channel;

    channel->selected = NULL; /* look again */
    if (!ata_select(drive)) {
        return false;
    }
    ata_write(channel, ATA_FEATURES, features);
    ata_write(channel, ATA_COUNT, count);
    ata_write(channel, ATA_COMMAND, command);
    ata_delay(channel);
    bool ended = ata_wait(channel, 0, 0, ATA_LONG_WAIT);

    return !(ata_read(channel, ATA_STATUS) & (ATA_ERR | ATA_DF)) && ended;
}
