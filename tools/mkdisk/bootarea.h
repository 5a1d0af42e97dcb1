/*
 * bootarea.h - manifests and kernel slots on a disk: read, judged, written.
 *
 * Everything that comes from a disk is hostile. The verdict on its fields is the loader's own: this
 * calls the functions of stage2/manifest.h, so mkdisk and the loader cannot disagree.
 */
#ifndef SECTOR0_MKDISK_BOOTAREA_H
#define SECTOR0_MKDISK_BOOTAREA_H

#include <stdbool.h>

#include "image.h"
#include "stage2/manifest.h"

/* What the loader says about ERROR, a code of enum loader_error for a copy or a slot; "ok" for 0.
 */
const char *loader_error_text(int error);

/* The LBA of copy COPY of the manifest, 0 or 1. */
uint32_t manifest_lba(unsigned copy);

/* Put the right CRC into MANIFEST and write it to copy COPY. */
void manifest_write(const struct image *image, struct manifest *manifest, unsigned copy);

/* Both copies of the manifest, as read from a disk. */
struct copies {
    struct manifest manifest[MANIFEST_COPIES];
    uint32_t error[MANIFEST_COPIES]; /* 0: this copy is valid, else one of E_MANIFEST_* */
    int winner;                      /* the copy that counts, -1 if none is valid */
};

/* Read and judge both copies. */
void copies_read(const struct image *image, struct copies *copies);

/* Refuse if there is no sequence number above the winner's. */
void copies_require_next(const struct image *image, const struct copies *copies);

/*
 * Write MANIFEST, made from the winner, over the copy that does not count, with the next sequence
 * number; then wait until it is on the disk. This single sector is the moment at which a change
 * takes effect.
 */
void copies_commit(const struct image *image, const struct copies *copies,
                   const struct manifest *manifest);

/* Can slot SLOT hold a kernel: sectors of the boot area, which ends before END, and its own alone?
 */
bool slot_has_place(const struct manifest *manifest, unsigned slot, uint64_t end);

/*
 * Judge the fields and the bytes of slot SLOT. PIN is the root that stage 2 insists on, or NULL.
 * ACTUAL becomes the Merkle root of the bytes on the disk, or zero if the fields are wrong or a
 * sector cannot be read. Returns 0 or one of E_SLOT_*.
 */
int slot_verify(const struct image *image, const struct manifest *manifest, unsigned slot,
                uint64_t end, const uint8_t *pin, uint8_t actual[MERKLE_ROOT_SIZE]);

#endif
