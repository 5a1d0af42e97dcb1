/* volume.c - see volume.h. */
#include "volume.h"

#include <stdio.h>
#include <string.h>

#include "include/manifest.h"
#include "mbr.h"
#include "options.h"
#include "port.h"
#include "progress.h"

/* Contents and metadata in memory: what the processor's own cache holds. */
#define CACHE_BYTES (2u << 20)
#define PAGE_KIB    1024
#define INDEX_KIB   16384 /* two million names; taken when they are there */

static bool has_super(const struct image *image, uint64_t lba)
{
    uint8_t sector[SECTOR_SIZE];

    return image_read(image, lba, sector, 1) == 0 && memcmp(sector, SFS_MAGIC, 8) == 0;
}

/* Does the image end with a backup of a superblock, for any size of blocks? */
static bool has_backup(const struct image *image)
{
    for (uint32_t bs = SFS_BLOCK_MIN; bs <= SFS_BLOCK_MAX; bs *= 2) {
        uint64_t blocks = image->bytes / bs;

        if (blocks > 1 && has_super(image, (blocks - 1) * (bs / SECTOR_SIZE))) {
            return true;
        }
    }
    return false;
}

static void take_whole(const struct image *image, struct volume_place *place)
{
    *place = (struct volume_place){.partition = 0, .first_lba = 0, .sectors = image->sectors};
}

static bool partition_fits(const struct image *image, const struct partition *p)
{
    return p->first_lba > 0 && p->sectors > 0 && p->first_lba < image->sectors &&
           p->sectors <= image->sectors - p->first_lba;
}

/* The number of the first partition of type 7Fh, 0 if there is none. */
static unsigned own_partition(const struct mbr *mbr)
{
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        if (mbr->partition[i].type == MBR_TYPE_SFS) {
            return i + 1;
        }
    }
    return 0;
}

/* Take it. Returns false if there is none; refuses one that cannot be. */
static bool take_partition(const struct image *image, const struct mbr *mbr,
                           struct volume_place *place)
{
    unsigned number = own_partition(mbr);

    if (number == 0) {
        return false;
    }
    const struct partition *p = &mbr->partition[number - 1];
    if (!partition_fits(image, p)) {
        refuse(image->name,
               "partition %u has %u sectors from LBA %u on, the image has %llu sectors", number,
               p->sectors, p->first_lba, (unsigned long long)image->sectors);
    }
    *place = (struct volume_place){number, p->first_lba, p->sectors};
    return true;
}

bool volume_look(const struct image *image, struct volume_place *place)
{
    uint8_t sector[SECTOR_SIZE];
    struct mbr mbr;

    if (image_read(image, 0, sector, 1) != 0) {
        return false;
    }
    mbr_decode(sector, &mbr);
    if (has_super(image, 0) || !mbr.magic || own_partition(&mbr) == 0) {
        take_whole(image, place);
        return true;
    }
    return partition_fits(image, &mbr.partition[own_partition(&mbr) - 1]) &&
           take_partition(image, &mbr, place);
}

static void read_table(const struct image *image, struct mbr *mbr)
{
    uint8_t sector[SECTOR_SIZE];
    int error = image_read(image, 0, sector, 1);

    if (error != 0) {
        refuse(image->name, "LBA 0 cannot be read: %s",
               image->sectors == 0 ? "the image is shorter than a sector" : strerror(-error));
    }
    mbr_decode(sector, mbr);
}

void volume_find(const struct image *image, struct volume_place *place)
{
    struct mbr mbr;

    read_table(image, &mbr);
    if (has_super(image, 0)) {
        take_whole(image, place);
    } else if (mbr.magic && take_partition(image, &mbr, place)) {
        return;
    } else if (has_backup(image)) {
        take_whole(image, place);
    } else if (mbr.magic) {
        refuse(image->name, "has no volume: no partition at LBA 0 has type 7F");
    } else {
        refuse(image->name, "has no volume: neither SFS nor a partition table at LBA 0");
    }
}

void volume_find_room(const struct image *image, struct volume_place *place)
{
    struct mbr mbr;

    read_table(image, &mbr);
    if (has_super(image, 0) || !mbr.magic) {
        take_whole(image, place);
    } else if (!take_partition(image, &mbr, place)) {
        refuse(image->name, "has a boot sector at LBA 0 but no partition of type 7F for a volume");
    }
}

