/*
 * ata_machine.h - the rest of the machine for the ATA driver's unit tests: ports, time, interrupts,
 * memory, PCI, the log, and a plain stand-in for drivers/block.c that does what block.h promises.
 */
#ifndef SECTOR0_FAKES_ATA_MACHINE_H
#define SECTOR0_FAKES_ATA_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/block.h"
#include "drivers/pci.h"
#include "tests/fakes/ata_channel.h"

#define MACHINE_REQUESTS 64
#define MACHINE_SEGMENTS 256

/* A request of a test, with its memory. */
struct machine_request {
    struct blk_req request;
    struct blk_seg segments[MACHINE_SEGMENTS];
    unsigned order; /* when it was done: 1 is the first; 0: not yet */
};

extern struct block_device *machine_disks[4]; /* in the order of registration */
extern unsigned machine_disk_count;
extern bool machine_resets_asked;
extern bool machine_no_dma_memory, machine_no_heap;
extern char machine_log[16384];
extern bool machine_has_pci;
extern struct pci_function machine_functions[3];
extern unsigned machine_function_count;
extern bool machine_shared_irq;            /* both channels on the line of machine_functions[0] */
extern void (*machine_while_asleep)(void); /* what others do while the driver sleeps */
extern unsigned machine_unclaimed;         /* interrupts that the handler did not know */

extern unsigned machine_submitted, machine_done; /* requests */

/* An empty machine with a PIIX controller: add drives, then start. */
void machine_new(void);
void machine_forget_requests(void); /* part of it */
void machine_start(void);

/* SIZE bytes of made-up RAM below 4 GiB, or above; physical address to *PHYS. */
uint8_t *machine_memory(uint64_t size, uint64_t align, bool high, uint64_t *phys);

/* Submit a request of one segment, or one for each page. */
struct machine_request *machine_submit(struct block_device *device, unsigned op, uint64_t lba,
                                       uint32_t sectors);
struct machine_request *machine_prepare(unsigned op, uint64_t lba, uint32_t sectors);
void machine_submit_request(struct block_device *device, struct machine_request *request);
/* Put it in the queue without telling the driver. */
void machine_enqueue(struct block_device *device, struct machine_request *request);
void machine_kick(struct block_device *device);

/* Somebody, perhaps another device, has raised IRQ. */
void machine_poke_irq(unsigned irq);

/* Let MICROS pass, and deliver interrupts. */
void machine_run(uint64_t micros);
/* Until all requests are done; a reset that was asked for is done. False after 40 s. */
bool machine_finish(void);
/* One poll; or nothing but polls, as at start-up. */
void machine_poll(struct block_device *device);
bool machine_finish_by_polls(struct block_device *device);
/* Reset DEVICE, and do what block.c does with what is in flight. */
bool machine_reset(struct block_device *device);

/* Each byte of each sector has a value of its own: put it on the disk, into the memory of a write;
 * and see that it is in the memory of a read, which has ended well, or on the disk. */
void machine_fill_disk(struct fake_drive *drive, uint64_t lba, uint32_t sectors);
void machine_fill(struct machine_request *request);
void machine_check(struct machine_request *request);
void machine_check_disk(struct fake_drive *drive, uint64_t lba, uint32_t sectors);

/* The byte at OFFSET in the memory of REQUEST, across its segments. */
uint8_t *machine_byte(struct machine_request *request, uint32_t offset);

#endif
