/*
 * install.c - `mkdisk install`: boot code onto a disk that has a partition table already.
 *
 * Of LBA 0 only bytes 0-439 change, and the disk signature if it is zero; the partitions and every
 * sector from the first of them on stay as they are. Stages 1 and 2 have one copy each and cannot
 * be replaced safely: whoever cuts the power in the middle must run install again.
 */
#include <stdio.h>
#include <string.h>

#include "bootarea.h"
#include "image.h"
#include "mbr.h"
#include "payload.h"

#define REASON_SIZE 160

static void require_installable(const struct image *image, const struct mbr *mbr)
{
    uint8_t next_sector[SECTOR_SIZE];
    char reason[REASON_SIZE];

    if (image_read(image, STAGE1_LBA + 1, next_sector, 1) != 0) {
        refuse(image->name, "LBA 1 cannot be read");
    }
    if (!mbr_allows_install(mbr, next_sector, reason, sizeof reason)) {
        refuse(image->name, "%s", reason);
    }
}

/* A disk that boots Sector0 already keeps its command line and its menu, unless told otherwise. */
static void keep_settings(const struct image *image, const struct options *options,
                          struct manifest *manifest)
{
    const struct manifest *old;
    struct copies copies;

    copies_read(image, &copies);
    if (copies.winner < 0) {
        return;
    }
    old = &copies.manifest[copies.winner];
    if (options->cmdline == NULL) {
        memcpy(manifest->cmdline, old->cmdline, sizeof manifest->cmdline);
    }
    if (!options->menu_given) {
        manifest->menu = old->menu;
        manifest->menu_timeout_s = old->menu_timeout_s;
    }
}

int verb_install(const struct options *options)
{
    static struct payload payload;
    struct image image;
    struct mbr mbr;
    uint8_t sector0[SECTOR_SIZE];
    uint64_t end;

    payload_load(&payload, options);
    image_open(&image, options->image, true);
    if (image_read(&image, STAGE1_LBA, sector0, 1) != 0) {
        refuse(image.name, "LBA 0 cannot be read");
    }
    mbr_decode(sector0, &mbr);
    require_installable(&image, &mbr);
    end = mbr_boot_area_end(&mbr, image.sectors);
    kernel_file_require_fit(&payload.kernel, image.name, slot_capacity(end));
    keep_settings(&image, options, &payload.manifest);

    printf("%s: writing LBA 0 to %llu; not safe against a power cut, keep it running\n", image.name,
           (unsigned long long)end - 1);
    fflush(stdout);
    payload_write(&payload, &image, end);
    image_sync(&image);
    memcpy(sector0, payload.code.stage1, STAGE1_CODE_MAX);
    if (mbr.signature == 0) {
        mbr_encode_signature(sector0, random_signature());
    }
    image_write(&image, STAGE1_LBA, sector0, 1);
    image_sync(&image);
    image_close(&image);
    printf("%s: done\n", image.name);
    return EXIT_DONE;
}
