/*
 * ata_channel.h - an ATA channel for unit tests: two drives behind ports, and a bus master that
 * walks the driver's real table in made-up memory.
 *
 * It is as strict as the manuals and as nasty as the emulators: registers written at a wrong time
 * are ignored (and counted), data port accesses at a wrong time, tables that break a rule and
 * memory that is touched while the device has it fail the test. Each port access takes time; a
 * command ends after `latency` of it. The test delivers interrupts by hand.
 */
#ifndef SECTOR0_FAKES_ATA_CHANNEL_H
#define SECTOR0_FAKES_ATA_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_LOW_SECTORS 20000 /* that have contents, from 0 on; and as many at `window` */
#define FAKE_ANY         UINT64_MAX

/* What can go wrong. It happens to commands that touch sector `lba`, `times` times. */
enum fake_fault {
    FAULT_NONE,
    FAULT_ERROR,          /* ERR with `error`; names the sector if `names_place` */
    FAULT_DRIVE,          /* DF, without ERR */
    FAULT_LOST_INTERRUPT, /* all is well, but nobody is told */
    FAULT_STUCK_BUSY,     /* BSY for ever */
    FAULT_WRONG_DRQ,      /* DRQ is still set at the end */
    FAULT_NO_DRQ,         /* PIO: ends before all data were moved */
    FAULT_ERROR_WITH_DRQ, /* ERR, and data to move */
    FAULT_TABLE_SHORT,    /* the bus master stops early: not active, no interrupt */
    FAULT_TABLE_LONG,     /* interrupt while the bus master is still active */
    FAULT_MASTER_ERROR,   /* the bus master cannot reach memory; the command has ended */
    FAULT_MASTER_DEAD,    /* the same, but the drive waits on, and no interrupt comes */
    FAULT_IDENTIFY,       /* IDENTIFY ends with an error */
    FAULT_SLOW_DRQ,       /* PIO write: DRQ comes 5 ms late */
};

struct fake_drive {
    bool present, packet, silent; /* silent: IDENTIFY ends without data */
    bool refuses_multiple;
    bool dies;           /* at the next reset: BSY for ever */
    uint16_t words[256]; /* of IDENTIFY */
    uint8_t *low, *high; /* contents */
    uint64_t window;     /* first sector of `high` */
    unsigned multiple;   /* as set by the driver; 0 after a reset */
    bool cache_off;
    unsigned mode; /* of SET FEATURES 03h */
    enum fake_fault fault;
    uint64_t fault_lba;
    unsigned fault_times;
    uint8_t fault_error;
    bool fault_names_place;
    /* What the driver did. */
    unsigned commands[256];
    uint64_t last_lba;
    uint32_t last_count;
    uint32_t sectors_written, sectors_flushed;
};

struct fake_channel {
    struct fake_drive drive[2];
    uint16_t command, control, master; /* ports; master 0: none */
    bool idx_pulses, floating;
    bool wide_fails;  /* the data port has 16 bits */
    unsigned latency; /* ns that a command takes */

    /* Registers; [1] is what was written before the last. */
    uint8_t count[2], low[2], mid[2], high[2], features, device, controls;
    uint8_t status[2], error[2];
    bool intrq[2];
    bool line, edge; /* of the interrupt: how it is, and whether the PIC has seen it rise */
    uint8_t master_command, master_status;
    uint32_t master_table;

    /* The command that runs. */
    bool running, wants_dma;
    unsigned active, op;
    uint64_t lba, due;
    uint32_t left, block, sectors; /* sectors; in this DRQ block */
    bool ext;
    uint8_t buffer[16 * 512];
    unsigned at, end; /* in buffer */

    unsigned ignored; /* writes at a wrong time */
    unsigned status_reads, accesses, resets, table_writes, direction_writes;
};

extern struct fake_channel fake_channels[2];
extern uint64_t fake_nanos;

/* A disk of SECTORS with all features, on CHANNEL. */
struct fake_drive *fake_add_disk(struct fake_channel *channel, bool slave, uint64_t sectors);

/* The contents of sector LBA. */
uint8_t *fake_sector(struct fake_drive *drive, uint64_t lba);

/* Let TIMES commands that touch LBA meet FAULT. */
void fake_set_fault(struct fake_drive *drive, enum fake_fault fault, uint64_t lba, unsigned times);

/* Whatever is due by now happens. */
void fake_ata_advance(void);

/* Everything as when the machine is turned on; no drives. */
void fake_ata_reset_all(void);

/* Read or write one port of a channel; false: it is not one of them. */
bool fake_ata_port(uint16_t port, unsigned size, bool write, uint32_t *value);

/* Among the files of this fake. The line follows the drive that is selected, and the bus master
 * notes when it rises; the data port; a command is written. */
void fake_update_line(struct fake_channel *channel);
uint32_t fake_data_port(struct fake_channel *channel, unsigned size, bool write, uint32_t value);
void fake_begin_command(struct fake_channel *channel, uint8_t op);

/* ata_master.c: take the memory that the table describes, move SECTORS of data, and give it back. */
void fake_master_hold(struct fake_channel *channel);
void fake_master_transfer(struct fake_channel *channel, uint32_t sectors);
void fake_master_release(struct fake_channel *channel);

#endif
