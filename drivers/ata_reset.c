/*
 * ata_reset.c - bring a stuck channel to rest, and make its drives work again. [ATA6 9.2]
 *
 * A reset hits both drives. That is no harm to the other one: a channel does one command at a time,
 * so it has none. While the reset runs, nobody else touches the channel; what the other drive gets
 * to do waits.
 */
#include "drivers/ata_internal.h"
#include "kernel/clock.h"
#include "kernel/cpu/cpu.h"
#include "kernel/log.h"
#include "kernel/sched/thread.h"
#include "kernel/string.h"

#define PULSE_MICROS 5
#define REST_NANOS   2000000 /* until the status means something */

/*
 * Stop everything. Returns false if the other drive's command runs: then DEVICE has none, and is at
 * rest.
 */
static bool take_channel(struct ata_drive *drive)
{
    struct ata_channel *channel = drive->channel;
    bool were_on = cpu_save_interrupts();
    bool mine = channel->active == NULL || channel->active == drive;

    if (mine) {
        bool dma = channel->active == drive &&
                   (channel->work.way == ATA_BY_DMA || channel->work.way == ATA_BY_BOUNCE);

        channel->resetting = true;
        if (channel->table != NULL) {
            ata_dma_stop(channel);
        }
        if (dma && !channel->stuck) {
            ata_count_dma_fault(drive); /* nothing was heard of it */
        }
        channel->active = NULL;
        channel->work.count = 0;
        channel->announced = false;
        channel->stuck = false;
    }
    cpu_restore_interrupts(were_on);
    return mine;
}

static void rest(void)
{
    if (thread_may_sleep()) {
        thread_sleep(REST_NANOS);
    } else {
        clock_wait(REST_NANOS / 1000);
    }
}

static void software_reset(struct ata_channel *channel)
{
    channel->selected = NULL;
    channel->device_register = -1;
    channel->controls = (uint8_t)~ATA_CONTROL_NIEN; /* whatever it holds, write it */
    ata_set_control(channel, ATA_CONTROL_NIEN | ATA_CONTROL_SRST);
    clock_wait(PULSE_MICROS);
    ata_set_control(channel, ATA_CONTROL_NIEN);
    rest();
}

/* Is DRIVE there, and the same as before? */
static bool revive(struct ata_drive *drive)
{
    struct ata_channel *channel = drive->channel;
    struct ata_identity identity;
    const char *problem;

    ata_write(channel, ATA_DEVICE, ATA_DEVICE_ONES | (drive->slave ? ATA_DEVICE_DEV : 0));
    ata_delay(channel);
    if (!ata_wait(channel, 0, 0, ATA_RESET_WAIT)) {
        log_line(drive->device.name, "is busy for ever after a reset");
        return false;
    }
    if (ata_probe(drive, &identity, &problem) != ATA_DISK || problem != NULL) {
        log_line(drive->device.name, "after a reset: %s", problem ? problem : "there is no disk");
        return false;
    }
    if (strcmp(identity.serial, drive->identity.serial) != 0 ||
        strcmp(identity.model, drive->identity.model) != 0 ||
        identity.sectors != drive->identity.sectors) {
        log_line(drive->device.name, "is another disk after a reset");
        return false;
    }
    drive->identity = identity;
    return ata_set_up(drive);
}

bool ata_reset(struct block_device *device)
{
    struct ata_drive *drive = device->driver_data;
    struct ata_channel *channel = drive->channel;
    struct ata_drive *other = &channel->drive[!drive->slave];

    if (!take_channel(drive)) {
        return drive->present;
    }
    software_reset(channel);
    drive->present = revive(drive);
    if (other->present && !revive(other)) {
        other->present = false; /* its own reset looks once more, and gives it up */
        block_ask_for_reset(&other->device);
    }
    ata_set_control(channel, 0);
    channel->resetting = false;
    work_queue(&channel->kick);
    return drive->present;
}
