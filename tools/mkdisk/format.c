/*
 * format.c - `mkdisk format`: an empty file system, where `create` makes one or in an image that
 * has no partition table. Boot code, partition table and kernels stay as they are.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include "options.h"
#include "volume.h"

/* Give the blocks of a file back to its file system. Returns whether the region is zero now. */
static bool punch(const struct volume *volume)
{
    struct stat status;

    return fstat(volume->image.fd, &status) == 0 && S_ISREG(status.st_mode) &&
           fallocate(volume->image.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     (off_t)(volume->place.first_lba * BLK_SECTOR),
                     (off_t)(volume->place.sectors * BLK_SECTOR)) == 0;
}

int verb_format(const struct options *options)
{
    struct volume volume = {.fs = NULL};

    volume_check_options(options);
    image_open(&volume.image, options->image, true);
    volume_find_room(&volume.image, &volume.place);
    fileblk_init(&volume.disk, options->image, volume.image.fd, volume.place.first_lba,
                 volume.place.sectors, 0);
    volume_format(&volume, options, punch(&volume));
    volume_close(&volume);
    return EXIT_DONE;
}
