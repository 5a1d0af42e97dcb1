/*
 * test_disk.c - real disks, with requests one after the other: every size and alignment, at both
 * ends of the disk and where 28 bits of address end, memory of all kinds, and what is refused. Run
 * on every scratch disk that the machine has.
 */
#include "kernel/cpu/cpu.h"
#include "kernel/mm/dma.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/vmap.h"
#include "kernel/string.h"
#include "tests/kernel/disks.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/scratch.h"

#define LARGEST     8192 /* sectors: 4 MiB */
#define LBA28_LIMIT (1ull << 28)
#define LINE        65536 /* that no piece of ATA's DMA may cross */

/* One disk after the other; the test is skipped if there is none. */
static void on_each_disk(void (*test)(struct block_device *disk))
{
    need_scratch_disks(1);
    for (struct block_device *disk = NULL; (disk = scratch_next(disk)) != NULL;) {
        test(disk);
    }
}

/* COUNT rounded up to what DISK can write. */
static uint32_t whole_blocks(const struct block_device *disk, uint32_t count)
{
    const uint32_t unit = disk->dev.lbs / BLK_SECTOR;

    return (count + unit - 1) / unit * unit;
}

static void there_and_back(struct block_device *disk, uint64_t lba, uint32_t count, void *buffer)
{
    static uint32_t generation; /* so that no read finds what an earlier test has left */

    write_stamped(disk, lba, count, ++generation, buffer);
    read_stamped(disk, lba, count, generation, buffer);
}

static void check_mark(struct block_device *disk)
{
    uint8_t sector[BLK_SECTOR];

    CHECK(block_read(disk, 0, 1, sector) == 0, "%s", disk->name);
    CHECK(memcmp(sector, SCRATCH_MARK, SCRATCH_MARK_SIZE) == 0, "%s", disk->name);
}

/*
 * Sizes around every limit that a driver may have: a sector, a page, 16 sectors of READ MULTIPLE,
 * 128 for the buffer of misaligned memory, 256 of LBA28, 64 KiB, and the largest; each at another
 * address of memory, and with its first and last sector everywhere in a block of 4 KiB.
 */
static void all_sizes(struct block_device *disk)
{
    static const uint16_t sizes[] = {1,   2,   3,   7,   8,   9,    15,   16,   17,   31,     127,
                                     128, 129, 255, 256, 257, 1023, 1024, 1025, 4095, LARGEST};
    static const uint16_t offsets[] = {0, 1, 2, 4, 3, 512, 8, 511, 16, 4096, 6};
    uint8_t *area = vmalloc((size_t)LARGEST * BLK_SECTOR + 4096);
    const uint64_t end = disk->dev.nsect;

    CHECK(area != NULL, "no memory");
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t count = whole_blocks(disk, sizes[i]);
        uint8_t *buffer = area + offsets[i % (sizeof(offsets) / sizeof(offsets[0]))];

        there_and_back(disk, SCRATCH_FIRST + whole_blocks(disk, i % 8), count, buffer);
        there_and_back(disk, (end - count) / 8 * 8, count, buffer);
        if (disk->dev.lbs == BLK_SECTOR && count % 8 != 0) {
            there_and_back(disk, end - count, count, buffer);
        }
    }
    vfree(area);
    check_mark(disk);
}

GUEST_TEST(disk_sizes_and_alignments)
{
    on_each_disk(all_sizes);
}

/* Parts of a block that was written as a whole, which a disk with large blocks has to cut out. */
static void parts_of_a_block(struct block_device *disk)
{
    uint8_t *area = kmalloc(32 * BLK_SECTOR + 16);

    CHECK(area != NULL, "no memory");
    write_stamped(disk, SCRATCH_FIRST, 24, 7, area);
    for (uint32_t first = 0; first < 24; first++) {
        for (uint32_t count = 1; count <= 24 - first; count++) {
            read_stamped(disk, SCRATCH_FIRST + first, count, 7, area + first % 8);
        }
    }
    kfree(area);
}

GUEST_TEST(disk_reads_parts_of_blocks)
{
    on_each_disk(parts_of_a_block);
}

