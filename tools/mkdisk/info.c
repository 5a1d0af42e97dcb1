/*
 * info.c - `mkdisk info`: what the boot area and the volume hold, and whether they are sound.
 *
 * An image that is a volume from LBA 0 on has no boot area, which is no damage. The report itself
 * is made by report_text.c or report_json.c from the same survey. A part that is damaged makes the
 * exit code 1, even if the disk still boots because of the other copy.
 */
#include <stdio.h>

#include "report.h"

/* Add one damaged part to the list of PROBLEMS. */
static void add(struct problems *problems, const char *part, const char *text)
{
    snprintf(problems->line[problems->count++], PROBLEM_SIZE, "%s %s", part, text);
}

static void find_boot_problems(const struct survey *survey, struct problems *problems)
{
    char part[16];

    if (survey->code.stage1_problem != NULL) {
        add(problems, "stage 1", survey->code.stage1_problem);
    }
    if (survey->code.stage2_problem != NULL) {
        add(problems, "stage 2", survey->code.stage2_problem);
    }
    for (unsigned i = 0; i < MANIFEST_COPIES; i++) {
        if (survey->copies.error[i] != 0) {
            snprintf(part, sizeof part, "manifest %u", i);
            add(problems, part, loader_error_text(survey->copies.error[i]));
        }
    }
    for (unsigned i = 0; i < SLOT_COUNT && survey->copies.winner >= 0; i++) {
        /* An empty slot is no damage as long as the other one boots. */
        if (survey->slot_error[i] != 0 &&
            (survey->slot_error[i] != E_SLOT_EMPTY || survey->boots < 0)) {
            snprintf(part, sizeof part, "slot %c", 'A' + i);
            add(problems, part, loader_error_text(survey->slot_error[i]));
        }
    }
}

static void find_partition_problems(const struct image *image, const struct mbr *mbr,
                                    struct problems *problems)
{
    char part[16];

    for (unsigned i = 0; i < MBR_TABLE_ENTRIES && mbr->magic; i++) {
        const struct partition *p = &mbr->partition[i];

        if (p->type != 0 && (uint64_t)p->first_lba + p->sectors > image->sectors) {
            snprintf(part, sizeof part, "partition %u", i + 1);
            add(problems, part, "ends behind the end of the image");
        }
    }
}

int verb_info(const struct options *options)
{
    struct image image;
    struct survey survey;
    struct problems problems;
    static struct volume_map map;
    bool has_volume, boots;

    image_open(&image, options->image, false);
    survey_take(&image, &survey);
    has_volume = volume_map_take(&image, &map);
    boots = !has_volume || map.place.partition > 0; /* or should */
    problems.count = 0;
    if (boots) {
        find_boot_problems(&survey, &problems);
        find_partition_problems(&image, &survey.mbr, &problems);
    }
    if (has_volume && map.raw.from_backup) {
        add(&problems, "the volume's", "superblock is damaged");
    }
    if (options->json) {
        report_json(&image, &survey, &problems, &map);
    } else {
        report_text(&image, &survey, boots);
        if (has_volume) {
            volume_map_text(&map);
        }
    }
    image_close(&image);
    if (problems.count > 0) {
        refuse(options->image, "%s%s%s", problems.line[0], problems.count > 1 ? ", and more" : "",
               !boots                     ? ""
               : survey_bootable(&survey) ? "; it still boots"
                                          : "; it does not boot");
    }
    return EXIT_DONE;
}
