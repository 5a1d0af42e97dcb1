/* inputfile.c - see inputfile.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/layout.h"
#include "inputfile.h"
#include "mkdisk.h"

static void read_all(int fd, const char *path, uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, data, size);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            refuse(path, "cannot be read: %s", got < 0 ? strerror(errno) : "it became shorter");
        }
        data += got;
        size -= (size_t)got;
    }
}

uint8_t *input_read(const char *path, const char *what, uint32_t limit, uint32_t *size)
{
    struct stat status;
    uint8_t *data;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) != 0) {
        refuse(path, "cannot be opened as %s: %s", what, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        refuse(path, "is not a file, so not %s", what);
    }
    if (status.st_size == 0) {
        refuse(path, "is empty, so not %s", what);
    }
    if (status.st_size > (off_t)limit) {
        refuse(path, "has %llu bytes, %s has at most %u", (unsigned long long)status.st_size, what,
               limit);
    }
    *size = (uint32_t)status.st_size;
    data = allocate((uint64_t)*size + SECTOR_SIZE);
    read_all(fd, path, data, *size);
    close(fd);
    return data;
}
