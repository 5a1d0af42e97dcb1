/* manifest.c - see manifest.h. Portable: also compiled into mkdisk and the host tests. */
#include "manifest.h"

#include "../lib/crc32c.h"

static int bytes_equal(const void *a, const void *b, size_t size)
{
    const uint8_t *p = a, *q = b;

    while (size > 0 && *p == *q) {
        p++, q++, size--;
    }
    return size == 0;
}

static int bytes_zero(const void *a, size_t size)
{
    const uint8_t *p = a;

    while (size > 0 && *p == 0) {
        p++, size--;
    }
    return size == 0;
}

int manifest_check(const struct manifest *m)
{
    int terminated = 0;

    if (!bytes_equal(m->magic, MANIFEST_MAGIC, sizeof m->magic)) {
        return E_MANIFEST_MAGIC;
    }
    if (m->version != MANIFEST_VERSION || m->size != sizeof *m) {
        return E_MANIFEST_VERSION;
    }
    if (m->crc32c != crc32c(m, offsetof(struct manifest, crc32c))) {
        return E_MANIFEST_CRC;
    }
    if (m->seq == 0 || m->preferred >= SLOT_COUNT || m->menu > 1 || m->reserved0 != 0 ||
        !bytes_zero(m->reserved1, sizeof m->reserved1)) {
        return E_MANIFEST_FIELD;
    }
    for (unsigned i = 0; i < sizeof m->cmdline; i++) {
        terminated |= m->cmdline[i] == '\0';
    }
    return terminated ? 0 : E_MANIFEST_CMDLINE;
}

int manifest_newest(const struct manifest *m, const uint32_t *status, int count)
{
    int newest = -1;

    for (int i = 0; i < count; i++) {
        if (status[i] == 0 && (newest < 0 || m[i].seq > m[newest].seq)) {
            newest = i;
        }
    }
    return newest;
}

static int slots_overlap(const struct boot_slot *a, const struct boot_slot *b)
{
    return (uint64_t)a->first_lba < (uint64_t)b->first_lba + b->sectors &&
           (uint64_t)b->first_lba < (uint64_t)a->first_lba + a->sectors;
}

/* The end of an entry; an entry that runs past the last address ends there. */
static uint64_t entry_end(const struct e820_entry *entry)
{
    uint64_t end = entry->base + entry->length;

    return end < entry->base ? UINT64_MAX : end;
}

uint64_t map_usable_from(const struct e820_entry *map, uint32_t count, uint64_t start)
{
    uint64_t end = start;

    for (uint32_t i = 0; i < count; i++) {
        if (map[i].type == E820_USABLE && map[i].base <= start && entry_end(&map[i]) > end) {
            end = entry_end(&map[i]);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (map[i].type != E820_USABLE && map[i].length != 0 && entry_end(&map[i]) > start &&
            map[i].base < end) {
            end = map[i].base > start ? map[i].base : start;
        }
    }
    return end - start;
}

int slot_judge(const struct manifest *m, unsigned index, const struct slot_limits *limits,
               struct slot_memory *memory)
{
    const struct boot_slot *slot = &m->slot[index], *other = &m->slot[1 - index];
    uint64_t end = (uint64_t)slot->load_phys + slot->mem_size, present;

    if (slot->length == 0) {
        return E_SLOT_EMPTY;
    }
    if (slot->length > (uint64_t)slot->sectors * SECTOR_SIZE) {
        return E_SLOT_LENGTH;
    }
    if (slot->first_lba < SLOTS_LBA ||
        (uint64_t)slot->first_lba + slot->sectors > limits->end_lba) {
        return E_SLOT_PLACE;
    }
    if (slots_overlap(slot, other)) {
        return E_SLOT_OVERLAP;
    }
    if (slot->load_phys != KERNEL_PHYS) {
        return E_SLOT_ADDRESS;
    }
    if (slot->mem_size % MERKLE_CHUNK != 0 || slot->mem_size < slot->length ||
        end > KERNEL_PHYS_LIMIT) {
        return E_SLOT_MEM_SIZE;
    }
    present = map_usable_from(limits->map, limits->map_count, KERNEL_PHYS);
    if (present < slot->mem_size) {
        memory->needed_kib = slot->mem_size / 1024;
        memory->present_kib = (uint32_t)(present / 1024);
        return E_SLOT_MEMORY;
    }
    if (slot->entry_virt < KERNEL_VIRT || slot->entry_virt - KERNEL_VIRT >= slot->length) {
        return E_SLOT_ENTRY;
    }
    return 0;
}
