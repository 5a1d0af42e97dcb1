/*
 * ata_internal.h - what the files of the ATA driver share. Nobody else includes this.
 *
 *   ata.c           controllers and channels: what is there, who gets which interrupt
 *   ata_probe.c     a drive: IDENTIFY, and what has to be set before it is used
 *   ata_identify.c  the 256 words of IDENTIFY
 *   ata_command.c   registers: selecting, waiting, the task file
 *   ata_queue.c     block.c's run and collect: which requests make a command, and its end
 *   ata_pio.c       data through the data port, one DRQ block an interrupt
 *   ata_dma.c       data by the bus master
 *   ata_error.c     what went wrong, in words; which request pays for it
 *   ata_reset.c     a stuck channel
 *
 * A channel does one command at a time, whichever of its two drives it is for. Each drive has a
 * lock of its own, in its block device; what they share is guarded by interrupts being off, which
 * they are whenever one of the locks is held. The thread that resets a channel runs with interrupts
 * on: resetting keeps all others away from it.
 */
#ifndef SECTOR0_DRIVERS_ATA_INTERNAL_H
#define SECTOR0_DRIVERS_ATA_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/ata_identify.h"
#include "drivers/ata_registers.h"
#include "drivers/block.h"
#include "kernel/cpu/io.h"
#include "kernel/irq.h"
#include "kernel/sched/work.h"

#define ATA_MERGE_MAX     64 /* requests in a command */
#define ATA_TABLE_SIZE    4096
#define ATA_TABLE_ENTRIES (ATA_TABLE_SIZE / sizeof(struct ata_region))
/* A request always fits the table: a segment takes two entries if it crosses a 64 KiB line, and one
 * more for each further line. */
#define ATA_MAX_SECTORS  8192
#define ATA_MAX_SEGMENTS 224
#define ATA_BOUNCE_SIZE  65536
#define ATA_DMA_FAULTS   3 /* in a row: then PIO for good */

#define ATA_SHORT_WAIT   1000     /* us, with interrupts off: for what takes a few */
#define ATA_LONG_WAIT    2000000  /* us: for an answer of a drive that is awake */
#define ATA_RESET_WAIT   31000000 /* us: for a drive that starts its motor [ATA6 9.2] */

/* What a bus master moves in one go. [BMIDE 1.2] */
struct ata_region {
    uint32_t address; /* even */
    uint16_t size;    /* bytes, even; 0 is 64 KiB; must not cross a 64 KiB line */
    uint16_t flags;
};
#define ATA_REGION_LAST 0x8000
_Static_assert(sizeof(struct ata_region) == 8, "the controller's layout");
_Static_assert(2 * ATA_MAX_SEGMENTS + ATA_MAX_SECTORS * BLK_SECTOR / 65536 <=
                   ATA_TABLE_SIZE / sizeof(struct ata_region),
               "a request must fit the table");

enum ata_way { ATA_BY_DMA, ATA_BY_BOUNCE, ATA_BY_PIO, ATA_WITHOUT_DATA };

/* A place in the memory of the requests of a piece of work. */
struct ata_cursor {
    unsigned request, segment;
    uint32_t offset; /* bytes, in the segment */
};

/* Requests that were taken together, and the command that runs for them. */
struct ata_work {
    struct blk_req *request[ATA_MERGE_MAX]; /* neighbours on the disk, all of one kind */
    unsigned count;                         /* 0: no work */
    unsigned first;                         /* the first that is not done */
    uint32_t skip;                          /* sectors of it that are done */
    bool alone; /* one request a command from now on, to find the one that fails */

    enum ata_way way;
    uint64_t lba;             /* of the command */
    uint32_t sectors;         /* of the command */
    bool ext;                 /* it has the long form */
    uint32_t left;            /* PIO: sectors that were not moved yet */
    struct ata_cursor cursor; /* PIO: where the next goes */
};

struct ata_channel;

