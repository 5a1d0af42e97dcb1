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

/* ---- Many at once ---- */

#define THREADS 6
#define ROUNDS  200
#define OWN     512 /* sectors that each thread has for itself */

/* Write and read at random places of the thread's own sectors; others do the same elsewhere. */
static void write_and_read_own(void *argument)
{
    const uint64_t own = (uintptr_t)argument * OWN;
    uint8_t *memory = kmalloc(32 * BLK_SECTOR + 1);
    uint32_t state = (uint32_t)own;

    CHECK(memory != NULL, "no memory");
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t count = 1 + next_byte(&state) % 32;
        uint64_t lba = own + (uint32_t)(next_byte(&state) * 2) % (OWN - count);

        write_and_read(lba, count, memory + round % 2);
    }
    kfree(memory);
}

GUEST_TEST(block_many_threads)
{
    struct thread *threads[THREADS];
    const struct blk_dev *dev = &ram_disk()->dev;
    const uint64_t before = dev->writes, errors = dev->errors;

    for (uintptr_t i = 0; i < THREADS; i++) {
        threads[i] = start_helper(write_and_read_own, (void *)i, THREAD_NORMAL);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
    }
    CHECK(dev->writes - before == THREADS * ROUNDS, "%llu writes",
          (unsigned long long)(dev->writes - before));
    CHECK(dev->errors == errors, "%llu errors", (unsigned long long)dev->errors);
}

/* ---- Callbacks that submit ---- */

#define CHAINS 80 /* more than the disk takes at once */
#define LENGTH 50 /* requests of each chain, one after the other */

static struct {
    struct blk_req req[CHAINS];
    struct blk_seg seg[CHAINS];
    unsigned left[CHAINS];
    uint8_t *memory;
    volatile unsigned ended;
    unsigned failed; /* guarded by the order of callbacks */
} chains;

static void next_of_chain(struct blk_req *req)
{
    unsigned index = (unsigned)(req - chains.req);
    struct blk_dev *dev = &ram_disk()->dev;

    chains.failed += req->status != 0;
    req->next = NULL;
    req->lba = index + CHAINS * (chains.left[index] - 1);
    if (--chains.left[index] == 0 || dev->ops->submit(dev, req) != 0) {
        chains.ended++;
    }
}

GUEST_TEST(block_callbacks_submit)
{
    struct blk_dev *dev = &ram_disk()->dev;

    chains.memory = kmalloc(CHAINS * BLK_SECTOR);
    CHECK(chains.memory != NULL, "no memory");
    chains.ended = chains.failed = 0;
    for (unsigned i = 0; i < CHAINS; i++) {
        chains.left[i] = LENGTH;
        chains.seg[i] = (struct blk_seg){chains.memory + i * BLK_SECTOR, 0, BLK_SECTOR};
        chains.req[i] = (struct blk_req){.op = i % 2 ? BLK_READ : BLK_WRITE,
                                         .nseg = 1,
                                         .lba = i,
                                         .nsect = 1,
                                         .seg = &chains.seg[i],
                                         .done = next_of_chain,
                                         .next = i + 1 < CHAINS ? &chains.req[i + 1] : NULL};
    }
    uint64_t before = dev->reads + dev->writes;

    CHECK(dev->ops->submit(dev, chains.req) == 0, "refused");
    for (unsigned waits = 0; chains.ended < CHAINS; waits++) {
        CHECK(waits < 5000, "%u chains have ended", chains.ended);
        thread_sleep(MILLISECOND);
    }
    CHECK(chains.failed == 0, "%u failed", chains.failed);
    CHECK(dev->reads + dev->writes - before == CHAINS * LENGTH, "%llu requests",
          (unsigned long long)(dev->reads + dev->writes - before));
    kfree(chains.memory);
}
