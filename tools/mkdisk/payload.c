/* payload.c - see payload.h. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "bootarea.h"
#include "options.h"
#include "mbr.h"
#include "payload.h"

void payload_load(struct payload *payload, const struct options *options)
{
    memset(payload, 0, sizeof *payload);
    bootcode_load(&payload->code, input_path(options->stage1, "stage1.bin"),
                  input_path(options->stage2, "stage2.bin"));
    kernel_file_load(&payload->kernel, input_path(options->kernel, "kernel.bin"));
    if (options->pin) {
        bootcode_pin(&payload->code, payload->kernel.merkle_root);
    }
    bootcode_seal(&payload->code);
    if (options->cmdline != NULL) {
        strcpy(payload->manifest.cmdline, options->cmdline); /* options.c checked its length */
    }
    manifest_set_menu(&payload->manifest, options);
}

void manifest_set_menu(struct manifest *manifest, const struct options *options)
{
    if (options->menu_given) {
        manifest->menu = options->menu_timeout_s > 0;
        manifest->menu_timeout_s = options->menu_timeout_s;
    }
}

/* Fill the fields of a manifest that are the same on every new disk, and both slots. */
static void describe(struct payload *payload, uint32_t capacity)
{
    struct manifest *manifest = &payload->manifest;

    memcpy(manifest->magic, MANIFEST_MAGIC, sizeof manifest->magic);
    manifest->version = MANIFEST_VERSION;
    manifest->size = sizeof *manifest;
    manifest->seq = 1;
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        manifest->slot[i].first_lba = SLOTS_LBA + i * capacity;
        manifest->slot[i].sectors = capacity;
        kernel_file_describe(&payload->kernel, &manifest->slot[i]);
    }
}

void payload_write(struct payload *payload, const struct image *image, uint64_t end)
{
    uint32_t capacity = slot_capacity(end);

    kernel_file_require_fit(&payload->kernel, image->name, capacity);
    describe(payload, capacity);
    bootcode_write_stage2(&payload->code, image);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        image_write(image, payload->manifest.slot[i].first_lba, payload->kernel.data,
                    payload->kernel.sectors);
    }
    for (unsigned i = 0; i < MANIFEST_COPIES; i++) {
        manifest_write(image, &payload->manifest, i);
    }
}

uint32_t random_signature(void)
{
    uint32_t signature = 0;

    while (signature == 0) {
        if (getrandom(&signature, sizeof signature, 0) != sizeof signature && errno != EINTR) {
            refuse("disk signature", "no random numbers: %s", strerror(errno));
        }
    }
    return signature;
}
