/* cmd_disks.c - disks: what there is, and how it does. */
#include "drivers/block.h"
#include "drivers/bootdisk.h"
#include "drivers/partition.h"
#include "drivers/ramdisk.h"
#include "kernel/console.h"
#include "kernel/string.h"
#include "shell/commands.h"
#include "shell/parse.h"

#define SIZE_TEXT       16
#define TYPE_TEXT       12
#define SECTORS_PER_KIB 2
#define SECTORS_PER_MIB 2048
#define RAM_MIB_MAX     (1u << 20)
#define BAR_WIDTH       40 /* characters of the largest bucket */

/* "64 MiB", "1.5 TiB": the unit in which the number has at most four digits. */
static const char *size_text(char text[SIZE_TEXT], uint64_t sectors)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t tenths = sectors / SECTORS_PER_KIB * 10 + sectors % SECTORS_PER_KIB * 5;
    unsigned unit = 0;

    for (; tenths >= 10240 && unit < 5; unit++) {
        tenths /= 1024;
    }
    size_t length = format_string(text, SIZE_TEXT, "%llu", (unsigned long long)tenths / 10);

    if (tenths % 10 != 0) {
        length += format_string(text + length, SIZE_TEXT - length, ".%u", (unsigned)(tenths % 10));
    }
    format_string(text + length, SIZE_TEXT - length, " %s", units[unit]);
    return text;
}

static const char *what_text(const struct block_device *device, char type[TYPE_TEXT])
{
    return device->whole != NULL ? partition_type_name(device->partition_type, type, TYPE_TEXT)
                                 : device->model;
}

/* What must be known before writing to it. */
static const char *state_text(const struct block_device *device)
{
    const struct block_device *disk = device->whole != NULL ? device->whole : device;

    if (disk->lost) {
        return "lost";
    }
    if (device == bootdisk()) {
        return device->dev.ro ? "ro boot" : "boot";
    }
    if (device == bootdisk_root()) {
        return device->dev.ro ? "ro root" : "root";
    }
    return device->dev.ro ? "ro" : "";
}

static uint64_t requests_of(const struct blk_dev *dev)
{
    return dev->reads + dev->writes + dev->flushes;
}

static void print_line(const struct block_device *device)
{
    const struct blk_dev *dev = &device->dev;
    char size[SIZE_TEXT], type[TYPE_TEXT];

    kprintf("%-8s %10s %-13.13s %-7s %-7s %7llu %8llu %4llu %3llu %3llu\n", device->name,
            size_text(size, dev->nsect), what_text(device, type), device->how, state_text(device),
            (unsigned long long)requests_of(dev),
            (unsigned long long)(dev->sectors_read + dev->sectors_written),
            (unsigned long long)device->stats.merges, (unsigned long long)device->stats.retries,
            (unsigned long long)dev->errors);
}

static int print_all(void)
{
    const struct block_device *device = NULL;

    if (block_next(NULL) == NULL) {
        kprintf("no disk that a driver knows\n");
        return STATUS_OK;
    }
    kprintf("%-8s %10s %-13s %-7s %-7s %7s %8s %4s %3s %3s\n", "name", "size", "what", "how",
            "state", "reqs", "sectors", "merg", "try", "err");
    while ((device = block_next(device)) != NULL) {
        print_line(device);
    }
    return STATUS_OK;
}

/* "12.5": COUNT per request. */
static void print_ratio(const char *what, uint64_t count, uint64_t requests)
{
    uint64_t tenths = requests != 0 ? (count * 10 + requests / 2) / requests : 0;

    kprintf("%-16s%llu, %llu.%llu a request\n", what, (unsigned long long)count,
            (unsigned long long)tenths / 10, (unsigned long long)tenths % 10);
}

