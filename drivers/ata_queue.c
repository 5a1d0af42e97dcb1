/*
 * ata_queue.c - between block.c and the drive: which requests make a command, and what its end
 * means for them.
 *
 * Requests that follow each other on the disk are one command. It may take several commands to do
 * what was taken together: one reaches as far as the bus master can, and after an error that does
 * not say where it was, each request has a command of its own.
 *
 *   run ----> take ----> ata_begin ----> (interrupt) ----> collect ----> ata_command_done --+
 *                            ^                                                         |
 *                            +------------------- something is left -------------------+
 *
 * The interrupt of an ISA line is an edge: it may come for something that a poll has seen already.
 * That one is expected (stale), any other that announces nothing is not ours.
 */
#include "drivers/ata_internal.h"
#include "kernel/cpu/cpu.h"

/* ---- The memory of the requests ---- */

struct ata_cursor ata_cursor(const struct ata_work *work)
{
    struct ata_cursor cursor = {.request = work->first};
    const struct blk_seg *segment = work->request[work->first]->seg;
    uint64_t skip = (uint64_t)work->skip * BLK_SECTOR;

    while (skip >= segment[cursor.segment].len && skip > 0) {
        skip -= segment[cursor.segment].len;
        cursor.segment++;
    }
    cursor.offset = (uint32_t)skip;
    return cursor;
}

struct blk_seg ata_next_piece(const struct ata_work *work, struct ata_cursor *cursor, uint32_t most)
{
    const struct blk_req *request = work->request[cursor->request];
    const struct blk_seg *segment = &request->seg[cursor->segment];
    struct blk_seg piece = {.va = (uint8_t *)segment->va + cursor->offset,
                            .len = segment->len - cursor->offset};

    if (segment->pa != 0) { /* else nobody says where it is */
        piece.pa = segment->pa + cursor->offset;
    }
    if (piece.len > most) {
        piece.len = most;
    }
    cursor->offset += piece.len;
    if (cursor->offset == segment->len) {
        cursor->offset = 0;
        if (++cursor->segment == request->nseg) {
            cursor->segment = 0;
            cursor->request++;
        }
    }
    return piece;
}

/* ---- Beginning ---- */

/* Sectors of the first request alone, or of all, that are left. */
static uint32_t sectors_left(const struct ata_channel *channel)
{
    const struct ata_work *work = &channel->work;
    uint32_t sectors = work->request[work->first]->nsect - work->skip;

    for (unsigned i = work->first + 1; i < work->count && !work->alone; i++) {
        sectors += work->request[i]->nsect;
    }
    return sectors;
}

/* Choose how the data go, and for how many sectors. */
static void choose_way(struct ata_channel *channel)
{
    struct ata_work *work = &channel->work;

    work->sectors = 0;
    if (channel->active->dma) {
        work->way = ATA_BY_DMA;
        work->sectors = ata_dma_describe(channel);
        if (work->sectors == 0) {
            work->way = ATA_BY_BOUNCE;
            work->sectors = ata_dma_bounce(channel);
        }
    }
    if (work->sectors == 0) {
        work->way = ATA_BY_PIO;
        work->sectors = sectors_left(channel);
    }
}

void ata_begin(struct ata_channel *channel)
{
    struct ata_work *work = &channel->work;
    struct ata_drive *drive = channel->active;
    const struct blk_req *request = ata_first_request(channel);

    channel->announced = false;
    if (!ata_select(drive)) {
        ata_lost_track(channel, ata_read_alternate(channel), "is not ready for a command");
        return;
    }
    work->lba = request->lba + work->skip;
    if (request->op == BLK_FLUSH) {
        work->way = ATA_WITHOUT_DATA;
        ata_issue(drive, drive->identity.flush_ext ? ATA_FLUSH_CACHE_EXT : ATA_FLUSH_CACHE, 0, 0);
        return;
    }
    choose_way(channel);
    if (work->way == ATA_BY_PIO) {
        ata_pio_begin(channel);
    } else {
        ata_dma_begin(channel);
    }
}

