/* bootarea.c - see bootarea.h. */
#include <string.h>

#include "bootarea.h"
#include "lib/crc32c.h"
#include "lib/merkle.h"
#include "mkdisk.h"

const char *loader_error_text(int error)
{
    static const char *const texts[] = {
#define LOADER_ERROR_TEXT(code, name, text, advice) [code] = text,
        LOADER_ERRORS(LOADER_ERROR_TEXT)
#undef LOADER_ERROR_TEXT
    };

    if (error == 0) {
        return "ok";
    }
    if (error == E_SLOT_DISK) {
        return "a sector of the kernel cannot be read"; /* the loader's has the BIOS's numbers */
    }
    return texts[error];
}

uint32_t manifest_lba(unsigned copy)
{
    return copy == 0 ? MANIFEST0_LBA : MANIFEST1_LBA;
}

void manifest_write(const struct image *image, struct manifest *manifest, unsigned copy)
{
    manifest->crc32c = crc32c(manifest, offsetof(struct manifest, crc32c));
    image_write(image, manifest_lba(copy), manifest, 1);
}

void copies_read(const struct image *image, struct copies *copies)
{
    memset(copies, 0, sizeof *copies);
    for (unsigned i = 0; i < MANIFEST_COPIES; i++) {
        if (image_read(image, manifest_lba(i), &copies->manifest[i], 1) != 0) {
            copies->error[i] = E_MANIFEST_READ;
        } else {
            copies->error[i] = (uint32_t)manifest_check(&copies->manifest[i]);
        }
    }
    copies->winner = manifest_newest(copies->manifest, copies->error, MANIFEST_COPIES);
}

void copies_require_next(const struct image *image, const struct copies *copies)
{
    if (copies->manifest[copies->winner].seq == UINT64_MAX) {
        refuse(image->name, "the manifest at LBA %u has the last sequence number there is",
               manifest_lba((unsigned)copies->winner));
    }
    if (manifest_lba(copies->winner == 0 ? 1 : 0) >= image->sectors) {
        refuse(image->name, "ends before LBA %u, where the other copy of the manifest belongs",
               manifest_lba(copies->winner == 0 ? 1 : 0));
    }
}

void copies_commit(const struct image *image, const struct copies *copies,
                   const struct manifest *manifest)
{
    struct manifest next = *manifest;

    copies_require_next(image, copies);
    next.seq++;
    manifest_write(image, &next, copies->winner == 0 ? 1 : 0);
    image_sync(image);
}

/* The loader's verdict on the fields of a slot, on a machine with as much memory as any kernel
 * needs. */
static int judge(const struct manifest *manifest, unsigned slot, uint64_t end)
{
    const struct e820_entry enough = {.length = KERNEL_PHYS_LIMIT, .type = E820_USABLE};
    const struct slot_limits limits = {.end_lba = end, .map = &enough, .map_count = 1};
    struct slot_memory memory;

    return slot_judge(manifest, slot, &limits, &memory);
}

bool slot_has_place(const struct manifest *manifest, unsigned slot, uint64_t end)
{
    struct manifest tiny = *manifest;
    int error;

    tiny.slot[slot].length = 1; /* what it holds now does not matter */
    error = judge(&tiny, slot, end);
    return error != E_SLOT_LENGTH && error != E_SLOT_PLACE && error != E_SLOT_OVERLAP;
}

/* Does the header at the start of the kernel's bytes say what the manifest says? */
static bool header_agrees(const uint8_t *bytes, const struct boot_slot *slot)
{
    struct kernel_header header;

    if (slot->length < sizeof header) {
        return false;
    }
    memcpy(&header, bytes, sizeof header);
    return memcmp(header.magic, KERNEL_MAGIC, sizeof header.magic) == 0 &&
           header.length == slot->length && header.mem_size == slot->mem_size &&
           header.entry_virt == slot->entry_virt;
}

/* Hash the bytes of SLOT, chunk by chunk. Returns 0 or the error of a read. */
static int hash_slot(const struct image *image, const struct boot_slot *slot, bool *agrees,
                     uint8_t root[MERKLE_ROOT_SIZE])
{
    uint8_t chunk[MERKLE_CHUNK];
    struct merkle tree;
    uint32_t done = 0;

    merkle_init(&tree);
    while (done < slot->length) {
        uint32_t left = slot->length - done;
        uint32_t size = left < MERKLE_CHUNK ? left : MERKLE_CHUNK;
        int error = image_read(image, (uint64_t)slot->first_lba + done / SECTOR_SIZE, chunk,
                               (size + SECTOR_SIZE - 1) / SECTOR_SIZE);

        if (error != 0) {
            return error;
        }
        if (done == 0) {
            *agrees = header_agrees(chunk, slot);
        }
        merkle_add(&tree, chunk, size);
        done += size;
    }
    merkle_root(&tree, root);
    return 0;
}

int slot_verify(const struct image *image, const struct manifest *manifest, unsigned slot,
                uint64_t end, const uint8_t *pin, uint8_t actual[MERKLE_ROOT_SIZE])
{
    const struct boot_slot *s = &manifest->slot[slot];
    int error = judge(manifest, slot, end);
    bool agrees = false;

    memset(actual, 0, MERKLE_ROOT_SIZE);
    if (error != 0) {
        return error;
    }
    if (hash_slot(image, s, &agrees, actual) != 0) {
        return E_SLOT_DISK;
    }
    if (memcmp(actual, s->merkle_root, MERKLE_ROOT_SIZE) != 0) {
        return E_SLOT_MERKLE;
    }
    if (pin != NULL && memcmp(actual, pin, MERKLE_ROOT_SIZE) != 0) {
        return E_SLOT_PIN;
    }
    return agrees ? 0 : E_SLOT_HEADER;
}
