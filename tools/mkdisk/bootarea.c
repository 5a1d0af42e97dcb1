/* bootarea.c - see bootarea.h. */
#include <endian.h>
#include <string.h>

#include "bootarea.h"
#include "lib/crc32c.h"
#include "lib/merkle.h"
#include "mkdisk.h"

#define PAGE_SIZE_4K 4096

const char *loader_error_text(enum loader_error error)
{
    static const char *const texts[] = {
#define LOADER_ERROR_TEXT(code, name, text, advice) [code] = text,
        LOADER_ERRORS(LOADER_ERROR_TEXT)
#undef LOADER_ERROR_TEXT
    };

    if (error == E_NONE) {
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

/* Between the disk's byte order and the machine's: the same swap in both directions. */
static void swap_fields(struct manifest *m)
{
    m->version = le32toh(m->version);
    m->size = le32toh(m->size);
    m->seq = le64toh(m->seq);
    m->menu_timeout_s = le16toh(m->menu_timeout_s);
    m->reserved0 = le32toh(m->reserved0);
    m->crc32c = le32toh(m->crc32c);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        struct boot_slot *slot = &m->slot[i];

        slot->first_lba = le32toh(slot->first_lba);
        slot->sectors = le32toh(slot->sectors);
        slot->length = le32toh(slot->length);
        slot->mem_size = le32toh(slot->mem_size);
        slot->load_phys = le64toh(slot->load_phys);
        slot->entry_virt = le64toh(slot->entry_virt);
    }
}

static bool all_zero(const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        if (bytes[--count] != 0) {
            return false;
        }
    }
    return true;
}

enum loader_error manifest_decode(const uint8_t sector[SECTOR_SIZE], struct manifest *m)
{
    memcpy(m, sector, sizeof *m);
    swap_fields(m);
    if (memcmp(m->magic, MANIFEST_MAGIC, sizeof m->magic) != 0) {
        return E_MANIFEST_MAGIC;
    }
    if (m->version != MANIFEST_VERSION || m->size != sizeof *m) {
        return E_MANIFEST_VERSION;
    }
    if (m->crc32c != crc32c(sector, offsetof(struct manifest, crc32c))) {
        return E_MANIFEST_CRC;
    }
    if (m->seq == 0 || m->preferred >= SLOT_COUNT || m->menu > 1 || m->reserved0 != 0 ||
        !all_zero(m->reserved1, sizeof m->reserved1)) {
        return E_MANIFEST_FIELD;
    }
    if (memchr(m->cmdline, '\0', sizeof m->cmdline) == NULL) {
        return E_MANIFEST_CMDLINE;
    }
    return E_NONE;
}

void manifest_encode(const struct manifest *manifest, uint8_t sector[SECTOR_SIZE])
{
    struct manifest m = *manifest;

    swap_fields(&m);
    m.crc32c = htole32(crc32c(&m, offsetof(struct manifest, crc32c)));
    memcpy(sector, &m, sizeof m);
}

void copies_read(const struct image *image, struct copies *copies)
{
    uint8_t sector[SECTOR_SIZE];

    copies->winner = -1;
    for (unsigned i = 0; i < MANIFEST_COPIES; i++) {
        memset(&copies->manifest[i], 0, sizeof copies->manifest[i]);
        copies->error[i] = E_MANIFEST_READ;
        if (image_read(image, manifest_lba(i), sector, 1) == 0) {
            copies->error[i] = manifest_decode(sector, &copies->manifest[i]);
        }
        if (copies->error[i] == E_NONE &&
            (copies->winner < 0 ||
             copies->manifest[i].seq > copies->manifest[copies->winner].seq)) {
            copies->winner = (int)i;
        }
    }
}

void copies_require_next(const struct image *image, const struct copies *copies)
{
    if (copies->manifest[copies->winner].seq == UINT64_MAX) {
        refuse(image->name, "the manifest at LBA %u has the last sequence number there is",
               manifest_lba((unsigned)copies->winner));
    }
}

void copies_commit(const struct image *image, const struct copies *copies,
                   const struct manifest *manifest)
{
    struct manifest next = *manifest;
    uint8_t sector[SECTOR_SIZE];

    copies_require_next(image, copies);
    next.seq++;
    manifest_encode(&next, sector);
    image_write(image, manifest_lba(copies->winner == 0 ? 1 : 0), sector, 1);
    image_sync(image);
}

/* Do the sectors that the two slots say they own have one in common? */
static bool slots_overlap(const struct boot_slot *a, const struct boot_slot *b)
{
    return a->first_lba < (uint64_t)b->first_lba + b->sectors &&
           b->first_lba < (uint64_t)a->first_lba + a->sectors;
}

enum loader_error slot_check_place(const struct manifest *manifest, unsigned slot, uint64_t end)
{
    const struct boot_slot *s = &manifest->slot[slot];

    if (s->first_lba < SLOTS_LBA || (uint64_t)s->first_lba + s->sectors > end) {
        return E_SLOT_PLACE;
    }
    if (slots_overlap(&manifest->slot[0], &manifest->slot[1])) {
        return E_SLOT_OVERLAP;
    }
    return E_NONE;
}

enum loader_error slot_check(const struct manifest *manifest, unsigned slot, uint64_t end)
{
    const struct boot_slot *s = &manifest->slot[slot];
    enum loader_error error;

    if (s->length == 0) {
        return E_SLOT_EMPTY;
    }
    if (s->length > (uint64_t)s->sectors * SECTOR_SIZE) {
        return E_SLOT_LENGTH;
    }
    error = slot_check_place(manifest, slot, end);
    if (error != E_NONE) {
        return error;
    }
    if (s->load_phys != KERNEL_PHYS) {
        return E_SLOT_ADDRESS;
    }
    if (s->mem_size < s->length || s->mem_size % PAGE_SIZE_4K != 0 ||
        s->mem_size > KERNEL_PHYS_LIMIT - KERNEL_PHYS) {
        return E_SLOT_MEM_SIZE;
    }
    if (s->entry_virt < KERNEL_VIRT || s->entry_virt - KERNEL_VIRT >= s->length) {
        return E_SLOT_ENTRY;
    }
    return E_NONE;
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
           le32toh(header.length) == slot->length && le32toh(header.mem_size) == slot->mem_size &&
           le64toh(header.entry_virt) == slot->entry_virt;
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

enum loader_error slot_verify(const struct image *image, const struct manifest *manifest,
                              unsigned slot, uint64_t end, const uint8_t *pin,
                              uint8_t actual[MERKLE_ROOT_SIZE])
{
    const struct boot_slot *s = &manifest->slot[slot];
    enum loader_error error = slot_check(manifest, slot, end);
    bool agrees = false;

    memset(actual, 0, MERKLE_ROOT_SIZE);
    if (error != E_NONE) {
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
    return agrees ? E_NONE : E_SLOT_HEADER;
}
