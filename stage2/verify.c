/*
 * verify.c - the 32-bit half of the loader: called by load.asm and disk.asm through call32, each
 * function without arguments, all that is shared in the variables of load.asm's .bss.
 *
 * In: flat protected mode, interrupts off, stack below VERIFIER_END. None of these can fail but by
 * what they return: a code of include/loader_errors.h, 0 for success.
 */
#include "loader.h"

static struct merkle tree;
static uint64_t boot_area_end; /* LBA */

/* The compiler may call these two; both only ever see what we hand them. */
void *memcpy(void *to, const void *from, size_t size)
{
    void *result = to;
    size_t words = size / 4, rest = size % 4;

    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return result;
}

void *memset(void *to, int byte, size_t size)
{
    void *result = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return result;
}

/* LBA 0 is in the bounce buffer: where does the first partition begin, how is the disk known? */
uint32_t disk_facts(void)
{
    const struct mbr_partition *entry = (const void *)(bounce + MBR_TABLE_OFFSET);

    boot_area_end = UINT64_MAX;
    if (bootinfo.disk_sectors != 0) {
        boot_area_end = bootinfo.disk_sectors;
    }
    for (unsigned i = 0; i < MBR_TABLE_ENTRIES; i++) {
        if (entry[i].type == 0) {
            continue;
        }
        bootinfo.partition_count++;
        if (entry[i].first_lba < boot_area_end) {
            boot_area_end = entry[i].first_lba;
        }
    }
    memcpy(&bootinfo.disk_signature, bounce + MBR_SIGNATURE_OFFSET, 4);
    bootinfo.mbr_crc32c = crc32c(bounce, SECTOR_SIZE);
    return 0;
}

/* Both copies are in their buffers, manifest_status says which could be read. */
uint32_t manifest_choose(void)
{
    int newest;

    for (unsigned i = 0; i < MANIFEST_COPIES; i++) {
        if (manifest_status[i] == 0) {
            manifest_status[i] = (uint32_t)manifest_check(&manifests[i]);
        }
    }
    newest = manifest_newest(manifests, manifest_status, MANIFEST_COPIES);
    if (newest < 0) {
        return E_NO_MANIFEST;
    }
    manifest = &manifests[newest];
    slot_choice = manifest->preferred;
    memcpy(cmdline, manifest->cmdline, CMDLINE_SIZE);
    bootinfo.manifest_copy = (uint32_t)newest;
    bootinfo.manifest_seq = manifest->seq;
    return 0;
}

/* May slot_index be loaded? Starts a new tree if so. */
uint32_t slot_check(void)
{
    struct slot_limits limits = {
        .end_lba = boot_area_end,
        .map = memory_map,
        .map_count = bootinfo.e820_count,
    };
    struct slot_memory memory;
    int error = slot_judge(manifest, slot_index, &limits, &memory);

    slot = &manifest->slot[slot_index];
    merkle_init(&tree);
    if (error == E_SLOT_MEMORY) {
        error_args[0] = memory.needed_kib;
        error_args[1] = memory.present_kib;
    }
    return (uint32_t)error;
}

/* piece_sectors more are in the bounce buffer: copy them to their place and hash them there. */
uint32_t piece_take(void)
{
    uint32_t bytes = slot->length - piece_offset;
    uint8_t *chunk = kernel + piece_offset;

    if (bytes > piece_sectors * SECTOR_SIZE) {
        bytes = piece_sectors * SECTOR_SIZE;
    }
    memcpy(chunk, bounce, bytes);
    piece_offset += bytes;
    while (bytes > 0) {
        uint32_t size = bytes < MERKLE_CHUNK ? bytes : MERKLE_CHUNK;

        merkle_add(&tree, chunk, size);
        chunk += size;
        bytes -= size;
    }
    return 0;
}

static int root_equal(const uint8_t *a, const uint8_t *b)
{
    uint8_t difference = 0;

    for (unsigned i = 0; i < MERKLE_ROOT_SIZE; i++) {
        difference |= a[i] ^ b[i];
    }
    return difference == 0;
}

static int pinned(void)
{
    static const uint8_t none[MERKLE_ROOT_SIZE];

    return !root_equal(stage2_pin, none);
}

static int header_agrees(void)
{
    const struct kernel_header *header = (const void *)kernel;
    static const char magic[8] = KERNEL_MAGIC;

    if (slot->length < sizeof *header) {
        return 0;
    }
    for (unsigned i = 0; i < sizeof magic; i++) {
        if (header->magic[i] != magic[i]) {
            return 0;
        }
    }
    return header->length == slot->length && header->mem_size == slot->mem_size &&
           header->entry_virt == slot->entry_virt;
}

/*
 * All of the slot is in place: is it what the manifest (and the pin) says? Then clear its .bss and
 * fill in bootinfo, but for its CRC, which comes after the last stamp (modes.asm).
 */
uint32_t kernel_verify(void)
{
    merkle_root(&tree, bootinfo.merkle_root);
    if (!root_equal(bootinfo.merkle_root, slot->merkle_root)) {
        return E_SLOT_MERKLE;
    }
    if (pinned()) {
        bootinfo.flags |= BOOT_FLAG_PINNED;
        if (!root_equal(bootinfo.merkle_root, stage2_pin)) {
            return E_SLOT_PIN;
        }
    }
    if (!header_agrees()) {
        return E_SLOT_HEADER;
    }
    memset(kernel + slot->length, 0, slot->mem_size - slot->length);
    bootinfo.magic = BOOTINFO_MAGIC;
    bootinfo.version = BOOTINFO_VERSION;
    bootinfo.size = sizeof bootinfo;
    bootinfo.slot = (uint8_t)slot_index;
    bootinfo.kernel_length = slot->length;
    bootinfo.kernel_mem_size = slot->mem_size;
    return 0;
}
