/*
 * update.c - `mkdisk update`: a new kernel, safe against a power cut at any moment.
 *
 * The newest valid manifest boots one slot. The new kernel goes into the other one, which nobody
 * needs (or which is damaged), and is synced; then one sector, the manifest copy that does not
 * count, is written with the next sequence number and prefers the new kernel:
 *
 *     before        manifest seq 7 -> slot A (old)      slot B: whatever
 *     write slot B  manifest seq 7 -> slot A (old)      slot B: half a kernel, nobody looks
 *     sync
 *     write copy    manifest seq 8 -> slot B (new)      a torn copy is invalid: seq 7 still counts
 *     sync
 */
#include <string.h>

#include "kernelfile.h"
#include "options.h"
#include "survey.h"

static void require_sound_loader(const struct image *image, const struct survey *survey)
{
    if (survey->code.stage1_problem != NULL) {
        refuse(image->name, "stage 1 at LBA 0 %s", survey->code.stage1_problem);
    }
    if (survey->code.stage2_problem != NULL) {
        refuse(image->name, "stage 2 at LBA 1 %s; `mkdisk install` writes it again",
               survey->code.stage2_problem);
    }
    if (survey->code.pinned) {
        refuse(image->name, "is pinned: its stage 2 at LBA 1 accepts one kernel only");
    }
}

/*
 * If the manifest puts slot TARGET where it must not be, put it where a new disk has it. When no
 * slot boots, nothing about the other one is worth keeping. Refuses if there is no place for it.
 */
static void repair_place(const struct image *image, const struct survey *survey,
                         struct manifest *manifest, unsigned target)
{
    uint32_t capacity = slot_capacity(survey->end);
    unsigned other = !target;

    if (slot_has_place(manifest, target, survey->end)) {
        return;
    }
    if (survey->boots < 0) {
        memset(&manifest->slot[other], 0, sizeof manifest->slot[other]);
        manifest->slot[other].first_lba = SLOTS_LBA + other * capacity;
        manifest->slot[other].sectors = capacity;
    }
    manifest->slot[target].first_lba = SLOTS_LBA + target * capacity;
    manifest->slot[target].sectors = capacity;
    if (!slot_has_place(manifest, target, survey->end)) {
        refuse(image->name, "slot %c has no place: LBA %u to %u belong to slot %c", 'A' + target,
               manifest->slot[other].first_lba,
               manifest->slot[other].first_lba + manifest->slot[other].sectors - 1, 'A' + other);
    }
}

int verb_update(const struct options *options)
{
    struct kernel_file kernel;
    struct image image;
    struct survey survey;
    struct manifest manifest;
    unsigned target;

    kernel_file_load(&kernel, input_path(options->kernel, "kernel.bin"));
    image_open(&image, options->image, true);
    survey_take(&image, &survey);
    require_sound_loader(&image, &survey);
    survey_require_manifest(&image, &survey);

    manifest = *survey_manifest(&survey);
    target = survey.boots >= 0 ? !survey.boots : manifest.preferred;
    repair_place(&image, &survey, &manifest, target);
    kernel_file_require_fit(&kernel, image.name, manifest.slot[target].sectors);
    copies_require_next(&image, &survey.copies);

    image_write(&image, manifest.slot[target].first_lba, kernel.data, kernel.sectors);
    image_sync(&image);
    kernel_file_describe(&kernel, &manifest.slot[target]);
    manifest.preferred = (uint8_t)target;
    copies_commit(&image, &survey.copies, &manifest);
    image_close(&image);
    return EXIT_DONE;
}