void volume_open(struct volume *volume, const char *path, bool writable)
{
    volume->fs = NULL;
    image_open(&volume->image, path, writable);
    volume_find(&volume->image, &volume->place);
    fileblk_init(&volume->disk, path, volume->image.fd, volume->place.first_lba,
                 volume->place.sectors, writable ? 0 : FILEBLK_READ_ONLY);
}

/* Where in the image: for messages. */
static const char *place_name(const struct volume_place *place)
{
    static char name[64];

    if (place->partition == 0) {
        return "the image";
    }
    snprintf(name, sizeof name, "partition %u at LBA %llu", place->partition,
             (unsigned long long)place->first_lba);
    return name;
}

void volume_mount_device(struct volume *volume, bool writable)
{
    const struct sfs_mount_options options = {.read_only = !writable,
                                              .cache_blocks = CACHE_BYTES / SFS_BLOCK_MAX,
                                              .page_kib = PAGE_KIB,
                                              .index_kib = INDEX_KIB};
    int error = sfs_mount(&volume->disk.dev, &options, &volume->fs);

    if (error != 0) {
        refuse(volume->image.name, "%s cannot be mounted: %s", place_name(&volume->place),
               volume_reason(error));
    }
    if (writable && sfs_read_only(volume->fs)) {
        refuse(volume->image.name, "%s can only be read, it needs `mkdisk check -y`",
               place_name(&volume->place));
    }
}

void volume_mount(struct volume *volume, const char *path, bool writable)
{
    volume_open(volume, path, writable);
    if (!has_super(&volume->image, volume->place.first_lba) && volume->place.partition != 0) {
        struct image region = volume->image; /* a backup at the partition's end is the file system's
                                                to find, but an empty partition is no damage */
        region.sectors = volume->place.first_lba + volume->place.sectors;
        region.bytes = region.sectors * SECTOR_SIZE;
        if (!has_backup(&region)) {
            refuse(path, "%s holds no SFS; `mkdisk format` makes one", place_name(&volume->place));
        }
    }
    volume_mount_device(volume, writable);
}

void volume_unmount(struct volume *volume)
{
    int error = volume->fs != NULL ? sfs_unmount(volume->fs) : 0;

    if (error != 0) {
        refuse(volume->image.name, "cannot be unmounted: %s", volume_reason(error));
    }
    volume->fs = NULL;
}

void volume_close(struct volume *volume)
{
    volume_unmount(volume);
    image_close(&volume->image);
}

const char *volume_reason(int error)
{
    static char text[256];
    char remark[160];

    port_last_remark(remark, sizeof remark);
    if ((error == SFS_EIO || error == SFS_EROFS) && fileblk_last_error() != 0) {
        snprintf(text, sizeof text, "the image cannot be read or written: %s",
                 strerror(fileblk_last_error()));
    } else if (error == SFS_EUCLEAN) {
        snprintf(text, sizeof text, "it is damaged%s%s; see `mkdisk check`",
                 remark[0] != '\0' ? ": " : "", remark);
    } else if (error == SFS_EIO && remark[0] != '\0') {
        snprintf(text, sizeof text, "%s: %s", strerror(-error), remark);
    } else {
        snprintf(text, sizeof text, "%s", strerror(-error));
    }
    return text;
}

void volume_check_options(const struct options *options)
{
    if (options->seed_profile && options->block_size > SFS_BLOCK_MIN) {
        usage_error("--profile seed has blocks of %d bytes, not %u", SFS_BLOCK_MIN,
                    options->block_size);
    }
}

void volume_format(struct volume *volume, const struct options *options, bool zeroed)
{
    struct sfs_mkfs_options mkfs = {
        .block_size = options->block_size,
        .version = options->seed_profile ? SFS_VERSION_SEED : SFS_VERSION,
        .zeroed = zeroed,
    };
    int error;

    if (options->label != NULL) {
        memcpy(mkfs.label, options->label, strlen(options->label)); /* options.c limits it */
    }
    volume->disk.show_progress = true;
    progress_start("formatting, bytes", 0);
    error = sfs_mkfs(&volume->disk.dev, &mkfs);
    progress_end();
    volume->disk.show_progress = false;
    if (error == SFS_ENOSPC) {
        refuse(volume->image.name, "%s has %llu sectors, too few for a file system",
               place_name(&volume->place), (unsigned long long)volume->place.sectors);
    }
    if (error != 0) {
        refuse(volume->image.name, "%s cannot be formatted: %s", place_name(&volume->place),
               volume_reason(error));
    }
}
