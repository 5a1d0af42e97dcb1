/* bootdisk.c - see bootdisk.h. */
#include "drivers/bootdisk.h"

#include "drivers/block.h"
#include "include/manifest.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define NAMES_MAX 100 /* bytes of names in one line of the log */

static struct block_device *boot, *root;

/* Is A's name the lower one? A number counts as a number: ata2 is below ata10. */
static bool name_is_lower(const struct block_device *a, const struct block_device *b)
{
    size_t same = 0;

    while (a->name[same] == b->name[same] && a->name[same] != '\0' &&
           (a->name[same] < '0' || a->name[same] > '9')) {
        same++;
    }
    size_t a_length = strlen(a->name + same), b_length = strlen(b->name + same);
    bool numbers = a->name[same] <= '9' && b->name[same] <= '9';

    return numbers && a_length != b_length ? a_length < b_length
                                           : strcmp(a->name + same, b->name + same) < 0;
}

/* Both must be right: a copy of the disk has the same signature until somebody changes it. */
static bool is_boot_disk(const struct block_device *device, const struct bootinfo *info)
{
    if (device->whole != NULL || device->signature != info->disk_signature) {
        return false;
    }
    if (device->crc32c != info->mbr_crc32c) {
        log_line("disks", "%s has the boot disk's signature, but not its first sector",
                 device->name);
        return false;
    }
    return true;
}

static struct block_device *find_by_signature(const struct bootinfo *info)
{
    struct block_device *found = NULL, *other = NULL;

    for (struct block_device *device = block_next(NULL);
         info->disk_signature != 0 && device != NULL; device = block_next(device)) {
        if (!is_boot_disk(device, info)) {
            continue;
        }
        if (found == NULL || name_is_lower(device, found)) {
            other = found;
            found = device;
        } else {
            other = device;
        }
    }
    if (other != NULL) {
        log_line("disks", "%s and %s could both be the boot disk: it is %s; root= decides",
                 found->name, other->name, found->name);
    }
    return found;
}

static void tell_of_unknown_root(const char *name)
{
    char names[NAMES_MAX] = "";
    size_t length = 0;

    for (struct block_device *device = block_next(NULL); device != NULL && length < sizeof(names);
         device = block_next(device)) {
        length += format_string(names + length, sizeof(names) - length, " %s", device->name);
    }
    log_line("disks", "root=%s: there is no such disk; there are:%s", name,
             length > 0 ? names : " none");
}

static void tell_of_no_boot_disk(const struct bootinfo *info)
{
    if (info->disk_signature == 0) {
        log_line("disks", "the boot disk has no signature to find it by; root= can name it");
    } else {
        log_line("disks", "no driver has the boot disk: BIOS drive %02x, signature %08x",
                 info->drive, info->disk_signature);
    }
}

/* The device with the file system of DISK. */
static struct block_device *volume_of(struct block_device *disk)
{
    struct block_device *device = block_next(disk);

    if (disk->is_volume) {
        return disk;
    }
    for (; device != NULL && device->whole == disk; device = block_next(device)) {
        if (device->partition_type == MBR_TYPE_SFS) {
            return device;
        }
    }
    return NULL;
}

void bootdisk_start(const struct bootinfo *info, const char *root_name)
{
    struct block_device *named = root_name[0] != '\0' ? block_find(root_name) : NULL;

    boot = root = NULL;
    if (root_name[0] != '\0' && named == NULL) {
        tell_of_unknown_root(root_name);
    }
    if (named != NULL) {
        boot = named->whole != NULL ? named->whole : named;
    } else {
        boot = find_by_signature(info);
    }
    if (boot == NULL) {
        tell_of_no_boot_disk(info);
        return;
    }
    root = named != NULL && named != boot ? named : volume_of(boot);
}

struct block_device *bootdisk(void)
{
    return boot;
}

struct block_device *bootdisk_root(void)
{
    return root;
}
