/*
 * image.h - the image file or block device, as sectors.
 *
 * Everything that mkdisk writes into an image that exists goes through image_write, one pwrite
 * after the other in the order of the calls, and image_sync: the power-cut tests record exactly
 * these. An image that is open for writing is locked against another mkdisk (flock) and against a
 * virtual machine that runs from it (QEMU takes POSIX locks); a mounted block device is refused.
 */
#ifndef SECTOR0_MKDISK_IMAGE_H
#define SECTOR0_MKDISK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

struct image {
    const char *name; /* path, for messages */
    int fd;
    uint64_t sectors; /* whole ones */
    uint64_t bytes;
};

/* Open the image or block device at PATH, locked, to read and if WRITABLE to write; or refuse. */
void image_open(struct image *image, const char *path, bool writable);

/* Is there a file or device at PATH that we may write to? */
bool image_may_write(const char *path);

/* Take over FD, an open file of BYTES bytes that is called NAME in messages. */
void image_adopt(struct image *image, const char *name, int fd, uint64_t bytes);

/*
 * Read COUNT sectors from LBA into BUFFER. Returns 0, or a negative errno: -ENXIO if a sector lies
 * past the end, the reason of the failed read otherwise.
 */
int image_read(const struct image *image, uint64_t lba, void *buffer, uint64_t count);

/* Write COUNT sectors at BUFFER to LBA, or refuse. LBA and COUNT are the caller's own: inside. */
void image_write(const struct image *image, uint64_t lba, const void *buffer, uint64_t count);

/* Wait until all that was written is on the disk, or refuse. */
void image_sync(const struct image *image);

/* Close, which also unlocks; or refuse, since an error may show itself here only. */
void image_close(struct image *image);

#endif
