/*
 * cmd_lspci.c - lspci: what is on the PCI buses, one line for each function; with -v and an
 * address, all about one of them. Names come from the kernel's own small table; what it does not
 * know is shown by its numbers, which the lists on the Internet know. [PCI 6.1]
 */
#include "drivers/pci.h"
#include "kernel/console.h"
#include "kernel/string.h"
#include "shell/commands.h"

#define COLUMNS      80
#define BUS_NUMBERS  0x18 /* of a bridge */
#define ADDRESS_SIZE 8    /* "00:1f.7" and a NUL */

static void format_address(char text[ADDRESS_SIZE], struct pci_address address)
{
    format_string(text, ADDRESS_SIZE, "%02x:%02x.%u", address.bus, address.device,
                  address.function);
}

/* "IDE interface: Intel 82371SB PIIX3 IDE"; numbers stand for what has no name. */
static void format_name(char *text, size_t size, const struct pci_function *function)
{
    const char *class = pci_class_name(function->class_code, function->subclass);
    const char *vendor = pci_vendor_name(function->vendor);
    const char *device = pci_device_name(function->vendor, function->device);
    size_t used;

    used = class != NULL ? format_string(text, size, "%s: ", class)
                         : format_string(text, size, "class %02x%02x: ", function->class_code,
                                         function->subclass);
    if (used < size) {
        used += vendor != NULL
                    ? format_string(text + used, size - used, "%s ", vendor)
                    : format_string(text + used, size - used, "vendor %04x ", function->vendor);
    }
    if (used < size && device != NULL) {
        format_string(text + used, size - used, "%s", device);
    } else if (used < size) {
        format_string(text + used, size - used, "device %04x", function->device);
    }
}

/* One line, cut where the screen ends. */
static void print_line(const struct pci_function *function)
{
    char line[COLUMNS], address[ADDRESS_SIZE], irq[4] = "-";
    size_t used;

    format_address(address, function->address);
    if (function->irq != PCI_NO_IRQ) {
        format_string(irq, sizeof(irq), "%u", function->irq);
    }
    used = format_string(line, sizeof(line), "%s %04x:%04x %3s ", address, function->vendor,
                         function->device, irq);
    format_name(line + used, sizeof(line) - used, function);
    kprintf("%s\n", line);
}

static void print_all(void)
{
    const struct pci_function *function = NULL;

    kprintf("where   numbers   irq what\n");
    while ((function = pci_next(function)) != NULL) {
        print_line(function);
    }
}

static void print_command(const struct pci_function *function)
{
    uint16_t command = pci_read16(function->address, PCI_COMMAND);

    kprintf("command     %04x%s%s%s%s\n", command, command & PCI_COMMAND_IO ? " ports" : "",
            command & PCI_COMMAND_MEMORY ? " memory" : "",
            command & PCI_COMMAND_MASTER ? " master" : "",
            command & PCI_COMMAND_INTX_OFF ? " no-interrupt" : "");
}

static void print_interrupt(const struct pci_function *function)
{
    if (function->pin == 0) {
        kprintf("interrupt   none\n");
    } else if (function->irq == PCI_NO_IRQ) {
        kprintf("interrupt   INT%c, not routed\n", 'A' + function->pin - 1);
    } else {
        kprintf("interrupt   INT%c, line %u\n", 'A' + function->pin - 1, function->irq);
    }
}

static void print_size(uint64_t size)
{
    static const char units[] = {'K', 'M', 'G', 'T', 'P', 'E'};
    unsigned unit = 0;

    if (size < 1024) {
        kprintf("%llu bytes", (unsigned long long)size);
        return;
    }
    while (size >= 1024 * 1024) {
        size /= 1024;
        unit++;
    }
    kprintf("%llu %ciB", (unsigned long long)size / 1024, units[unit]);
}

/* A BAR whose size nobody may ask for (pci_bar_size) is shown if it has a place. */
static void print_bar(const struct pci_function *function, unsigned index)
{
    const struct pci_bar *bar = &function->bar[index];
    uint64_t size = pci_bar_size(function, index);

    if (size == 0 && bar->base == 0) {
        return;
    }
    kprintf("BAR %u       %s ", index, bar->io ? "ports" : "memory");
    if (bar->base == 0) {
        kprintf("without a place, ");
    } else if (size != 0) {
        kprintf("%llx-%llx, ", (unsigned long long)bar->base,
                (unsigned long long)(bar->base + size - 1));
    } else {
        kprintf("%llx on, ", (unsigned long long)bar->base);
    }
    if (size != 0) {
        print_size(size);
    } else {
        kprintf("size unknown");
    }
    kprintf("%s%s\n", bar->is_64 ? ", 64-bit" : "", bar->prefetch ? ", prefetchable" : "");
}

static void print_buses(const struct pci_function *function)
{
    uint32_t numbers = pci_read32(function->address, BUS_NUMBERS);

    kprintf("leads       from bus %02x to bus %02x, and on to %02x\n", numbers & 0xFF,
            numbers >> 8 & 0xFF, numbers >> 16 & 0xFF);
}

static const char *capability_name(uint8_t number)
{
    static const struct {
        uint8_t number;
        const char *name;
    } names[] = {{0x01, "power management"},
                 {0x02, "AGP"},
                 {PCI_CAP_MSI, "MSI"},
                 {0x08, "HyperTransport"},
                 {PCI_CAP_VENDOR, "vendor's own"},
                 {0x0C, "hot plug"},
                 {0x0D, "subsystem"},
                 {0x10, "PCI Express"},
                 {PCI_CAP_MSIX, "MSI-X"},
                 {0x12, "SATA"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].number == number) {
            return names[i].name;
        }
    }
    return "unknown";
}

static void print_capabilities(const struct pci_function *function)
{
    uint8_t place = 0;

    while ((place = pci_capability(function, PCI_CAP_ANY, place)) != 0) {
        uint8_t number = pci_read8(function->address, place);

        kprintf("capability  %02x at %02x: %s\n", number, place, capability_name(number));
    }
}

static void print_details(const struct pci_function *function)
{
    char address[ADDRESS_SIZE], name[2 * COLUMNS];

    format_address(address, function->address);
    format_name(name, sizeof(name), function);
    kprintf("%s %s\n", address, name);
    kprintf("numbers     %04x:%04x revision %02x, subsystem %04x:%04x, class %02x.%02x.%02x\n",
            function->vendor, function->device, function->revision, function->subsystem_vendor,
            function->subsystem, function->class_code, function->subclass, function->interface);
    print_command(function);
    print_interrupt(function);
    for (unsigned index = 0; index < PCI_BARS; index++) {
        print_bar(function, index);
    }
    if (function->header_type == 1) {
        print_buses(function);
    }
    print_capabilities(function);
}

static const struct pci_function *find(const char *wanted)
{
    const struct pci_function *function = NULL;

    while ((function = pci_next(function)) != NULL) {
        char address[ADDRESS_SIZE];

        format_address(address, function->address);
        if (strcmp(address, wanted) == 0) {
            break;
        }
    }
    return function;
}

int command_lspci(int argc, char **argv)
{
    const struct pci_function *function;

    if (argc != 1 && (argc != 3 || strcmp(argv[1], "-v") != 0)) {
        return command_usage(argv[0]);
    }
    if (pci_next(NULL) == NULL) {
        return command_error(argv[0], "this machine has no PCI");
    }
    if (argc == 1) {
        print_all();
        return STATUS_OK;
    }
    function = find(argv[2]);
    if (function == NULL) {
        return command_error(argv[0], "no function %s; lspci lists them", argv[2]);
    }
    print_details(function);
    return STATUS_OK;
}
