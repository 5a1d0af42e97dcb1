/* kernelfile.c - see kernelfile.h. */
#include <stdio.h>
#include <string.h>

#include "include/layout.h"
#include "inputfile.h"
#include "kernelfile.h"
#include "lib/merkle.h"
#include "mkdisk.h"

#define PAGE_SIZE_4K     4096
#define KERNEL_MAX_BYTES (KERNEL_PHYS_LIMIT - KERNEL_PHYS) /* memory, and so the file as well */

const char *kernel_header_problem(const uint8_t *data, uint32_t length)
{
    static char text[160];
    struct kernel_header header;

    if (length < sizeof header) {
        snprintf(text, sizeof text, "has %u bytes, its header alone needs %zu", length,
                 sizeof header);
        return text;
    }
    memcpy(&header, data, sizeof header);
    if (memcmp(header.magic, KERNEL_MAGIC, sizeof header.magic) != 0) {
        return "does not begin with the header of a Sector0 kernel";
    }
    if (header.length != length) {
        snprintf(text, sizeof text, "its header says %u bytes, the file has %u", header.length,
                 length);
    } else if (header.mem_size < length || header.mem_size % PAGE_SIZE_4K != 0) {
        snprintf(text, sizeof text, "its memory size %u must be a multiple of 4096, at least %u",
                 header.mem_size, length);
    } else if (header.mem_size > KERNEL_MAX_BYTES) {
        snprintf(text, sizeof text, "needs %u bytes of memory at 1 MiB, %u end at 15 MiB",
                 header.mem_size, KERNEL_MAX_BYTES);
    } else if (header.entry_virt < KERNEL_VIRT || header.entry_virt - KERNEL_VIRT >= length) {
        snprintf(text, sizeof text, "its entry point %016llX lies outside of %016llX to %016llX",
                 (unsigned long long)header.entry_virt, (unsigned long long)KERNEL_VIRT,
                 (unsigned long long)KERNEL_VIRT + length - 1);
    } else if (header.reserved != 0) {
        return "the reserved field of its header is not zero";
    } else {
        return NULL;
    }
    return text;
}

static void hash_kernel(struct kernel_file *kernel)
{
    struct merkle tree;

    merkle_init(&tree);
    for (uint32_t done = 0; done < kernel->length; done += MERKLE_CHUNK) {
        uint32_t left = kernel->length - done;

        merkle_add(&tree, kernel->data + done, left < MERKLE_CHUNK ? left : MERKLE_CHUNK);
    }
    merkle_root(&tree, kernel->merkle_root);
}

void kernel_file_load(struct kernel_file *kernel, const char *path)
{
    const struct kernel_header *header;
    const char *problem;

    memset(kernel, 0, sizeof *kernel);
    kernel->path = path;
    kernel->data = input_read(path, "a kernel", KERNEL_MAX_BYTES, &kernel->length);
    kernel->sectors = (kernel->length + SECTOR_SIZE - 1) / SECTOR_SIZE;
    problem = kernel_header_problem(kernel->data, kernel->length);
    if (problem != NULL) {
        refuse(path, "%s", problem);
    }
    header = (const struct kernel_header *)kernel->data;
    kernel->mem_size = header->mem_size;
    kernel->entry_virt = header->entry_virt;
    hash_kernel(kernel);
}

void kernel_file_require_fit(const struct kernel_file *kernel, const char *image, uint32_t capacity)
{
    if (kernel->sectors > capacity) {
        refuse(image, "the kernel %s needs %u sectors, a kernel slot of this disk has %u",
               kernel->path, kernel->sectors, capacity);
    }
}

void kernel_file_describe(const struct kernel_file *kernel, struct boot_slot *slot)
{
    slot->length = kernel->length;
    slot->mem_size = kernel->mem_size;
    slot->load_phys = KERNEL_PHYS;
    slot->entry_virt = kernel->entry_virt;
    memcpy(slot->merkle_root, kernel->merkle_root, MERKLE_ROOT_SIZE);
}
