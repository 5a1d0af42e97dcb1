/*
 * bootarea.h - manifests and kernel slots: the same judgement that the loader passes, on the host.
 *
 * Everything that comes from a disk is hostile: each field is checked before it is used, in 64-bit
 * arithmetic. The loader (stage2/manifest.c) must come to the same verdict; a test compares the two
 * and an independent model in Python.
 */
#ifndef SECTOR0_MKDISK_BOOTAREA_H
#define SECTOR0_MKDISK_BOOTAREA_H

#include "image.h"
#include "include/loader_errors.h"
#include "include/manifest.h"

/* The loader's error codes, E_NO_MANIFEST and so on; E_NONE is none. */
enum loader_error {
    E_NONE = 0,
#define LOADER_ERROR_NAME(code, name, text, advice) E_##name = code,
    LOADER_ERRORS(LOADER_ERROR_NAME)
#undef LOADER_ERROR_NAME
};

/* What the loader says about ERROR, for a copy or a slot; "ok" for E_NONE. */
const char *loader_error_text(enum loader_error error);

/* The LBA of copy COPY of the manifest, 0 or 1. */
uint32_t manifest_lba(unsigned copy);

/* Take the manifest in SECTOR apart, into this machine's byte order, and judge it. */
enum loader_error manifest_decode(const uint8_t sector[SECTOR_SIZE], struct manifest *manifest);

/* Make the sector of MANIFEST, which is in this machine's byte order; its crc32c is made here. */
void manifest_encode(const struct manifest *manifest, uint8_t sector[SECTOR_SIZE]);

/* Both copies of the manifest, as read from a disk. */
struct copies {
    struct manifest manifest[MANIFEST_COPIES];
    enum loader_error error[MANIFEST_COPIES]; /* E_NONE: this copy is valid */
    int winner;                               /* the copy that counts, -1 if none is valid */
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

/* Judge the fields of slot SLOT. END is the first LBA behind the boot area. */
enum loader_error slot_check(const struct manifest *manifest, unsigned slot, uint64_t end);

/* Is the place of slot SLOT inside the boot area, and no part of the other slot? */
enum loader_error slot_check_place(const struct manifest *manifest, unsigned slot, uint64_t end);

/*
 * Judge the fields and the bytes of slot SLOT. PIN is the root that stage 2 insists on, or NULL.
 * ACTUAL becomes the Merkle root of the bytes on the disk, or zero if the fields are wrong or a
 * sector cannot be read.
 */
enum loader_error slot_verify(const struct image *image, const struct manifest *manifest,
                              unsigned slot, uint64_t end, const uint8_t *pin,
                              uint8_t actual[MERKLE_ROOT_SIZE]);

#endif
