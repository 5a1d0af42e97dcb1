/*
 * kernelfile.h - a kernel.bin from the host's disk, checked so that no loader can refuse it.
 */
#ifndef SECTOR0_MKDISK_KERNELFILE_H
#define SECTOR0_MKDISK_KERNELFILE_H

#include <stddef.h>
#include <stdint.h>

#include "include/manifest.h"

struct kernel_file {
    const char *path;
    const uint8_t *data; /* zero-padded to whole sectors */
    uint32_t length;     /* bytes */
    uint32_t sectors;    /* length, rounded up */
    uint32_t mem_size;   /* bytes */
    uint64_t entry_virt;
    uint8_t merkle_root[MERKLE_ROOT_SIZE];
};

/*
 * Is the header at the start of the LENGTH bytes at DATA one that the loader accepts? Returns NULL,
 * or what is wrong in one line, which lasts until the next call.
 */
const char *kernel_header_problem(const uint8_t *data, uint32_t length);

/* Read, check and hash the kernel at PATH, or refuse. */
void kernel_file_load(struct kernel_file *kernel, const char *path);

/* Refuse a kernel that does not fit into a slot of CAPACITY sectors; IMAGE names the image. */
void kernel_file_require_fit(const struct kernel_file *kernel, const char *image,
                             uint32_t capacity);

/* Fill all fields of SLOT but its place. */
void kernel_file_describe(const struct kernel_file *kernel, struct boot_slot *slot);

#endif
