/*
 * pci_scan.c - see pci.h: finds all functions at start-up, and remembers them in order of address.
 *
 * The buses are walked upwards. A bridge leads to its secondary bus, whose number is higher than
 * that of the bus it sits on, so each bus is known to be there before its turn comes, and no walk
 * can go in a circle. A bridge that says otherwise has not been set up, or badly: then all 256
 * buses are looked at. [PCI 3.2.2.3]
 *
 * An access to a port leaves the guest, and an emulator takes longer for a piece of code that runs
 * for the first time than for a hundred of them: so little code and few accesses, in this order.
 */
#include <stddef.h>
#include <stdint.h>

#include "drivers/pci_internal.h"
#include "kernel/irq.h"
#include "kernel/log.h"

#define FUNCTIONS_MAX 128 /* more than PCs have: an end, if something answers at every address */
#define NOTHING       0xFFFF

/* Written by pci_start alone. */
static struct pci_function functions[FUNCTIONS_MAX];
static unsigned count;

const struct pci_function *pci_next(const struct pci_function *previous)
{
    const struct pci_function *next = previous == NULL ? functions : previous + 1;

    return next < functions + count ? next : NULL;
}

const struct pci_function *pci_find(uint16_t vendor, uint16_t device)
{
    const struct pci_function *function = NULL;

    while ((function = pci_next(function)) != NULL) {
        if (function->vendor == vendor && function->device == device) {
            break;
        }
    }
    return function;
}

/* pci_read32 without the care for others. */
static uint32_t peek(struct pci_address address, uint8_t offset)
{
    pci_select(address, offset);
    return io_read32(PCI_CONFIG_DATA);
}

/* Where a BAR is; how large it is, is another matter: see pci_bar.c. */
static void read_bars(struct pci_function *function)
{
    unsigned bars = pci_bar_count(function);

    for (unsigned index = 0; index < bars; index++) {
        struct pci_bar *bar = &function->bar[index];
        uint32_t low = peek(function->address, pci_bar_offset(index));

        if (low & PCI_BAR_IO) {
            bar->io = true;
            bar->base = low < PCI_PORTS ? low & ~PCI_BAR_IO_BITS : 0;
            continue;
        }
        bar->prefetch = low & PCI_BAR_PREFETCH;
        bar->is_64 = (low & PCI_BAR_TYPE) == PCI_BAR_TYPE_64;
        bar->base = low & ~PCI_BAR_MEMORY_BITS;
        if (bar->is_64 && ++index < bars) {
            bar->base |= (uint64_t)peek(function->address, pci_bar_offset(index)) << 32;
        } else if (bar->is_64) { /* where its upper half would be, there is something else */
            bar->base = 0;
        }
    }
}

/* Fill in FUNCTION, whose address, numbers and header type are known. */
static void read_function(struct pci_function *function)
{
    uint32_t class = peek(function->address, PCI_CLASS);
    uint32_t interrupt = peek(function->address, PCI_INTERRUPT);
    uint8_t line = (uint8_t)interrupt, pin = (uint8_t)(interrupt >> 8);

    function->class_code = (uint8_t)(class >> 24);
    function->subclass = (uint8_t)(class >> 16);
    function->interface = (uint8_t)(class >> 8);
    function->revision = (uint8_t) class;
    function->pin = pin <= 4 ? pin : 0;
    /* Line 0, the timer's, is what a BIOS leaves that has routed nothing. [PCI 6.2.4] */
    function->irq = function->pin != 0 && line != 0 && line < IRQ_COUNT ? line : PCI_NO_IRQ;
    if (function->header_type == PCI_HEADER_DEVICE) {
        uint32_t subsystem = peek(function->address, PCI_SUBSYSTEM);

        function->subsystem_vendor = (uint16_t)subsystem;
        function->subsystem = (uint16_t)(subsystem >> 16);
    }
    read_bars(function);
}

