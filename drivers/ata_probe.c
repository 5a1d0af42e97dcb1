/*
 * ata_probe.c - is there a drive, what is it, and what has to be set before it is used.
 *
 * All of it is polled, with the drive's interrupt off: at start-up nobody could wait for one, and
 * emulated drives answer at once.
 */
#include "drivers/ata_internal.h"
#include "kernel/log.h"

#define FLOATING     0xFF /* nobody drives the bus */
#define FLOATING_LOW 0x7F /* the same, where bit 7 is pulled down as ATA asks for */

static bool is_nobody(uint8_t status)
{
    return status == 0 || status == FLOATING || status == FLOATING_LOW;
}

/* Who has refused IDENTIFY DEVICE, which every disk has? An ATAPI device has a signature [ATA6 9.12];
 * otherwise it may be a drive that answers for an absent neighbour. */
static enum ata_kind refused_kind(struct ata_channel *channel, const char **problem)
{
    unsigned signature = ata_read(channel, ATA_LBA_MID);

    signature |= (unsigned)ata_read(channel, ATA_LBA_HIGH) << 8;
    if (signature == ATA_SIGNATURE_ATAPI || signature == ATA_SIGNATURE_SATAPI) {
        return ATA_PACKET;
    }
    if (!is_nobody(ata_read_alternate(channel))) {
        *problem = "it does not tell what it is";
    }
    return ATA_NONE;
}

enum ata_kind ata_probe(struct ata_drive *drive, struct ata_identity *identity,
                        const char **problem)
{
    struct ata_channel *channel = drive->channel;
    uint16_t words[ATA_SECTOR_WORDS];

    *problem = NULL;
    channel->selected = NULL;
    ata_write(channel, ATA_DEVICE, ATA_DEVICE_ONES | (drive->slave ? ATA_DEVICE_DEV : 0));
    channel->device_register = -1;
    ata_delay(channel);
    if (is_nobody(ata_read_alternate(channel))) {
        return ATA_NONE;
    }
    if (!ata_wait(channel, ATA_DRQ, 0, ATA_LONG_WAIT)) {
        *problem = "it is never ready";
        return ATA_DISK;
    }
    if (!ata_do_command(drive, ATA_IDENTIFY_DEVICE, 0, 0)) {
        return refused_kind(channel, problem);
    }
    if (!ata_wait(channel, ATA_DRQ, ATA_DRQ, ATA_SHORT_WAIT)) {
        *problem = "it says nothing of itself";
        return ATA_DISK;
    }
    ata_move_in(channel, words, ATA_SECTOR_WORDS);
    *problem = ata_identify_parse(identity, words);
    return ATA_DISK;
}

/*
 * DMA needs a mode that drive and controller agree on, which the BIOS has chosen. If it has not,
 * the controller still has its slowest timing, which is that of mode 0. [PIIX3 2.2.9]
 */
static bool set_mode(struct ata_drive *drive)
{
    const struct ata_identity *identity = &drive->identity;

    return identity->udma >= 0 || identity->multiword >= 0 ||
           ata_do_command(drive, ATA_SET_FEATURES, ATA_FEATURE_TRANSFER_MODE,
                          ATA_MODE_MULTIWORD_DMA);
}

bool ata_set_up(struct ata_drive *drive)
{
    struct ata_identity *identity = &drive->identity;

    if (identity->multiple > 1 &&
        !ata_do_command(drive, ATA_SET_MULTIPLE_MODE, 0, identity->multiple)) {
        identity->multiple = 1;
    }
    /* A cache that cannot be told to write is no cache for us. */
    if (identity->write_cache && !identity->flush && !identity->flush_ext &&
        ata_do_command(drive, ATA_SET_FEATURES, ATA_FEATURE_WRITE_CACHE_OFF, 0)) {
        identity->write_cache = false;
    }
    drive->dma = drive->dma && set_mode(drive);
    drive->device.how = drive->dma ? "DMA" : "PIO";
    drive->device.dev.volatile_cache = identity->write_cache;
    return ata_select(drive);
}