struct ata_drive {
    struct block_device device;
    struct ata_channel *channel;
    struct ata_identity identity;
    bool present; /* a disk that we drive; false again when it was not found after a reset */
    bool slave;
    bool dma;           /* use it */
    uint8_t dma_faults; /* in a row */
    uint32_t errors;    /* commands that failed */
};

struct ata_channel {
    const char *name; /* "primary" */
    uint16_t command; /* the first of its eight ports */
    uint16_t control; /* its port */
    uint16_t master;  /* the first of eight ports, 0: none */
    uint8_t irq;      /* the line */
    bool wide;        /* 32 bits at the data port work */
    struct irq_handler handler;
    struct work kick; /* let a drive go on that waits for the other */
    struct ata_drive drive[2];

    struct ata_drive *active;   /* whose command runs, or NULL */
    struct ata_drive *last;     /* whose command ran last */
    struct ata_drive *selected; /* who listens and was ready when it was last seen; NULL: unknown */
    int device_register;        /* what it holds; -1: unknown */
    bool resetting;
    bool stuck;       /* only a reset helps, which was asked for */
    bool announced;   /* the handler has seen the end of a DRQ block or command: */
    uint8_t status;   /* and with it the drive's status, or for DMA the bus master's */
    bool stale;       /* what the next interrupt announces may have been seen by a poll already */
    uint8_t controls; /* the device control register */

    struct ata_region *table;
    uint64_t table_phys;
    bool table_set;         /* the bus master knows it */
    bool master_dirty;      /* its status has bits of an older command */
    uint8_t master_command; /* what its command register holds */
    uint8_t master_keep;    /* bits of its status that stay */
    void *bounce;           /* ATA_BOUNCE_SIZE bytes, or NULL while nobody needed it */
    uint64_t bounce_phys;

    uint32_t accesses, kicks; /* since they were added to a device's statistics */
    struct ata_work work;     /* of active */
};

/* The most sectors of a request, and of all that are taken together: one command can have them. */
static inline uint32_t ata_command_limit(const struct ata_drive *drive)
{
    return drive->identity.lba48 ? ATA_MAX_SECTORS : ATA_COUNT_MAX;
}

/* Whether a command needs the long form: the short one has fewer registers to write. */
static inline bool ata_needs_ext(uint64_t lba, uint32_t sectors)
{
    return lba + sectors > ATA_LBA28_END || sectors > ATA_COUNT_MAX;
}

/* ---- ata_command.c. Context: interrupts off, or start-up, or the reset ---- */

static inline uint8_t ata_read(struct ata_channel *channel, enum ata_register index)
{
    channel->accesses++;
    return io_read8((uint16_t)(channel->command + index));
}

static inline void ata_write(struct ata_channel *channel, enum ata_register index, uint8_t value)
{
    channel->accesses++;
    io_write8((uint16_t)(channel->command + index), value);
}

static inline uint8_t ata_read_alternate(struct ata_channel *channel)
{
    channel->accesses++;
    return io_read8(channel->control);
}

/* The device control register; writing what it holds is left out. */
void ata_set_control(struct ata_channel *channel, uint8_t value);

/* At least 400 ns: what a drive may take until its status is right. [ATA6 9] */
void ata_delay(struct ata_channel *channel);

/*
 * Wait until the drive that listens is not busy and, of its status, MASK is VALUE, for MICROS at
 * most. Sleeps in between where that is allowed. Returns whether it came to that.
 */
bool ata_wait(struct ata_channel *channel, uint8_t mask, uint8_t value, uint64_t micros);

/* Let DRIVE listen, and see that it is ready for a command. Returns false if it is not. */
bool ata_select(struct ata_drive *drive);

/* Write addresses and COMMAND. DRIVE is selected. */
void ata_issue(struct ata_drive *drive, uint8_t command, uint64_t lba, uint32_t count);

/* Commands without data, or IDENTIFY, to the end. Returns false if there was an error or no end. */
bool ata_do_command(struct ata_drive *drive, uint8_t command, uint8_t features, uint8_t count);

/* ---- ata_probe.c. Context: start-up, or the reset ---- */

enum ata_kind { ATA_NONE, ATA_DISK, ATA_PACKET };