/* Fill the work with the next requests of DRIVE's queue. Returns false if there are none. */
static bool take(struct ata_drive *drive)
{
    struct ata_work *work = &drive->channel->work;
    struct blk_req *request = block_take(&drive->device);
    uint32_t limit = ata_command_limit(drive);

    work->count = work->first = 0;
    work->skip = 0;
    work->alone = false;
    while (request != NULL) {
        work->request[work->count++] = request;
        limit -= request->nsect;
        if (request->op == BLK_FLUSH || work->count == ATA_MERGE_MAX || limit == 0) {
            break;
        }
        request = block_take_next(&drive->device, request, limit, ATA_MAX_SEGMENTS);
    }
    return work->count > 0;
}

/* Add what was counted to the statistics of DRIVE. Context: its lock is held. */
static void count_accesses(struct ata_drive *drive)
{
    struct ata_channel *channel = drive->channel;

    drive->device.stats.accesses += channel->accesses;
    drive->device.stats.kicks += channel->kicks;
    channel->accesses = 0;
    channel->kicks = 0;
}

/* Whether DRIVE has something that waits for the channel. */
static bool wants_channel(const struct ata_drive *drive)
{
    return drive->present && drive->device.queue_first != NULL && !drive->device.resetting;
}

/* Whether DRIVE may use the channel now: nobody does, and it is not the other one's turn. Whoever
 * leaves the channel sees to it that a drive that waits is asked again. */
static bool may_use_channel(const struct ata_drive *drive)
{
    const struct ata_channel *channel = drive->channel;

    return drive->present && channel->active == NULL && !channel->resetting &&
           (channel->last != drive || !wants_channel(&channel->drive[!drive->slave]));
}

static void run(struct block_device *device)
{
    struct ata_drive *drive = device->driver_data;
    struct ata_channel *channel = drive->channel;

    /* A request that the drive has no command for is over at once, and then comes the next. */
    while (may_use_channel(drive) && take(drive)) {
        unsigned op = ata_op(channel);

        channel->last = drive;
        if (op == BLK_READ || op == BLK_WRITE || op == BLK_FLUSH) {
            channel->active = drive;
            ata_begin(channel);
        } else {
            block_complete(device, ata_first_request(channel), BLK_EOPNOTSUPP);
        }
    }
    count_accesses(drive);
}

/* ---- Ending ---- */

/* The first request is out of the work. */
static void drop_request(struct ata_work *work)
{
    work->first++;
    work->skip = 0;
}

/* Go on with what is left of the work, or leave the channel. */
static void go_on(struct ata_channel *channel)
{
    struct ata_work *work = &channel->work;

    if (work->first < work->count) {
        ata_begin(channel);
    } else {
        work->count = 0;
        channel->active = NULL;
    }
}

void ata_pass_over(struct ata_channel *channel, uint32_t sectors)
{
    struct ata_work *work = &channel->work;

    while (sectors > 0) {
        struct blk_req *request = ata_first_request(channel);
        uint32_t rest = request->nsect - work->skip;

        if (sectors < rest) {
            work->skip += sectors;
            return;
        }
        sectors -= rest;
        drop_request(work);
        block_complete(&channel->active->device, request, 0);
    }
}

void ata_command_done(struct ata_channel *channel)
{
    if (ata_op(channel) == BLK_FLUSH) {
        ata_end_request(channel, 0);
        return;
    }
    ata_pass_over(channel, channel->work.sectors);
    go_on(channel);
}

void ata_end_request(struct ata_channel *channel, int status)
{
    struct blk_req *request = ata_first_request(channel);

    drop_request(&channel->work);
    block_complete(&channel->active->device, request, status);
    go_on(channel);
}

