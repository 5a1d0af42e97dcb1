/* image.c - see image.h. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "include/layout.h"
#include "mkdisk.h"

static void lock(const struct image *image, bool writable)
{
    struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (flock(image->fd, (writable ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
        refuse(image->name, "is in use: another program holds a lock on it");
    }
    /* Looking at the image of a running machine is harmless, changing it is not. */
    if (writable && fcntl(image->fd, F_OFD_SETLK, &whole_file) != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            refuse(image->name, "is in use: a virtual machine holds a lock on it");
        }
        refuse(image->name, "cannot be locked: %s", strerror(errno));
    }
}

static void refuse_odd_sectors(const struct image *image)
{
    int size = 0;

    if (ioctl(image->fd, BLKSSZGET, &size) != 0 || size != SECTOR_SIZE) {
        refuse(image->name, "has sectors of %d bytes, only %d is supported", size, SECTOR_SIZE);
    }
}

void image_adopt(struct image *image, const char *name, int fd, uint64_t bytes)
{
    *image = (struct image){.name = name, .fd = fd, .bytes = bytes, .sectors = bytes / SECTOR_SIZE};
}

static bool is_read_only_device(int fd)
{
    int read_only = 0;

    return ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0;
}

bool image_may_write(const char *path)
{
    int fd = access(path, W_OK) == 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    bool may = fd >= 0 && !is_read_only_device(fd);

    if (fd >= 0) {
        close(fd);
    }
    return may;
}

void image_open(struct image *image, const char *path, bool writable)
{
    struct stat status;
    off_t end;
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    if (stat(path, &status) != 0) {
        refuse(path, "cannot be opened: %s", strerror(errno));
    }
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        refuse(path, "is neither a file nor a block device");
    }
    /* On a block device O_EXCL means: not while it is mounted. */
    if (writable && S_ISBLK(status.st_mode)) {
        flags |= O_EXCL;
    }
    image_adopt(image, path, open(path, flags), 0);
    if (image->fd < 0 && errno == EBUSY) {
        refuse(path, "is in use: it is mounted, or another program holds it");
    }
    if (image->fd < 0) {
        refuse(path, "cannot be opened: %s", strerror(errno));
    }
    if (writable && is_read_only_device(image->fd)) {
        refuse(path, "is a read-only device"); /* root may open it all the same */
    }
    lock(image, writable);
    end = lseek(image->fd, 0, SEEK_END);
    if (end < 0) {
        refuse(path, "its size cannot be read: %s", strerror(errno));
    }
    image_adopt(image, path, image->fd, (uint64_t)end);
    if (S_ISBLK(status.st_mode)) {
        refuse_odd_sectors(image);
    }
}

int image_read(const struct image *image, uint64_t lba, void *buffer, uint64_t count)
{
    uint8_t *at = buffer;
    uint64_t left = count * SECTOR_SIZE;
    off_t offset;

    if (lba > image->sectors || count > image->sectors - lba) {
        return -ENXIO;
    }
    offset = (off_t)(lba * SECTOR_SIZE);
    while (left > 0) {
        ssize_t got = pread(image->fd, at, left, offset);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : -ENXIO; /* the file shrank while we read it */
        }
        at += got, offset += got, left -= (uint64_t)got;
    }
    return 0;
}

void image_write(const struct image *image, uint64_t lba, const void *buffer, uint64_t count)
{
    const uint8_t *at = buffer;
    uint64_t left = count * SECTOR_SIZE;
    off_t offset = (off_t)(lba * SECTOR_SIZE);

    assert(lba <= image->sectors && count <= image->sectors - lba);
    while (left > 0) {
        ssize_t done = pwrite(image->fd, at, left, offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            refuse(image->name, "cannot write LBA %llu: %s",
                   (unsigned long long)(offset / SECTOR_SIZE),
                   done < 0 ? strerror(errno) : "no space");
        }
        at += done, offset += done, left -= (uint64_t)done;
    }
}

void image_sync(const struct image *image)
{
    if (fsync(image->fd) != 0) {
        refuse(image->name, "cannot be written through to the disk: %s", strerror(errno));
    }
}

void image_close(struct image *image)
{
    if (close(image->fd) != 0) {
        refuse(image->name, "cannot be closed: %s", strerror(errno));
    }
    image->fd = -1;
}