/* Find out what is at DRIVE's place; *PROBLEM is then NULL, or why it cannot be used. */
enum ata_kind ata_probe(struct ata_drive *drive, struct ata_identity *identity,
                        const char **problem);

/* Set what a reset has forgotten. Returns false if the drive does not follow. */
bool ata_set_up(struct ata_drive *drive);

/* ---- ata_queue.c ---- */

extern const struct block_driver ata_driver;

/* The channel's interrupt handler; CONTEXT is the channel. Returns whether it had asked. */
bool ata_interrupt(void *context);

/* Let the drive go on that waits for the channel. Context: no device's lock is held. */
void ata_kick(struct work *work);

/* Begin the command for what is left of the work. */
void ata_begin(struct ata_channel *channel);

/* The command has ended well: complete its requests, and go on. */
void ata_command_done(struct ata_channel *channel);

/* SECTORS from the command's first on are done: complete the requests that end with them. */
void ata_pass_over(struct ata_channel *channel, uint32_t sectors);

/* The first request has ended with STATUS, whatever of it was done; go on with the others. */
void ata_end_request(struct ata_channel *channel, int status);

static inline struct blk_req *ata_first_request(const struct ata_channel *channel)
{
    return channel->work.request[channel->work.first];
}

static inline unsigned ata_op(const struct ata_channel *channel)
{
    return ata_first_request(channel)->op;
}

/* Where the command's data begin. */
struct ata_cursor ata_cursor(const struct ata_work *work);

/* The next piece of memory, at most MOST bytes; the cursor moves on. */
struct blk_seg ata_next_piece(const struct ata_work *work, struct ata_cursor *cursor,
                              uint32_t most);

/* ---- ata_pio.c ---- */

/* Move COUNT words of 16 bits between the data port and BUFFER. */
void ata_move_in(struct ata_channel *channel, void *buffer, uint32_t count);
void ata_move_out(struct ata_channel *channel, const void *buffer, uint32_t count);

/* Begin the work's command, and go on with it: the drive, which is not busy, shows STATUS. */
void ata_pio_begin(struct ata_channel *channel);
void ata_pio_continue(struct ata_channel *channel, uint8_t status);

/* ---- ata_dma.c ---- */

/* Get what DMA needs. Returns false if there is no memory. */
bool ata_dma_start(struct ata_channel *channel);

/*
 * Describe the memory of the work, as many of its requests as can be had in one command, to the bus
 * master. Returns how many sectors these are; 0: it cannot reach the first.
 */
uint32_t ata_dma_describe(struct ata_channel *channel);

/* The same for a piece of the first request, by way of the bounce buffer; 0: there is none. */
uint32_t ata_dma_bounce(struct ata_channel *channel);

void ata_dma_begin(struct ata_channel *channel);

/* The bus master's status was MASTER: bring it to rest, and end the command. */
void ata_dma_end(struct ata_channel *channel, uint8_t master);

/* Stop moving data, whatever runs. */
void ata_dma_stop(struct ata_channel *channel);

/* Forget what the bus master's status says of older commands. */
void ata_dma_clear(struct ata_channel *channel);

static inline uint8_t ata_read_master(struct ata_channel *channel, enum ata_master_register index)
{
    channel->accesses++;
    return io_read8((uint16_t)(channel->master + index));
}

/* ---- ata_error.c ---- */

/* The drive has ended the command with ERR or DF in STATUS. */
void ata_command_failed(struct ata_channel *channel, uint8_t status);

/* DMA went wrong, though not by the drive's fault: WHY. The command is tried again. */
void ata_dma_failed(struct ata_channel *channel, const char *why);

/* DMA has failed once more. */
void ata_count_dma_fault(struct ata_drive *drive);

/* The drive does not keep to the protocol: WHY. Only a reset helps; the requests stay in flight. */
void ata_lost_track(struct ata_channel *channel, uint8_t status, const char *why);

/* ---- ata_reset.c ---- */

bool ata_reset(struct block_device *device);

#endif