static void random_run(struct block_device *disk)
{
    struct disk_part low, high;
    const uint32_t sectors = 4096;

    part_begin(&low, disk, SCRATCH_FIRST, sectors, 1);
    part_exercise(&low, 80);
    part_end(&low);
    part_begin(&high, disk, (disk->dev.nsect - sectors) / 8 * 8, sectors, 2);
    part_exercise(&high, 40);
    part_end(&high);
    check_mark(disk);
}

GUEST_TEST(disk_random_run)
{
    on_each_disk(random_run);
}

/* Below, across and above the last sector that 28 bits can say, and the same with more than 256. */
GUEST_TEST(disk_where_28_bits_end)
{
    static const uint16_t sizes[] = {8, 16, 256, 264, 1024};
    uint8_t *area = vmalloc(1024 * BLK_SECTOR);
    bool found = false;

    CHECK(area != NULL, "no memory");
    for (struct block_device *disk = NULL; (disk = scratch_next(disk)) != NULL;) {
        if (disk->dev.nsect < LBA28_LIMIT + 4096) {
            continue;
        }
        found = true;
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            uint32_t count = sizes[i];

            write_stamped(disk, count, count, 1, area); /* where a lost bit 28 would lead */
            there_and_back(disk, LBA28_LIMIT - count, count, area);
            there_and_back(disk, LBA28_LIMIT - 8, count, area);
            there_and_back(disk, LBA28_LIMIT, count, area);
            there_and_back(disk, LBA28_LIMIT + count, count, area);
            read_stamped(disk, count, count, 1, area);
        }
    }
    vfree(area);
    if (!found) {
        guest_test_skip("no scratch disk of more than 128 GiB");
    }
}

/* ---- Memory ---- */

/* Requests that begin, end and cross at lines of 64 KiB, at odd addresses, too. */
static void lines(struct block_device *disk)
{
    static const int16_t distances[] = {-4096, -1024, -512, -4, -2, -1, 0, 1, 2, 4, 512};
    uint64_t phys;
    uint8_t *area = dma_alloc(4 * LINE, &phys); /* aligned to its size */

    CHECK(area != NULL, "no memory");
    for (unsigned i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
        uint8_t *near = area + LINE + distances[i];

        there_and_back(disk, SCRATCH_FIRST, 8, near);
        there_and_back(disk, SCRATCH_FIRST, 128, near);
        there_and_back(disk, SCRATCH_FIRST, 256, near);
        there_and_back(disk, SCRATCH_FIRST, 128, near - 64 * BLK_SECTOR);
    }
    dma_free(area, 4 * LINE);
}

GUEST_TEST(disk_memory_on_64_KiB_lines)
{
    on_each_disk(lines);
}

static void all_memory(struct block_device *disk)
{
    static uint8_t image[16 * BLK_SECTOR]; /* part of the kernel's image */
    uint8_t stack[9 * BLK_SECTOR];
    uint8_t *heap = kmalloc(65 * BLK_SECTOR);
    uint8_t *large = kmalloc(2 << 20); /* frames in one piece */

    CHECK(heap != NULL && large != NULL, "no memory");
    for (unsigned offset = 0; offset <= 8; offset++) {
        there_and_back(disk, SCRATCH_FIRST, 8, stack + offset);
        there_and_back(disk, SCRATCH_FIRST, 8, image + offset);
        there_and_back(disk, SCRATCH_FIRST, 64, heap + offset);
    }
    there_and_back(disk, SCRATCH_FIRST, (2 << 20) / BLK_SECTOR, large);
    kfree(large);
    kfree(heap);
}

GUEST_TEST(disk_memory_of_all_kinds)
{
    on_each_disk(all_memory);
}

