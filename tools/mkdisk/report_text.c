/* report_text.c - `mkdisk info` for people: the boot area drawn from LBA 0 down. See report.h. */
#include <inttypes.h>
#include <stdio.h>

#include "report.h"

/* Begin a line of the drawing: the sectors FIRST to LAST and what they are. */
static void begin_line(uint64_t first, uint64_t last, const char *what)
{
    char range[48];

    if (first == last) {
        snprintf(range, sizeof range, "%" PRIu64, first);
    } else {
        snprintf(range, sizeof range, "%" PRIu64 " - %" PRIu64, first, last);
    }
    printf("  %17s  %-12s", range, what);
}

static void print_root(const char *label, const uint8_t root[MERKLE_ROOT_SIZE])
{
    printf("  %17s  %-12s%s ", "", "", label);
    for (unsigned i = 0; i < MERKLE_ROOT_SIZE; i++) {
        printf("%02x", root[i]);
    }
    printf("\n");
}

static void print_boot_code(const struct bootcode_state *code)
{
    begin_line(STAGE1_LBA, STAGE1_LBA, "stage 1");
    if (code->stage1_problem != NULL) {
        printf("DAMAGED: %s\n", code->stage1_problem);
    } else {
        printf("ok, reads %u sectors\n", code->stage2_sectors);
    }
    begin_line(STAGE2_LBA, STAGE2_LBA + (code->stage2_sectors > 0 ? code->stage2_sectors - 1 : 0),
               "stage 2");
    if (code->stage2_problem != NULL) {
        printf("DAMAGED: %s\n", code->stage2_problem);
    } else {
        printf("ok, CRC register %08" PRIX32 "%s\n", code->stage2_crc,
               code->pinned ? ", pinned to" : "");
    }
    if (code->pinned) {
        print_root("kernel", code->pin);
    }
}

static void print_copy(const struct copies *copies, unsigned i)
{
    const struct manifest *m = &copies->manifest[i];
    char what[16];

    snprintf(what, sizeof what, "manifest %u", i);
    begin_line(manifest_lba(i), manifest_lba(i), what);
    if (copies->error[i] != 0) {
        printf("DAMAGED: E%" PRIu32 " %s\n", copies->error[i], loader_error_text(copies->error[i]));
        return;
    }
    printf("ok, sequence %" PRIu64 ", prefers slot %c%s\n", m->seq, 'A' + m->preferred,
           copies->winner == (int)i ? "  <- this one counts" : "");
}

static void print_slot(const struct survey *survey, unsigned i)
{
    const struct boot_slot *slot = &survey_manifest(survey)->slot[i];
    int error = survey->slot_error[i];
    char what[16];

    snprintf(what, sizeof what, "slot %c", 'A' + i);
    begin_line(slot->first_lba, slot->first_lba + (uint64_t)slot->sectors - (slot->sectors > 0),
               what);
    if (error == 0) {
        printf("ok%s\n", survey->boots == (int)i ? "  <- this one boots" : "");
    } else if (error == E_SLOT_EMPTY) {
        printf("empty\n");
        return;
    } else {
        printf("DAMAGED: E%d %s\n", error, loader_error_text(error));
    }
    printf("  %17s  %-12s%" PRIu32 " of %" PRIu64 " bytes, %" PRIu32
           " KiB in memory, entry %016" PRIX64 "\n",
           "", "", slot->length, (uint64_t)slot->sectors * SECTOR_SIZE, slot->mem_size / 1024,
           slot->entry_virt);
    print_root("root", slot->merkle_root);
    if (error == E_SLOT_MERKLE || error == E_SLOT_PIN) {
        print_root("but ", survey->actual_root[i]);
    }
}

static void print_partitions(const struct mbr *mbr)
{
    char what[16];

    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        const struct partition *p = &mbr->partition[i];

        if (mbr->magic && p->type != 0) {
            snprintf(what, sizeof what, "partition %u", i + 1);
            begin_line(p->first_lba, p->first_lba + (uint64_t)p->sectors - (p->sectors > 0), what);
            printf("type %02X%s%s\n", p->type, p->type == MBR_TYPE_SFS ? " (Sector0)" : "",
                   p->status != 0 ? ", active" : "");
        }
    }
}

static void print_settings(const struct manifest *manifest)
{
    printf("\nCommand line: \"");
    for (const char *c = manifest->cmdline; *c != '\0'; c++) {
        printf(*c >= ' ' && *c <= '~' ? "%c" : "\\x%02X", (unsigned char)*c);
    }
    printf("\"\nMenu: ");
    if (manifest->menu != 0) {
        printf("waits %u seconds\n", manifest->menu_timeout_s);
    } else {
        printf("on request\n");
    }
}

void report_text(const struct image *image, const struct survey *survey, bool boots)
{
    printf("%s: %" PRIu64 " sectors (%" PRIu64 " bytes)", image->name, image->sectors,
           image->bytes);
    if (!boots) {
        printf(", no boot area: a volume begins at LBA 0\n");
        return;
    }
    printf(", disk signature %08" PRIX32 "\n\n", survey->mbr.signature);
    printf("  %17s  %s\n", "LBA", "what");
    print_boot_code(&survey->code);
    for (unsigned i = 0; i < MANIFEST_COPIES; i++) {
        print_copy(&survey->copies, i);
    }
    for (unsigned i = 0; i < SLOT_COUNT && survey->copies.winner >= 0; i++) {
        print_slot(survey, i);
    }
    print_partitions(&survey->mbr);
    if (survey->copies.winner >= 0) {
        print_settings(survey_manifest(survey));
    }
    if (survey_bootable(survey)) {
        printf("\nThis disk boots slot %c.\n", 'A' + survey->boots);
    } else {
        printf("\nThis disk does not boot.\n");
    }
}
