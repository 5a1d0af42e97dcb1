/*
 * test_block.c - the block layer on a RAM disk: what is written is read, from memory of any kind
 * and at any alignment, by many threads at once.
 */
#include "drivers/block.h"
#include "drivers/ramdisk.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/vmap.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/threads.h"

#define DISK_SECTORS 10240 /* 5 MiB: the largest transfer is 4 */
#define LARGEST      8192  /* sectors */

/* One RAM disk for all tests, since it stays for ever. */
static struct block_device *ram_disk(void)
{
    static struct block_device *disk;

    if (disk == NULL) {
        disk = ramdisk_create(DISK_SECTORS);
    }
    if (disk == NULL) {
        guest_test_skip("no memory for a RAM disk");
    }
    return disk;
}

/* The pseudo-random byte of SEED behind *STATE. */
static uint8_t next_byte(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (uint8_t)(*state >> 24);
}

/* Write COUNT sectors at LBA from memory at BUFFER, read them back, compare. */
static void write_and_read(uint64_t lba, uint32_t count, uint8_t *buffer)
{
    struct block_device *disk = ram_disk();
    const size_t size = (size_t)count * BLK_SECTOR;
    uint32_t state = count;

    for (size_t i = 0; i < size; i++) {
        buffer[i] = next_byte(&state);
    }
    CHECK(block_write(disk, lba, count, buffer) == 0, "write %u at %llu", count,
          (unsigned long long)lba);
    memset(buffer, 0, size);
    CHECK(block_read(disk, lba, count, buffer) == 0, "read %u at %llu", count,
          (unsigned long long)lba);
    state = count;
    for (size_t i = 0; i < size; i++) {
        CHECK(buffer[i] == next_byte(&state), "byte %zu of %u sectors at %llu, memory at %p", i,
              count, (unsigned long long)lba, (void *)buffer);
    }
}

static void all_sizes(uint8_t *area, bool all_alignments)
{
    static const uint8_t offsets[] = {0, 1, 2, 4, 100, 255};

    CHECK(area != NULL, "no memory");
    for (uint32_t count = 1; count <= LARGEST; count = count * 3 + 1) {
        uint8_t offset = all_alignments ? offsets[count % sizeof(offsets)] : 0;

        write_and_read(0, count, area + offset);
        write_and_read(DISK_SECTORS - count, count, area + offset);
    }
    write_and_read(1, LARGEST, area);
}

GUEST_TEST(block_sizes_in_the_heap)
{
    ram_disk();
    uint8_t *area = kmalloc(LARGEST * BLK_SECTOR);

    all_sizes(area, false);
    kfree(area);
}

GUEST_TEST(block_sizes_and_alignments_in_pages)
{
    ram_disk();
    uint8_t *area = vmalloc((LARGEST + 1) * BLK_SECTOR);

    all_sizes(area, true);
    vfree(area);
}

GUEST_TEST(block_on_a_stack)
{
    uint8_t memory[BLK_SECTOR * 2 + 8];

    for (unsigned offset = 0; offset < 8; offset++) {
        write_and_read(offset, 2, memory + offset);
    }
}
