/*
 * volume.h - the SFS volume in an image: where it lies, and mounted.
 *
 * It is the whole image if that begins (or, when its start is damaged, ends) with a superblock, and
 * else the first partition of type 7Fh.
 */
#ifndef SECTOR0_MKDISK_VOLUME_H
#define SECTOR0_MKDISK_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "fileblk.h"
#include "fs/sfs.h"
#include "image.h"

struct volume_place {
    unsigned partition; /* 1 to 4; 0: the whole image */
    uint64_t first_lba;
    uint64_t sectors;
};

/* Find the volume in IMAGE, or refuse. Whether it is sound is for mount and check to say. */
void volume_find(const struct image *image, struct volume_place *place);

/* The same without a refusal: false, if there is none. */
bool volume_look(const struct image *image, struct volume_place *place);

/* Find where `format` makes a volume: as volume_find, or an image without a partition table. */
void volume_find_room(const struct image *image, struct volume_place *place);

struct volume {
    struct image image;
    struct volume_place place;
    struct fileblk disk; /* disk.dev is the volume's device, block 0 its sector 0 */
    struct sfs *fs;      /* NULL: not mounted */
};

/* Open the image at PATH, locked, find the volume and make a device of it; or refuse. */
void volume_open(struct volume *volume, const char *path, bool writable);

/* volume_open, and mount it with what it needs of a cache; or refuse. Without WRITABLE nothing is
 * written, and the journal is replayed in memory. */
void volume_mount(struct volume *volume, const char *path, bool writable);

/* Mount the device of VOLUME, as volume_mount. */
void volume_mount_device(struct volume *volume, bool writable);

/* Unmount, if it is mounted; refuses if that fails, since changes are then lost. */
void volume_unmount(struct volume *volume);

/* Unmount, if it is mounted, and close; refuses if that fails, since changes are then lost. */
void volume_close(struct volume *volume);

/*
 * Why an operation failed with ERROR (enum sfs_error), in words; damage says what the file system
 * found. The text is static: use it before the next call.
 */
const char *volume_reason(int error);

/* Refuse, as wrong usage, options of mkdisk that no volume can have together. */
struct options;
void volume_check_options(const struct options *options);

/* Make an empty file system on the device of VOLUME as checked options say, or refuse. ZEROED: the
 * device reads as zeros. */
void volume_format(struct volume *volume, const struct options *options, bool zeroed);

#endif