static void print_histogram(const struct block_stats *stats)
{
    uint32_t most = 1;

    for (unsigned i = 0; i < BLOCK_HISTOGRAM; i++) {
        most = stats->micros[i] > most ? stats->micros[i] : most;
    }
    kprintf("how long requests took\n");
    for (unsigned i = 0; i < BLOCK_HISTOGRAM; i++) {
        unsigned bar = (unsigned)((uint64_t)stats->micros[i] * BAR_WIDTH / most);

        if (stats->micros[i] == 0) {
            continue;
        }
        kprintf("  %s %7u us %10u ", i + 1 < BLOCK_HISTOGRAM ? "below   " : "at least",
                i + 1 < BLOCK_HISTOGRAM ? 1u << i : 1u << (i - 1), stats->micros[i]);
        for (; bar > 0; bar--) {
            kprintf("#");
        }
        kprintf("\n");
    }
}

static void print_shape(const struct block_device *device)
{
    const struct blk_dev *dev = &device->dev;
    char size[SIZE_TEXT], type[TYPE_TEXT];

    kprintf("%s: %s, %s, driver %s%s%s\n", device->name, what_text(device, type),
            size_text(size, dev->nsect), device->driver->name, device->how[0] != '\0' ? ", " : "",
            device->how);
    kprintf("sectors         %llu of %d bytes, blocks of %u", (unsigned long long)dev->nsect,
            BLK_SECTOR, dev->lbs);
    if (device->whole != NULL) {
        kprintf(", from %llu of %s on\n", (unsigned long long)device->first_sector,
                device->whole->name);
    } else {
        kprintf("; signature %08x\n", device->signature);
    }
    kprintf("a request       at most %u sectors in %u pieces, %u at once\n", dev->max_sect,
            dev->max_seg, dev->queue_depth);
    kprintf("cache           %s\n", dev->volatile_cache ? "forgets when the power fails: is flushed"
                                                        : "none that forgets: needs no flush");
}

static void print_counts(const struct block_device *device)
{
    const struct blk_dev *dev = &device->dev;
    const struct block_stats *stats = &device->stats;

    kprintf("requests        %llu reads, %llu sectors; %llu writes, %llu sectors; %llu flushes\n",
            (unsigned long long)dev->reads, (unsigned long long)dev->sectors_read,
            (unsigned long long)dev->writes, (unsigned long long)dev->sectors_written,
            (unsigned long long)dev->flushes);
    kprintf("trouble         %llu errors, %llu retries, %llu time-outs, %llu resets,"
            " %llu lost interrupts\n",
            (unsigned long long)dev->errors, (unsigned long long)stats->retries,
            (unsigned long long)stats->timeouts, (unsigned long long)stats->resets,
            (unsigned long long)stats->lost_interrupts);
    kprintf("merged          %llu\n", (unsigned long long)stats->merges);
    if (device->whole == NULL) {
        print_ratio("accesses", stats->accesses, requests_of(dev));
        print_ratio("kicks", stats->kicks, requests_of(dev));
        print_ratio("interrupts", stats->interrupts, requests_of(dev));
    }
}

static int print_one(const char *command, const char *name)
{
    const struct block_device *device = block_find(name);

    if (device == NULL) {
        return command_error(command, "%s: there is no such disk", name);
    }
    print_shape(device);
    print_counts(device);
    print_histogram(&device->stats);
    return STATUS_OK;
}

static int make_ram_disk(const char *command, const char *text)
{
    uint64_t mib;

    if (!parse_take_number(&text, RAM_MIB_MAX, &mib) || *text != '\0' || mib == 0) {
        return command_usage(command);
    }
    const struct block_device *disk = ramdisk_create(mib * SECTORS_PER_MIB);

    if (disk == NULL) {
        return command_error(command, "no memory for a disk of %llu MiB", (unsigned long long)mib);
    }
    kprintf("%s\n", disk->name);
    return STATUS_OK;
}

int command_disks(int argc, char **argv)
{
    if (argc == 1) {
        return print_all();
    }
    if (argc == 2) {
        return print_one(argv[0], argv[1]);
    }
    if (argc == 3 && strcmp(argv[1], "ram") == 0) {
        return make_ram_disk(argv[0], argv[2]);
    }
    return command_usage(argv[0]);
}
