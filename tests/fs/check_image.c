/*
 * check_image.c - the tests' own checker as a program: check_image FILE OFFSET looks at the volume
 * that begins OFFSET bytes into FILE. Exit code 0: it is sound.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/csum.h"
#include "tests/fs/checker.h"

int main(int argc, char **argv)
{
    struct stat status;
    uint64_t offset = argc == 3 ? strtoull(argv[2], NULL, 0) : 0;
    int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;

    if (fd < 0 || fstat(fd, &status) != 0 || (uint64_t)status.st_size <= offset) {
        fprintf(stderr, "usage: check_image FILE OFFSET\n");
        return 2;
    }
    /* Copy on write: whatever the checker does, the image stays as it is. */
    uint8_t *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        perror(argv[1]);
        return 2;
    }
    sfs_csum_init();
    return check_volume(bytes + offset, (uint64_t)status.st_size - offset) == 0 ? 0 : 1;
}
