/*
 * fuzz_parsers.c - a fuzz target for all small parsers of bytes that somebody else wrote: the first
 * byte of the input picks one, the rest is what it reads.
 *
 * Nothing may crash, and what a parser accepts must be what it promises: a slot lies before the end
 * of the boot area, ranges of memory do not overlap, words lie in their buffer.
 */
#include <getopt.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_parsers.h"
#include "kernel/mm/e820.h"
#include "lib/crc32c.h"
#include "stage2/manifest.h"
#include "tools/mkdisk/kernelfile.h"
#include "tools/mkdisk/mbr.h"
#include "tools/mkdisk/options.h"

#define MAP_MAX  128
#define WORD_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string, which the caller frees; so that a sanitizer sees a read behind it. */
static char *text_of(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* ---- The boot area ---- */

static uint32_t take_map(struct e820_entry map[MAP_MAX], const uint8_t *data, size_t size)
{
    size_t count = size / sizeof map[0] < MAP_MAX ? size / sizeof map[0] : MAP_MAX;

    memcpy(map, data, count * sizeof map[0]);
    return (uint32_t)count;
}

static void fuzz_manifest(const uint8_t *data, size_t size)
{
    static struct e820_entry map[MAP_MAX];
    struct slot_limits limits = {.end_lba = 8192, .map = map};
    struct slot_memory memory;
    struct manifest m = {.magic = MANIFEST_MAGIC, .version = 1, .size = sizeof m, .seq = 1};
    size_t used = size < sizeof m - 28 ? size : sizeof m - 28; /* all from `preferred` to the CRC */

    memcpy((uint8_t *)&m + 24, data, used);
    limits.map_count = take_map(map, data + used, size - used);
    m.crc32c = crc32c(&m, sizeof m - 4);
    if (manifest_check(&m) != 0) {
        return;
    }
    must(m.preferred < SLOT_COUNT && memchr(m.cmdline, '\0', sizeof m.cmdline) != NULL);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        const struct boot_slot *slot = &m.slot[i];

        if (slot_judge(&m, i, &limits, &memory) == 0) {
            must((uint64_t)slot->first_lba + slot->sectors <= limits.end_lba);
            must(slot->length > 0 && slot->length <= (uint64_t)slot->sectors * SECTOR_SIZE);
            must(slot->mem_size >= slot->length && slot->entry_virt - KERNEL_VIRT < slot->length);
            must(map_usable_from(map, limits.map_count, KERNEL_PHYS) >= slot->mem_size);
        }
    }
}

static void fuzz_mbr(const uint8_t *data, size_t size)
{
    uint8_t sector[SECTOR_SIZE] = {0}, next[SECTOR_SIZE] = {0};
    struct mbr mbr;
    char reason[160];
    uint64_t sectors = 8192 + size, end;

    size = size < 72 ? size : 72;
    memcpy(sector + SECTOR_SIZE - size, data, size);
    mbr_decode(sector, &mbr);
    end = mbr_boot_area_end(&mbr, sectors);
    must(end <= sectors && 80 + 2ull * slot_capacity(end) <= (end > 80 ? end : 80));
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        must(mbr.partition[i].type == 0 || mbr.partition[i].first_lba == 0 ||
             end <= mbr.partition[i].first_lba);
    }
    if (!mbr_allows_install(&mbr, next, reason, sizeof reason)) {
        must(strlen(reason) < sizeof reason);
    }
}

static void fuzz_kernel_header(const uint8_t *data, size_t size)
{
    const struct kernel_header *header;
    uint8_t *file;

    if (size < sizeof *header) {
        return;
    }
    file = (uint8_t *)text_of(data, size);
    header = (const struct kernel_header *)file;
    memcpy(file, KERNEL_MAGIC, 8);
    if (kernel_header_problem(file, (uint32_t)size) == NULL) {
        must(header->length == size && header->mem_size >= size);
        must(header->entry_virt - KERNEL_VIRT < size);
    }
    free(file);
}

/* ---- The memory map ---- */

static void fuzz_memory(const uint8_t *data, size_t size)
{
    static struct e820_entry raw[MAP_MAX];
    static struct mem_map map;
    uint32_t count = take_map(raw, data, size);
    uint64_t largest;

    e820_clean(&map, raw, count);
    must(map.count <= MEM_RANGES_MAX);
    for (size_t i = 0; i < map.count; i++) {
        const struct mem_range *range = &map.range[i];

        must(range->length > 0 && range->base % MEM_PAGE == 0 && range->length % MEM_PAGE == 0);
        must(range->base + range->length > range->base);
        must(i == 0 || range->base >= range[-1].base + range[-1].length);
    }
    must(e820_total(&map, E820_USABLE, &largest) >= largest);
    (void)e820_low_memory_end(raw, count, 640, 0x9FC0);
}

/* ---- Words ---- */

static void fuzz_size(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    uint64_t bytes;

    must(!parse_size(text, &bytes) || bytes <= INT64_MAX);
    free(text);
}

static jmp_buf refused;

/* tools/mkdisk/complain.c would end the program. */
void usage_error(const char *format, ...)
{
    must(format != NULL);
    longjmp(refused, 1);
}

void refuse(const char *subject, const char *format, ...)
{
    must(subject != NULL && format != NULL);
    longjmp(refused, 1);
}

void usage_hint(const char *verb)
{
    must(verb != NULL);
}

void *allocate(uint64_t size)
{
    return calloc(1, size);
}

/* Words of mkdisk's command line, one behind the other with a NUL each; all options are allowed. */
static void fuzz_command_line(const uint8_t *data, size_t size)
{
    static const struct verb all = {"all", NULL, 1, 4, ~0u, "", ""};
    static char *argv[WORD_MAX + 2];
    static int argc;
    static struct options options;
    char *text = text_of(data, size);

    argv[0] = "all";
    argc = 1;
    for (char *at = text; at < text + size && argc <= WORD_MAX; at += strlen(at) + 1) {
        argv[argc++] = at;
    }
    argv[argc] = NULL;
    optind = 0;
    if (setjmp(refused) == 0 && options_parse(&options, &all, argc, argv)) {
        must(options.image != NULL && options.operand_count >= 0 && options.operand_count < 4);
        must(options.cmdline == NULL || strlen(options.cmdline) < CMDLINE_SIZE);
        must(options.label == NULL || strlen(options.label) <= LABEL_MAX);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const uint8_t *, size_t) = {
        fuzz_manifest,       fuzz_mbr,   fuzz_kernel_header,
        fuzz_memory,         fuzz_size,  fuzz_command_line,
        fuzz_kernel_options, fuzz_shell, fuzz_identify,
    };

    if (size > 0) {
        parsers[data[0] % (sizeof parsers / sizeof parsers[0])](data + 1, size - 1);
    }
    return 0;
}
