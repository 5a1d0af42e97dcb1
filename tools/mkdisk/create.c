/*
 * create.c - `mkdisk create`: a whole new image file.
 *
 *     LBA 0        stage 1, disk signature, partition table     a floppy image has no partition
 *     1 - 61       stage 2
 *     64, 72       the boot manifest, twice
 *     80 - 8191    kernel slots A and B
 *     8192 - end   the partition of the SFS volume
 *
 * The file appears whole or not at all (tempfile.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostput.h"
#include "image.h"
#include "mbr.h"
#include "payload.h"
#include "tempfile.h"
#include "volume.h"

#define FLOPPY_BYTES          (FLOPPY_SECTORS * SECTOR_SIZE)
#define PARTITION_MIN_SECTORS 2048 /* 1 MiB: less is no volume, and partition tools complain */
#define DISK_MAX_SECTORS      (1ULL << 32) /* what a partition table can describe */

/* Refuse, as wrong usage, a size that no image can have. */
static void check_size(uint64_t bytes)
{
    const uint64_t least = (uint64_t)(FIRST_PARTITION_LBA + PARTITION_MIN_SECTORS) * SECTOR_SIZE;
    const uint64_t most = DISK_MAX_SECTORS * SECTOR_SIZE;

    if (bytes == FLOPPY_BYTES) {
        return;
    }
    if (bytes < least || bytes > most || bytes % SECTOR_SIZE != 0) {
        usage_error(
            "--size %llu: must be 1440K for a floppy, or a multiple of %d from %lluM to %lluG",
            (unsigned long long)bytes, SECTOR_SIZE, (unsigned long long)least >> 20,
            (unsigned long long)most >> 30);
    }
}

static void write_sector0(const struct payload *payload, const struct image *image,
                          uint32_t signature)
{
    uint8_t sector[SECTOR_SIZE];

    memcpy(sector, payload->code.stage1, sizeof sector);
    mbr_encode_signature(sector, signature);
    if (image->sectors != FLOPPY_SECTORS) {
        mbr_encode_own_table(sector, image->sectors);
    }
    image_write(image, STAGE1_LBA, sector, 1);
}

/* The file is synced when it is whole: until then nothing in it need be durable. */
static int make_volume(const struct image *image, const struct options *options)
{
    struct volume volume = {.image = *image};
    int status = EXIT_DONE;

    volume_find(image, &volume.place);
    fileblk_init(&volume.disk, image->name, image->fd, volume.place.first_lba, volume.place.sectors,
                 FILEBLK_NO_FLUSH);
    volume_format(&volume, options, true);
    if (options->root != NULL) {
        volume_mount_device(&volume, true);
        status = put_root(&volume, options->root);
        volume_unmount(&volume);
    }
    return status;
}

int verb_create(const struct options *options)
{
    static struct payload payload;
    struct image image;
    int status = EXIT_DONE;
    uint64_t end;
    int fd;

    check_size(options->size);
    if (options->size == FLOPPY_BYTES && (options->root != NULL || options->label != NULL ||
                                          options->block_size != 0 || options->seed_profile)) {
        usage_error("%s needs a volume, and a floppy image has none",
                    options->root != NULL    ? "--root"
                    : options->label != NULL ? "--label"
                    : options->seed_profile  ? "--profile"
                                             : "--block-size");
    }
    volume_check_options(options);
    payload_load(&payload, options);
    end = options->size == FLOPPY_BYTES ? FLOPPY_SECTORS : FIRST_PARTITION_LBA;
    kernel_file_require_fit(&payload.kernel, options->image, slot_capacity(end));

    fd = tempfile_create(options->image);
    image_adopt(&image, options->image, fd, options->size);
    if (ftruncate(fd, (off_t)options->size) != 0) {
        refuse(options->image, "cannot be made %llu bytes long: %s",
               (unsigned long long)options->size, strerror(errno));
    }
    payload_write(&payload, &image, end);
    write_sector0(&payload, &image,
                  options->signature != 0 ? options->signature : random_signature());
    if (image.sectors != FLOPPY_SECTORS) {
        status = make_volume(&image, options);
    }
    image_sync(&image);
    image_close(&image);
    if (status != EXIT_DONE) {
        return status; /* without a part of the tree it is not what was asked for */
    }
    tempfile_commit();
    if (options->pin) {
        printf("%s: pinned to this kernel; another one needs `create` or `install` again, "
               "which is not safe against a power cut\n",
               options->image);
    }
    return EXIT_DONE;
}
