/*
 * report_json.c - `mkdisk info --json`: one object, so that programs need not read the drawing.
 *
 * Strings may hold any byte: what is not printable ASCII becomes \u00NN, byte by byte, so the
 * output is valid JSON whatever the disk holds.
 */
#include <inttypes.h>
#include <stdio.h>

#include "report.h"

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            printf("\\%c", *text);
        } else if (*text >= ' ' && *text <= '~') {
            putchar(*text);
        } else {
            printf("\\u%04X", (unsigned char)*text);
        }
    }
    putchar('"');
}

/* A string, or null. */
static void print_problem(const char *problem)
{
    printf(", \"problem\": ");
    if (problem != NULL) {
        print_string(problem);
    } else {
        printf("null");
    }
}

static void print_root(const char *name, const uint8_t root[MERKLE_ROOT_SIZE])
{
    printf(", \"%s\": \"", name);
    for (unsigned i = 0; i < MERKLE_ROOT_SIZE; i++) {
        printf("%02x", root[i]);
    }
    putchar('"');
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void print_boot_code(const struct bootcode_state *code)
{
    printf(
        "  \"stage1\": {\"ok\": %s, \"stage2_sectors\": %u, \"stage2_crc_register\": \"%08" PRIx32
        "\"",
        truth(code->stage1_problem == NULL), code->stage2_sectors, code->stage2_crc);
    print_problem(code->stage1_problem);
    printf("},\n  \"stage2\": {\"ok\": %s, \"actual_crc_register\": \"%08" PRIx32
           "\", \"pinned\": %s",
           truth(code->stage2_problem == NULL), code->actual_crc, truth(code->pinned));
    if (code->pinned) {
        print_root("pinned_root", code->pin);
    }
    print_problem(code->stage2_problem);
    printf("},\n");
}

static void print_copy(const struct copies *copies, unsigned i)
{
    const struct manifest *m = &copies->manifest[i];
    int error = copies->error[i];

    printf("    {\"copy\": %u, \"lba\": %" PRIu32 ", \"ok\": %s, \"code\": %d", i, manifest_lba(i),
           truth(error == 0), error);
    print_problem(error != 0 ? loader_error_text(error) : NULL);
    if (error == 0) {
        printf(", \"seq\": %" PRIu64 ", \"preferred\": %u, \"menu\": %u, \"menu_timeout_s\": %u, "
               "\"cmdline\": ",
               m->seq, m->preferred, m->menu, m->menu_timeout_s);
        print_string(m->cmdline);
    }
    printf("}%s\n", i + 1 < MANIFEST_COPIES ? "," : "");
}

static void print_slot(const struct survey *survey, unsigned i)
{
    const struct boot_slot *slot = &survey_manifest(survey)->slot[i];
    int error = survey->slot_error[i];

    printf("    {\"slot\": \"%c\", \"ok\": %s, \"code\": %d", 'A' + i, truth(error == 0), error);
    print_problem(error != 0 ? loader_error_text(error) : NULL);
    printf(", \"first_lba\": %" PRIu32 ", \"sectors\": %" PRIu32 ", \"length\": %" PRIu32
           ", \"mem_size\": %" PRIu32 ", \"load_phys\": %" PRIu64 ", \"entry_virt\": \"%016" PRIx64
           "\"",
           slot->first_lba, slot->sectors, slot->length, slot->mem_size, slot->load_phys,
           slot->entry_virt);
    print_root("merkle_root", slot->merkle_root);
    print_root("actual_root", survey->actual_root[i]);
    printf("}%s\n", i + 1 < SLOT_COUNT ? "," : "");
}

static void print_partitions(const struct mbr *mbr)
{
    const char *separator = "";

    printf("  \"partitions\": [");
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        const struct partition *p = &mbr->partition[i];

        if (mbr->magic && p->type != 0) {
            printf("%s\n    {\"number\": %u, \"type\": %u, \"active\": %s, \"first_lba\": %" PRIu32
                   ", \"sectors\": %" PRIu32 "}",
                   separator, i + 1, p->type, truth(p->status != 0), p->first_lba, p->sectors);
            separator = ",";
        }
    }
    printf("],\n");
}

static void print_problems(const struct problems *problems)
{
    printf("  \"problems\": [");
    for (unsigned i = 0; i < problems->count; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_string(problems->line[i]);
    }
    printf("]\n");
}

void report_json(const struct image *image, const struct survey *survey,
                 const struct problems *problems, const struct volume_map *map)
{
    printf("{\n  \"image\": ");
    print_string(image->name);
    printf(",\n  \"bytes\": %" PRIu64 ",\n  \"sectors\": %" PRIu64
           ",\n  \"disk_signature\": \"%08" PRIx32 "\",\n  \"boot_area_end\": %" PRIu64 ",\n",
           image->bytes, image->sectors, survey->mbr.signature, survey->end);
    print_boot_code(&survey->code);
    printf("  \"manifests\": [\n");
    for (unsigned i = 0; i < MANIFEST_COPIES; i++) {
        print_copy(&survey->copies, i);
    }
    printf("  ],\n  \"winner\": ");
    printf(survey->copies.winner >= 0 ? "%d" : "null", survey->copies.winner);
    printf(",\n  \"slots\": [\n");
    for (unsigned i = 0; i < SLOT_COUNT && survey->copies.winner >= 0; i++) {
        print_slot(survey, i);
    }
    printf("  ],\n");
    print_partitions(&survey->mbr);
    printf("  \"volume\": ");
    volume_map_json(map);
    printf(",\n  \"bootable\": %s,\n  \"boots\": ", truth(survey_bootable(survey)));
    printf(survey_bootable(survey) ? "\"%c\"" : "null", 'A' + survey->boots);
    printf(",\n");
    print_problems(problems);
    printf("}\n");
}
