/*
 * cmdline.c - `mkdisk cmdline`: print or set the kernel's command line.
 *
 * Setting it writes one sector: the manifest copy that does not count, which counts from then on.
 * Before that write and after it there is a valid copy, so a power cut does no harm.
 */
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "survey.h"

/* Bytes that a terminal might act on are shown as \xNN. */
static void print_cmdline(const char *cmdline)
{
    for (const char *c = cmdline; *c != '\0'; c++) {
        printf(*c >= ' ' && *c <= '~' ? "%c" : "\\x%02X", (unsigned char)*c);
    }
    printf("\n");
}

int verb_cmdline(const struct options *options)
{
    struct image image;
    struct survey survey;
    struct manifest manifest;

    if (options->text != NULL) {
        check_cmdline_argument(options->text);
    }
    image_open(&image, options->image, options->text != NULL);
    survey_take(&image, &survey);
    survey_require_manifest(&image, &survey);
    manifest = *survey_manifest(&survey);
    if (options->text == NULL) {
        print_cmdline(manifest.cmdline);
    } else {
        memset(manifest.cmdline, 0, sizeof manifest.cmdline);
        strcpy(manifest.cmdline, options->text);
        copies_commit(&image, &survey.copies, &manifest);
    }
    image_close(&image);
    return EXIT_DONE;
}
