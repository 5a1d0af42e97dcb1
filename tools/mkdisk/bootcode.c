/* bootcode.c - see bootcode.h. */
#include <string.h>

#include "bootcode.h"
#include "include/layout.h"
#include "inputfile.h"
#include "lib/crc32c.h"
#include "mkdisk.h"

/* xor ax, ax; jmp short: some BIOSes look for these before they start a boot sector. */
static const uint8_t stage1_start[] = {0x33, 0xC0, 0xEB};

/* Returns what is wrong with the parts of a boot sector that are always the same, or NULL. */
static const char *stage1_shape_problem(const uint8_t *sector)
{
    if (memcmp(sector, stage1_start, sizeof stage1_start) != 0) {
        return "does not begin with 33 C0 EB, so it is not Sector0's stage 1";
    }
    if (sector[MBR_MAGIC_OFFSET] != (MBR_MAGIC & 0xFF) ||
        sector[MBR_MAGIC_OFFSET + 1] != MBR_MAGIC >> 8) {
        return "does not end with 55 AA, so no BIOS starts it";
    }
    return NULL;
}

static void load_stage1(struct bootcode *code, const char *path)
{
    uint32_t size;
    const uint8_t *data = input_read(path, "stage 1", SECTOR_SIZE, &size);
    const char *problem;

    if (size != SECTOR_SIZE) {
        refuse(path, "has %u bytes, stage 1 has %d", size, SECTOR_SIZE);
    }
    problem = stage1_shape_problem(data);
    if (problem != NULL) {
        refuse(path, "%s", problem);
    }
    for (unsigned i = STAGE1_CODE_MAX; i < MBR_MAGIC_OFFSET; i++) {
        if (data[i] != 0) {
            refuse(path, "byte %u is not zero: the code reaches into the partition table", i);
        }
    }
    memcpy(code->stage1, data, SECTOR_SIZE);
}

static void load_stage2(struct bootcode *code, const char *path)
{
    uint32_t size;
    const uint8_t *data = input_read(path, "stage 2", sizeof code->stage2, &size);

    if (size < STAGE2_PIN_OFFSET + MERKLE_ROOT_SIZE) {
        refuse(path, "has %u bytes, stage 2 has at least %d", size,
               STAGE2_PIN_OFFSET + MERKLE_ROOT_SIZE);
    }
    for (unsigned i = STAGE2_PIN_OFFSET; i < STAGE2_PIN_OFFSET + MERKLE_ROOT_SIZE; i++) {
        if (data[i] != 0) {
            refuse(path, "byte %u is not zero, where stage 2 has room for a pinned root", i);
        }
    }
    memcpy(code->stage2, data, size);
    code->stage2_sectors = (size + SECTOR_SIZE - 1) / SECTOR_SIZE;
}

void bootcode_load(struct bootcode *code, const char *stage1_path, const char *stage2_path)
{
    memset(code, 0, sizeof *code);
    load_stage1(code, stage1_path);
    load_stage2(code, stage2_path);
}

void bootcode_pin(struct bootcode *code, const uint8_t root[MERKLE_ROOT_SIZE])
{
    memcpy(code->stage2 + STAGE2_PIN_OFFSET, root, MERKLE_ROOT_SIZE);
}

void bootcode_seal(struct bootcode *code)
{
    uint32_t bytes = code->stage2_sectors * SECTOR_SIZE;
    struct stage1_patch patch = {
        .sectors = (uint8_t)code->stage2_sectors,
        .end = (uint16_t)(STAGE2_BASE + bytes),
        .crc32c = crc32c_register(CRC32C_INIT, code->stage2, bytes),
    };

    memcpy(code->stage1 + STAGE1_PATCH_OFFSET, &patch, sizeof patch);
}

void bootcode_write_stage2(const struct bootcode *code, const struct image *image)
{
    image_write(image, STAGE2_LBA, code->stage2, code->stage2_sectors);
}

/* Take the patch out of stage 1. Returns what is wrong with it, or NULL. */
static const char *read_patch(const uint8_t *sector0, struct bootcode_state *state)
{
    struct stage1_patch patch;
    const char *problem = stage1_shape_problem(sector0);

    if (problem != NULL) {
        return problem;
    }
    memcpy(&patch, sector0 + STAGE1_PATCH_OFFSET, sizeof patch);
    if (patch.sectors == 0 || patch.sectors > STAGE2_MAX_SECTORS) {
        return "says a length of stage 2 that is not 1 to 61 sectors";
    }
    if (patch.end != STAGE2_BASE + patch.sectors * SECTOR_SIZE) {
        return "says an end of stage 2 that does not follow from its length";
    }
    state->stage2_sectors = patch.sectors;
    state->stage2_crc = patch.crc32c;
    return NULL;
}

void bootcode_inspect(const struct image *image, const uint8_t sector0[SECTOR_SIZE],
                      struct bootcode_state *state)
{
    static const uint8_t no_pin[MERKLE_ROOT_SIZE];
    uint8_t stage2[STAGE2_MAX_SECTORS * SECTOR_SIZE];

    memset(state, 0, sizeof *state);
    state->stage1_problem = read_patch(sector0, state);
    if (state->stage1_problem != NULL) {
        state->stage2_problem = "cannot be checked, since stage 1 is damaged";
        return;
    }
    if (image_read(image, STAGE2_LBA, stage2, state->stage2_sectors) != 0) {
        state->stage2_problem = "cannot be read";
        return;
    }
    state->actual_crc = crc32c_register(CRC32C_INIT, stage2, state->stage2_sectors * SECTOR_SIZE);
    if (state->actual_crc != state->stage2_crc) {
        state->stage2_problem = "has another CRC than stage 1 says";
        return;
    }
    memcpy(state->pin, stage2 + STAGE2_PIN_OFFSET, MERKLE_ROOT_SIZE);
    state->pinned = memcmp(state->pin, no_pin, MERKLE_ROOT_SIZE) != 0;
}
