/*
 * ata.c - controllers and channels: where they are, and who is there.
 *
 * A PCI function of class 01/01 has two channels, each either where they have been since the PC AT
 * (compatibility mode) or where its BARs say (native mode), as its interface byte tells. [PCI-IDE 2]
 * A PC without PCI has the two old places, and no bus master.
 */
#include "drivers/ata.h"

#include "drivers/ata_internal.h"
#include "drivers/pci.h"
#include "kernel/log.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/heap.h"

#define PCI_STORAGE     0x01
#define PCI_STORAGE_IDE 0x01
#define MASTER_BAR      4
#define CONTROL_OFFSET  2 /* of the control port, behind a native channel's BAR */
#define PLACES_MAX      16
#define POLL_MICROS     500 /* most commands of an emulated disk are done by then */

/* Where a channel is. */
struct place {
    uint16_t command, control, master;
    uint8_t irq;
};

static const struct place compatible[2] = {
    {ATA_PRIMARY_COMMAND, ATA_PRIMARY_CONTROL, 0, ATA_PRIMARY_IRQ},
    {ATA_SECONDARY_COMMAND, ATA_SECONDARY_CONTROL, 0, ATA_SECONDARY_IRQ},
};
static uint16_t places_taken[PLACES_MAX]; /* command ports */
static unsigned place_count;

static const char *drive_place(const struct ata_drive *drive)
{
    static const char *const names[3][2] = {{"primary master", "primary slave"},
                                            {"secondary master", "secondary slave"},
                                            {"master", "slave"}};
    unsigned row = drive->channel->command == ATA_PRIMARY_COMMAND     ? 0
                   : drive->channel->command == ATA_SECONDARY_COMMAND ? 1
                                                                      : 2;

    return names[row][drive->slave];
}

/* Fill in what block.c wants to know. */
static void describe_device(struct ata_drive *drive)
{
    struct block_device *device = &drive->device;

    device->dev.nsect = drive->identity.sectors;
    device->dev.lbs = BLK_SECTOR;
    device->dev.max_seg = ATA_MAX_SEGMENTS;
    device->dev.max_sect = ata_command_limit(drive);
    device->dev.queue_depth = ATA_MERGE_MAX;
    device->driver = &ata_driver;
    device->driver_data = drive;
    device->model = drive->identity.model;
    device->timeout_ms = 30000;
    device->retries = 3;
    device->one_by_one = true;
    device->poll_micros = POLL_MICROS;
}

/* Nothing is wrong with a drive that is no disk, or with none: WHAT is there, or NULL. */
static void log_no_disk(const struct ata_drive *drive, const char *what)
{
    if (what != NULL) {
        log_detail("ata", "%s at port %x is left alone: %s", drive_place(drive),
                   drive->channel->command, what);
    }
}

/* Look who is there. Returns whether it is a disk that we drive. */
static bool find_drive(struct ata_drive *drive)
{
    struct ata_channel *channel = drive->channel;
    const char *problem;
    enum ata_kind kind = ata_probe(drive, &drive->identity, &problem);

    if (kind != ATA_DISK) {
        log_no_disk(drive, kind == ATA_PACKET ? "an ATAPI device" : problem);
        return false;
    }
    drive->dma = channel->table != NULL && drive->identity.dma;
    if (problem == NULL && !ata_set_up(drive)) {
        problem = "it is not ready after what was set";
    }
    if (problem != NULL) {
        log_line("ata", "%s at port %x is left alone: %s", drive_place(drive), channel->command,
                 problem);
        return false;
    }
    describe_device(drive);
    return true;
}

static void set_up_channel(struct ata_channel *channel, const struct place *place)
{
    channel->command = place->command;
    channel->control = place->control;
    channel->master = place->master;
    channel->irq = place->irq;
    channel->wide = place->master != 0; /* an ISA adapter may have 16 bits only */
    channel->handler = (struct irq_handler){"ata", ata_interrupt, channel, 0, NULL};
    channel->kick.run = ata_kick;
    channel->stale = true; /* perhaps of what the BIOS did */
    channel->device_register = -1;
    for (unsigned i = 0; i < 2; i++) {
        channel->drive[i].channel = channel;
        channel->drive[i].slave = i == 1;
    }
}

