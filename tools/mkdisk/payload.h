/*
 * payload.h - all that `create` and `install` put onto a disk: boot code, kernel, manifests.
 */
#ifndef SECTOR0_MKDISK_PAYLOAD_H
#define SECTOR0_MKDISK_PAYLOAD_H

#include "bootcode.h"
#include "kernelfile.h"
#include "image.h"
#include "mkdisk.h"

struct payload {
    struct bootcode code;
    struct kernel_file kernel;
    struct manifest manifest;
};

/* Read and check the three files that OPTIONS name; prepare an otherwise empty manifest. */
void payload_load(struct payload *payload, const struct options *options);

/*
 * Write stage 2, both slots and both manifest copies to a disk whose boot area ends before LBA END,
 * or refuse before the first write if the kernel does not fit there. Stage 1 is the caller's: LBA 0
 * belongs to the disk as well.
 */
void payload_write(struct payload *payload, const struct image *image, uint64_t end);

/* Set the menu fields of MANIFEST from the options. */
void manifest_set_menu(struct manifest *manifest, const struct options *options);

/* A random disk signature that is not zero. */
uint32_t random_signature(void);

#endif
