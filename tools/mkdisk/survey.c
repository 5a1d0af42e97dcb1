/* survey.c - see survey.h. */
#include <string.h>

#include "mkdisk.h"
#include "survey.h"

static void survey_slots(const struct image *image, struct survey *survey)
{
    const struct manifest *manifest = survey_manifest(survey);
    const uint8_t *pin = survey->code.pinned ? survey->code.pin : NULL;

    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        survey->slot_error[i] =
            slot_verify(image, manifest, i, survey->end, pin, survey->actual_root[i]);
    }
    for (unsigned try = 0; try < SLOT_COUNT && survey->boots < 0; try++) {
        unsigned slot = manifest->preferred ^ try;

        if (survey->slot_error[slot] == 0) {
            survey->boots = (int)slot;
        }
    }
}

void survey_take(const struct image *image, struct survey *survey)
{
    uint8_t sector0[SECTOR_SIZE];
    int error = image_read(image, STAGE1_LBA, sector0, 1);

    if (error != 0) {
        refuse(image->name, "LBA 0 cannot be read: %s",
               image->sectors == 0 ? "the image is shorter than a sector" : strerror(-error));
    }
    memset(survey, 0, sizeof *survey);
    mbr_decode(sector0, &survey->mbr);
    survey->end = mbr_boot_area_end(&survey->mbr, image->sectors);
    bootcode_inspect(image, sector0, &survey->code);
    copies_read(image, &survey->copies);
    survey->boots = -1;
    if (survey->copies.winner >= 0) {
        survey_slots(image, survey);
    }
}

bool survey_bootable(const struct survey *survey)
{
    return survey->code.stage1_problem == NULL && survey->code.stage2_problem == NULL &&
           survey->boots >= 0;
}

const struct manifest *survey_manifest(const struct survey *survey)
{
    return &survey->copies.manifest[survey->copies.winner];
}

void survey_require_manifest(const struct image *image, const struct survey *survey)
{
    if (survey->copies.winner < 0) {
        refuse(image->name, "no valid boot manifest: LBA %u %s, LBA %u %s", MANIFEST0_LBA,
               loader_error_text(survey->copies.error[0]), MANIFEST1_LBA,
               loader_error_text(survey->copies.error[1]));
    }
}