/*
 * LIMIT[bus] is the highest bus number that is reached through that bus, 0 if nothing leads to it.
 * Enter where BRIDGE leads. Returns false if its numbers make no sense.
 */
static bool follow_bridge(const struct pci_function *bridge, uint8_t *limit)
{
    uint32_t numbers = peek(bridge->address, PCI_BUS_NUMBERS);
    uint8_t primary = (uint8_t)numbers;
    uint8_t secondary = (uint8_t)(numbers >> 8);
    uint8_t subordinate = (uint8_t)(numbers >> 16);

    if (primary != bridge->address.bus || secondary <= primary || subordinate < secondary ||
        subordinate > limit[primary] || limit[secondary] != 0) {
        log_line("pci", "bridge %02x:%02x.%u: bad bus numbers %u, %u, %u: trying all buses",
                 bridge->address.bus, bridge->address.device, bridge->address.function, primary,
                 secondary, subordinate);
        return false;
    }
    limit[secondary] = subordinate;
    return true;
}

enum outcome { WENT_WELL, BAD_BRIDGE, FULL };

/*
 * Add the function at ADDRESS, whose first register holds ID. *HEADER is set to its header type as
 * it reads. LIMIT is NULL if bridges do not matter.
 */
static enum outcome add_function(struct pci_address address, uint32_t id, uint8_t *limit,
                                 uint8_t *header)
{
    struct pci_function *function = &functions[count];

    if (count == FUNCTIONS_MAX) {
        log_line("pci", "too many functions: those from %02x:%02x.%u on are not used", address.bus,
                 address.device, address.function);
        return FULL;
    }
    *header = (uint8_t)(peek(address, PCI_HEADER_TYPE) >> 16);
    *function = (struct pci_function){.address = address,
                                      .vendor = (uint16_t)id,
                                      .device = (uint16_t)(id >> 16),
                                      .header_type = *header & (PCI_MULTI_FUNCTION - 1)};
    read_function(function);
    count++;
    if (limit != NULL && function->header_type == PCI_HEADER_BRIDGE &&
        !follow_bridge(function, limit)) {
        return BAD_BRIDGE;
    }
    return WENT_WELL;
}

static enum outcome scan_bus(uint8_t bus, uint8_t *limit)
{
    enum outcome outcome = WENT_WELL;
    unsigned step;

    for (unsigned place = 0; place < PCI_PLACES_PER_BUS && outcome == WENT_WELL; place += step) {
        struct pci_address address = pci_place(bus, place);
        uint32_t id = peek(address, 0);
        uint8_t header = 0;

        /* Some boards have 0 where nothing is. */
        if ((uint16_t)id != NOTHING && (uint16_t)id != 0) {
            outcome = add_function(address, id, limit, &header);
        }
        /* Functions 1 to 7 are looked at if function 0 says that there are several. */
        step = address.function != 0 || header & PCI_MULTI_FUNCTION ? 1 : PCI_FUNCTIONS_PER_DEVICE;
    }
    return outcome;
}

static enum outcome scan_by_bridges(void)
{
    uint8_t limit[PCI_BUSES] = {PCI_BUSES - 1};
    enum outcome outcome = WENT_WELL;

    for (unsigned bus = 0; bus < PCI_BUSES && outcome == WENT_WELL; bus++) {
        if (limit[bus] != 0) {
            outcome = scan_bus((uint8_t)bus, limit);
        }
    }
    return outcome;
}

static void scan_all_buses(void)
{
    enum outcome outcome = WENT_WELL;

    count = 0;
    for (unsigned bus = 0; bus < PCI_BUSES && outcome == WENT_WELL; bus++) {
        outcome = scan_bus((uint8_t)bus, NULL);
    }
}

void pci_start(void)
{
    count = 0;
    if (pci_present() && scan_by_bridges() == BAD_BRIDGE) {
        scan_all_buses();
    }
    log_detail("pci", "%u functions", count);
}