/* One request of as many pieces as the disk takes, scattered and of different lengths. */
static void scattered(struct block_device *disk)
{
    const uint32_t unit = disk->dev.lbs;
    const unsigned pieces = disk->dev.max_seg < 64 ? disk->dev.max_seg : 64;
    struct blk_seg *seg = kcalloc(pieces, sizeof(*seg));
    struct blk_req req = {.op = BLK_WRITE, .lba = SCRATCH_FIRST, .seg = seg};
    uint8_t *area = kmalloc_aligned(pieces * 3 * unit, 4096);
    uint32_t sectors = 0;

    CHECK(area != NULL && seg != NULL, "no memory");
    for (unsigned i = 0; i < pieces; i++) {
        uint32_t length = (1 + i % 2) * unit;

        if (sectors + length / BLK_SECTOR > disk->dev.max_sect) {
            break;
        }
        /* From the end of memory to its beginning, with gaps. */
        seg[i] = (struct blk_seg){.va = area + (pieces - 1 - i) * 3 * unit, .len = length};
        stamp_sectors(seg[i].va, req.lba + sectors, length / BLK_SECTOR, 99);
        sectors += length / BLK_SECTOR;
        req.nseg++;
    }
    req.nsect = sectors;
    CHECK(disk->dev.ops->submit(&disk->dev, &req) == 0, "%s: %u pieces", disk->name, req.nseg);
    CHECK(disk->dev.ops->wait(&disk->dev, &req) == 0, "%s: %u pieces", disk->name, req.nseg);
    kfree(area);
    area = vmalloc(sectors * BLK_SECTOR);
    CHECK(area != NULL, "no memory");
    read_stamped(disk, SCRATCH_FIRST, sectors, 99, area);
    vfree(area);
    kfree(seg);
}

GUEST_TEST(disk_scattered_memory)
{
    on_each_disk(scattered);
}

/* ---- Where nobody may sleep, and what is refused ---- */

static void without_interrupts(struct block_device *disk)
{
    uint8_t *area = kmalloc(128 * BLK_SECTOR);

    CHECK(area != NULL, "no memory");
    stamp_sectors(area, SCRATCH_FIRST, 128, 77);
    bool were_on = cpu_save_interrupts();
    int written = block_write(disk, SCRATCH_FIRST, 128, area);
    int flushed = block_flush(disk);

    memset(area, 0, 128 * BLK_SECTOR);
    int read = block_read(disk, SCRATCH_FIRST, 128, area);
    int small = block_read(disk, SCRATCH_FIRST + 3, 1, area + 3 * BLK_SECTOR);

    cpu_restore_interrupts(were_on);
    CHECK(written == 0 && flushed == 0 && read == 0 && small == 0, "%s: %d %d %d %d", disk->name,
          written, flushed, read, small);
    for (uint32_t i = 0; i < 128; i++) {
        const char *error = stamp_error(area + i * BLK_SECTOR, SCRATCH_FIRST + i, 77);

        CHECK(error == NULL, "%s: sector %u is %s", disk->name, i, error);
    }
    there_and_back(disk, SCRATCH_FIRST, 128, area); /* and with interrupts again */
    kfree(area);
}

GUEST_TEST(disk_with_interrupts_off)
{
    on_each_disk(without_interrupts);
}

static void beyond_the_end(struct block_device *disk)
{
    const uint64_t end = disk->dev.nsect;
    const uint64_t places[] = {end, end - 8, end + 8, 1ull << 28, 1ull << 48, UINT64_MAX - 7};
    uint8_t *area = kmalloc(16 * BLK_SECTOR);

    CHECK(area != NULL, "no memory");
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i] + 16 > end || places[i] + 16 < 16) {
            CHECK(block_read(disk, places[i], 16, area) == BLK_ENXIO, "%s: place %u", disk->name,
                  i);
            CHECK(block_write(disk, places[i] / 8 * 8, 16, area) == BLK_ENXIO, "%s: place %u",
                  disk->name, i);
        }
    }
    there_and_back(disk, (end - 16) / 8 * 8, 16, area);
    kfree(area);
}

GUEST_TEST(disk_beyond_its_end)
{
    on_each_disk(beyond_the_end);
}

/* A disk without write access is read, and every write to it refused. */
GUEST_TEST(disk_read_only)
{
    uint8_t sector[BLK_SECTOR];
    bool found = false;

    for (struct block_device *disk = NULL; (disk = block_next(disk)) != NULL;) {
        if (!disk->dev.ro || disk->whole != NULL) {
            continue;
        }
        found = true;
        CHECK(block_read(disk, 0, 1, sector) == 0, "%s", disk->name);
        CHECK(block_write(disk, 0, disk->dev.lbs / BLK_SECTOR, sector) == BLK_EROFS, "%s",
              disk->name);
        CHECK(block_flush(disk) == 0, "%s", disk->name);
        CHECK(block_read(disk, 0, 1, sector) == 0, "%s", disk->name);
    }
    if (!found) {
        guest_test_skip("no disk that can only be read");
    }
}