/* The drive is not busy any more and shows STATUS, which was read at the status register. */
static void proceed(struct ata_channel *channel, uint8_t status)
{
    if (channel->work.way == ATA_BY_PIO) {
        ata_pio_continue(channel, status);
    } else if (status & (ATA_ERR | ATA_DF)) {
        ata_command_failed(channel, status);
    } else if (status & ATA_DRQ) {
        ata_lost_track(channel, status, "asks for data that nobody has promised");
    } else {
        ata_command_done(channel);
    }
}

static bool uses_master(const struct ata_channel *channel)
{
    return channel->work.way == ATA_BY_DMA || channel->work.way == ATA_BY_BOUNCE;
}

/*
 * Whether the drive has something for the command that runs: the end of it or, in PIO, the next
 * block. Leaves the status that says so in channel->status; for DMA it is the bus master's, which
 * may be read without disturbing anything.
 */
static bool look(struct ata_channel *channel)
{
    if (uses_master(channel)) {
        channel->status = ata_read_master(channel, ATA_MASTER_STATUS);
        return channel->status & (ATA_MASTER_IRQ | ATA_MASTER_ERROR);
    }
    channel->status = ata_read(channel, ATA_STATUS);
    return !(channel->status & ATA_BSY);
}

static void collect(struct block_device *device, int budget)
{
    struct ata_drive *drive = device->driver_data;
    struct ata_channel *channel = drive->channel;

    (void)budget; /* what one command has done ends together */
    if (channel->active != drive || channel->resetting || channel->stuck) {
        return;
    }
    bool polled = !channel->announced;

    if (polled) {
        if (!uses_master(channel)) {
            ata_read_alternate(channel); /* the status may be 400 ns old otherwise */
        }
        if (!look(channel)) {
            count_accesses(drive);
            return;
        }
        channel->stale = true;
    }
    channel->announced = false;
    if (uses_master(channel)) {
        ata_dma_end(channel, channel->status);
    } else {
        channel->master_dirty = true; /* a bus master notes each interrupt of its channel */
        proceed(channel, channel->status);
    }
    count_accesses(drive);
    if (polled && channel->active == NULL && wants_channel(&channel->drive[!drive->slave])) {
        work_queue(&channel->kick);
    }
}

/* ---- Interrupts ---- */

void ata_kick(struct work *work)
{
    struct ata_channel *channel =
        (struct ata_channel *)((char *)work - offsetof(struct ata_channel, kick));

    for (unsigned i = 0; i < 2; i++) {
        struct ata_drive *drive = &channel->drive[i];
        bool were_on = cpu_save_interrupts();
        bool wanted = wants_channel(drive) && may_use_channel(drive);

        cpu_restore_interrupts(were_on);
        if (wanted) {
            block_interrupt(&drive->device);
        }
    }
}

/* No command runs, or its drive has nothing to say: let the line go down if it is ours. */
static bool answer_nothing(struct ata_channel *channel)
{
    bool expected = channel->stale;

    channel->stale = false;
    if (channel->active != NULL && !channel->stuck) {
        return expected;
    }
    if (channel->master != 0 && !(ata_read_master(channel, ATA_MASTER_STATUS) & ATA_MASTER_IRQ)) {
        return expected;
    }
    ata_read(channel, ATA_STATUS);
    channel->master_dirty = true;
    if (channel->master != 0) {
        ata_dma_clear(channel);
        return true;
    }
    return expected;
}

bool ata_interrupt(void *context)
{
    struct ata_channel *channel = context;
    struct ata_drive *drive = channel->active;

    if (drive == NULL || channel->resetting || channel->stuck || !look(channel)) {
        return answer_nothing(channel);
    }
    channel->announced = true;
    block_interrupt(&drive->device);
    ata_kick(&channel->kick);
    return true;
}

const struct block_driver ata_driver = {
    .name = "ata", .run = run, .collect = collect, .reset = ata_reset};