static void log_drive(const struct ata_drive *drive)
{
    const struct ata_identity *identity = &drive->identity;

    log_detail(drive->device.name, "%s at port %x, irq %u, LBA%s, cache %s, %u sectors a block",
               drive_place(drive), drive->channel->command, drive->channel->irq,
               identity->lba48 ? "48" : "28", identity->write_cache ? "on" : "off",
               identity->multiple);
}

/* From now on by interrupts. */
static void register_drives(struct ata_channel *channel)
{
    irq_register(channel->irq, &channel->handler);
    ata_set_control(channel, 0);
    for (unsigned i = 0; i < 2; i++) {
        if (channel->drive[i].present) {
            block_register(&channel->drive[i].device, "ata");
            log_drive(&channel->drive[i]);
        }
    }
}

static void start_channel(const struct place *place)
{
    struct ata_channel *channel = kcalloc(1, sizeof(*channel));

    if (channel == NULL) {
        log_line("ata", "no memory for the channel at port %x", place->command);
        return;
    }
    set_up_channel(channel, place);
    ata_set_control(channel, ATA_CONTROL_NIEN);
    if (channel->master != 0 && !ata_dma_start(channel)) {
        log_line("ata", "no memory for DMA at port %x", place->command);
    }
    for (unsigned i = 0; i < 2; i++) {
        channel->drive[i].present = find_drive(&channel->drive[i]);
    }
    if (channel->drive[0].present || channel->drive[1].present) {
        register_drives(channel);
    } else {
        dma_free(channel->table, ATA_TABLE_SIZE);
        kfree(channel);
    }
}

/* Two controllers in compatibility mode would be at the same ports. */
static bool take_place(const struct place *place)
{
    for (unsigned i = 0; i < place_count; i++) {
        if (places_taken[i] == place->command) {
            log_line("ata", "a second controller at port %x is left alone", place->command);
            return false;
        }
    }
    if (place_count == PLACES_MAX) {
        return false;
    }
    places_taken[place_count++] = place->command;
    return true;
}

static uint16_t port_of(const struct pci_function *function, unsigned bar)
{
    const struct pci_bar *found = &function->bar[bar];

    return found->io && found->base <= UINT16_MAX ? (uint16_t)found->base : 0;
}

/* Where channel INDEX of FUNCTION is. Returns false if nobody has given it ports. */
static bool find_place(const struct pci_function *function, unsigned index, struct place *place)
{
    uint8_t native = index == 0 ? ATA_PCI_PRIMARY_NATIVE : ATA_PCI_SECONDARY_NATIVE;
    uint16_t master = port_of(function, MASTER_BAR);

    *place = compatible[index];
    if (function->interface & native) {
        place->command = port_of(function, 2 * index);
        place->control = port_of(function, 2 * index + 1);
        place->irq = function->irq;
        if (place->command == 0 || place->control == 0 || place->irq >= IRQ_COUNT) {
            log_line("ata", "a channel without ports or interrupt is left alone");
            return false;
        }
        place->control += CONTROL_OFFSET;
    }
    if (function->interface & ATA_PCI_MASTER && master != 0) {
        place->master = (uint16_t)(master + index * ATA_MASTER_PORTS);
    }
    return true;
}

static void start_controller(const struct pci_function *function)
{
    struct place place;

    pci_enable(function, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    for (unsigned i = 0; i < 2; i++) {
        if (find_place(function, i, &place) && take_place(&place)) {
            start_channel(&place);
        }
    }
}

void ata_start(void)
{
    const struct pci_function *function = NULL;

    place_count = 0;
    if (!pci_present()) {
        start_channel(&compatible[0]);
        start_channel(&compatible[1]);
        return;
    }
    while ((function = pci_next(function)) != NULL) {
        if (function->class_code == PCI_STORAGE && function->subclass == PCI_STORAGE_IDE) {
            start_controller(function);
        }
    }
}
