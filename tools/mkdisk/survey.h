/*
 * survey.h - all that can be known about the boot area of an image, found out without a write.
 */
#ifndef SECTOR0_MKDISK_SURVEY_H
#define SECTOR0_MKDISK_SURVEY_H

#include "bootarea.h"
#include "bootcode.h"
#include "image.h"
#include "mbr.h"

struct survey {
    struct mbr mbr;
    uint64_t end; /* first LBA behind the boot area */
    struct bootcode_state code;
    struct copies copies;

    /* The slots as the winning manifest copy describes them; meaningless without a winner. */
    int slot_error[SLOT_COUNT]; /* 0 or one of E_SLOT_* */
    uint8_t actual_root[SLOT_COUNT][MERKLE_ROOT_SIZE];

    int boots; /* the slot that the winner leads to, -1 if none */
};

/* Look at everything. Only an LBA 0 that cannot be read is a refusal. */
void survey_take(const struct image *image, struct survey *survey);

/* Will the loader reach a kernel? */
bool survey_bootable(const struct survey *survey);

/* The manifest that counts; there must be a winner. */
const struct manifest *survey_manifest(const struct survey *survey);

/* Refuse an image without a valid manifest; the message says what is wrong with the first copy. */
void survey_require_manifest(const struct image *image, const struct survey *survey);

#endif
