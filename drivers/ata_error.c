/*
 * ata_error.c - what went wrong, in words with the failing sector, and which request pays for it.
 *
 * A command may stand for many requests. If the drive says which sector failed, those before it are
 * done and the one with it has failed; if it does not say, each gets a command of its own until the
 * bad one shows. Requests behind a bad one are never failed with it.
 */
#include "drivers/ata_internal.h"
#include "kernel/log.h"
#include "kernel/printf.h"

#define LOG_ALL_UP_TO 16 /* errors of a drive; of more, those are logged whose number doubles */
#define UNKNOWN_PLACE UINT64_MAX
#define WORDS_SIZE    96

static const struct {
    uint8_t bit;
    const char *words;
} error_bits[] = {
    {ATA_ICRC, "ICRC, damaged on the cable"},
    {ATA_UNC, "UNC, cannot be read"},
    {ATA_IDNF, "IDNF, no such sector"},
    {ATA_ABRT, "ABRT, the drive gave up"},
    {ATA_AMNF, "AMNF, no address mark"},
    {ATA_MC | ATA_MCR | ATA_NM, "medium changed or missing"},
};

static void error_words(char *words, uint8_t status, uint8_t error)
{
    size_t length =
        format_string(words, WORDS_SIZE, "%s", status & ATA_DF ? "DF, drive fault" : "");

    for (unsigned i = 0; i < sizeof(error_bits) / sizeof(error_bits[0]); i++) {
        if (error & error_bits[i].bit && length < WORDS_SIZE) {
            length += format_string(words + length, WORDS_SIZE - length, "%s%s",
                                    length > 0 ? "; " : "", error_bits[i].words);
        }
    }
    if (length == 0) {
        format_string(words, WORDS_SIZE, "the drive does not say why");
    }
}

static uint64_t read_lba_registers(struct ata_channel *channel)
{
    uint64_t lba = ata_read(channel, ATA_LBA_LOW);

    lba |= (uint64_t)ata_read(channel, ATA_LBA_MID) << 8;
    return lba | (uint64_t)ata_read(channel, ATA_LBA_HIGH) << 16;
}

/* The sector that the drive names, or UNKNOWN_PLACE. */
static uint64_t failed_sector(struct ata_channel *channel, uint8_t error)
{
    const struct ata_work *work = &channel->work;
    uint64_t lba;

    if (!(error & (ATA_UNC | ATA_IDNF | ATA_AMNF)) || work->way == ATA_WITHOUT_DATA) {
        return UNKNOWN_PLACE;
    }
    lba = read_lba_registers(channel);
    if (work->ext) {
        uint8_t controls = channel->controls;

        ata_set_control(channel, controls | ATA_CONTROL_HOB);
        lba |= read_lba_registers(channel) << 24;
        ata_set_control(channel, controls);
    } else {
        lba |= (uint64_t)(ata_read(channel, ATA_DEVICE) & 0x0F) << 24;
    }
    return lba >= work->lba && lba < work->lba + work->sectors ? lba : UNKNOWN_PLACE;
}

/* Whether one more error of DRIVE is worth a line: a broken disk has no end of them. */
static bool worth_a_line(struct ata_drive *drive)
{
    drive->errors++;
    return log_is_worth_it(drive->errors, LOG_ALL_UP_TO);
}

static void log_error(struct ata_channel *channel, uint8_t status, uint8_t error, uint64_t place)
{
    static const char *const verbs[] = {[BLK_READ] = "read", [BLK_WRITE] = "write"};
    const struct ata_work *work = &channel->work;
    const char *name = channel->active->device.name;
    char words[WORDS_SIZE];

    if (ata_first_request(channel)->tries > 0 || !worth_a_line(channel->active)) {
        return; /* the same again: block.c tells what came of it */
    }
    error_words(words, status, error);
    if (work->way == ATA_WITHOUT_DATA) {
        log_line(name, "flush: %s (status %02x, error %02x)", words, status, error);
    } else if (place == UNKNOWN_PLACE) {
        log_line(name, "%s of %u sectors from %llu: %s (status %02x, error %02x)",
                 verbs[ata_op(channel)], work->sectors, (unsigned long long)work->lba, words,
                 status, error);
    } else {
        log_line(name, "%s of sector %llu: %s (status %02x, error %02x)", verbs[ata_op(channel)],
                 (unsigned long long)place, words, status, error);
    }
}

/* How many of the command's sectors before PLACE are surely where they belong. */
static uint32_t sectors_done(const struct ata_work *work, uint64_t place)
{
    uint32_t before = (uint32_t)(place - work->lba);
    uint32_t moved = work->sectors - work->left;

    switch (work->way) {
    case ATA_BY_DMA:
        return before;
    case ATA_BY_PIO:
        return before < moved ? before : moved;
    default:
        return 0;
    }
}

/* Whether the first request has sectors from FIRST to before AFTER. */
static bool is_in_first(const struct ata_channel *channel, uint64_t first, uint64_t after)
{
    const struct blk_req *request = ata_first_request(channel);

    return first >= request->lba && after <= request->lba + request->nsect;
}

/* Find the request that has failed, and end it. */
static void blame(struct ata_channel *channel, uint64_t place)
{
    struct ata_work *work = &channel->work;
    uint64_t first = work->lba;
    uint64_t after = work->lba + work->sectors;

    if (place != UNKNOWN_PLACE) {
        ata_pass_over(channel, sectors_done(work, place));
        first = place;
        after = place + 1;
    }
    if (is_in_first(channel, first, after)) {
        ata_end_request(channel, BLK_EIO);
    } else {
        work->alone = true;
        ata_begin(channel);
    }
}

void ata_command_failed(struct ata_channel *channel, uint8_t status)
{
    uint8_t error = status & ATA_ERR ? ata_read(channel, ATA_ERROR) : 0;
    uint64_t place = failed_sector(channel, error);

    channel->selected = NULL; /* look again before the next command */
    log_error(channel, status, error, place);
    if (channel->work.way == ATA_WITHOUT_DATA) {
        ata_end_request(channel, BLK_EIO);
    } else if (status & ATA_DRQ) {
        ata_lost_track(channel, status, "still wants to move data after an error");
    } else if (error & ATA_ICRC && channel->work.way != ATA_BY_PIO) {
        ata_dma_failed(channel, "data were damaged on the cable");
    } else {
        blame(channel, place);
    }
}

void ata_count_dma_fault(struct ata_drive *drive)
{
    if (drive->dma && ++drive->dma_faults >= ATA_DMA_FAULTS) {
        drive->dma = false;
        drive->device.how = "PIO";
        log_line(drive->device.name, "DMA has failed %u times in a row: PIO from now on",
                 ATA_DMA_FAULTS);
    }
}

void ata_dma_failed(struct ata_channel *channel, const char *why)
{
    if (worth_a_line(channel->active)) {
        log_line(channel->active->device.name, "DMA of %u sectors at %llu: %s",
                 channel->work.sectors, (unsigned long long)channel->work.lba, why);
    }
    ata_count_dma_fault(channel->active);
    ata_begin(channel);
}

void ata_lost_track(struct ata_channel *channel, uint8_t status, const char *why)
{
    struct block_device *device = &channel->active->device;

    if (worth_a_line(channel->active)) {
        log_line(device->name, "%s (status %02x): it gets a reset", why, status);
    }
    channel->stuck = true;
    channel->selected = NULL;
    block_ask_for_reset(device);
}
