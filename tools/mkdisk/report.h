/*
 * report.h - the two forms of what `mkdisk info` says.
 */
#ifndef SECTOR0_MKDISK_REPORT_H
#define SECTOR0_MKDISK_REPORT_H

#include "mkdisk.h"
#include "survey.h"
#include "volumemap.h"

#define PROBLEM_SIZE 128
#define PROBLEM_MAX  (3 + MANIFEST_COPIES + SLOT_COUNT + MBR_TABLE_ENTRIES)

/* The damaged parts, one line each. */
struct problems {
    unsigned count;
    char line[PROBLEM_MAX][PROBLEM_SIZE];
};

/* Print a drawing of the boot area; not if the image BOOTS nothing, and is but a volume. */
void report_text(const struct image *image, const struct survey *survey, bool boots);

/* Print the same facts as one JSON object; the tests rely on its names. */
void report_json(const struct image *image, const struct survey *survey,
                 const struct problems *problems, const struct volume_map *map);

#endif
