/* disks.c - see disks.h. */
#include "tests/kernel/disks.h"

#include "kernel/console.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/vmap.h"
#include "kernel/string.h"
#include "tests/kernel/guest_test.h"
#include "tests/kernel/scratch.h"

#define WORDS     (BLK_SECTOR / 8)
#define SOME_WORD 7 /* of a sector: the distance of those that are looked at if there are many */
#define MANY      256

static bool is_scratch(struct block_device *device)
{
    uint8_t sector[BLK_SECTOR];

    return device->whole == NULL && device->dev.nsect > SCRATCH_FIRST &&
           block_read(device, 0, 1, sector) == 0 &&
           memcmp(sector, SCRATCH_MARK, SCRATCH_MARK_SIZE) == 0;
}

struct block_device *scratch_next(const struct block_device *previous)
{
    struct block_device *device = block_next(previous);

    while (device != NULL && (device->dev.ro || !is_scratch(device))) {
        device = block_next(device);
    }
    return device;
}

void need_scratch_disks(unsigned count)
{
    struct block_device *disk = NULL;
    unsigned found = 0;

    while ((disk = scratch_next(disk)) != NULL) {
        kprintf("# on %s, %s, %s\n", disk->name, disk->model, disk->how);
        found++;
    }
    if (found < count) {
        guest_test_skip(count == 1 ? "no scratch disk" : "not enough scratch disks");
    }
}

uint32_t random_below(uint32_t *state, uint32_t limit)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*state * limit >> 32);
}

static uint64_t stamp_word(uint64_t lba, uint32_t generation, unsigned index)
{
    switch (index) {
    case 0:
        return lba;
    case 1:
        return generation;
    default:
        return (lba + 1) * 0x9E3779B97F4A7C15 + (generation + 1) * 0xC2B2AE3D27D4EB4F + index;
    }
}

void stamp_sectors(void *buffer, uint64_t lba, uint32_t count, uint32_t generation)
{
    uint64_t words[WORDS];

    for (uint32_t i = 0; i < count; i++) {
        for (unsigned word = 0; word < WORDS; word++) {
            words[word] = stamp_word(lba + i, generation, word);
        }
        memcpy((char *)buffer + (size_t)i * BLK_SECTOR, words, BLK_SECTOR);
    }
}

/* Every STEPth word is looked at, and the last one. */
static const char *find_error(const void *buffer, uint64_t lba, uint32_t generation, unsigned step)
{
    uint64_t words[WORDS];

    memcpy(words, buffer, BLK_SECTOR);
    if (words[0] != lba) {
        return "of another place";
    }
    if (words[1] != generation) {
        return words[1] < generation ? "old" : "of a later generation";
    }
    for (unsigned word = 2; word < WORDS; word += step) {
        if (words[word] != stamp_word(lba, generation, word)) {
            return "wrong";
        }
    }
    return words[WORDS - 1] == stamp_word(lba, generation, WORDS - 1) ? NULL : "wrong at its end";
}

const char *stamp_error(const void *buffer, uint64_t lba, uint32_t generation)
{
    return find_error(buffer, lba, generation, 1);
}

static void check_stamped(const struct block_device *disk, const uint8_t *buffer, uint64_t lba,
                          uint32_t count, uint32_t generation)
{
    unsigned step = count < MANY ? 1 : SOME_WORD;

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *sector = buffer + (size_t)i * BLK_SECTOR;
        const char *error = find_error(sector, lba + i, generation, step);
        uint64_t words[2];

        memcpy(words, sector, sizeof(words));
        CHECK(error == NULL, "%s: %u sectors at %llu, sector %u is %s: it says lba %llx, %llx",
              disk->name, count, (unsigned long long)lba, i, error, (unsigned long long)words[0],
              (unsigned long long)words[1]);
    }
}

void write_stamped(struct block_device *disk, uint64_t lba, uint32_t count, uint32_t generation,
                   void *buffer)
{
    stamp_sectors(buffer, lba, count, generation);
    int status = block_write(disk, lba, count, buffer);

    CHECK(status == 0, "%s: write %u sectors at %llu: %s", disk->name, count,
          (unsigned long long)lba, blk_error_name(status));
}

void read_stamped(struct block_device *disk, uint64_t lba, uint32_t count, uint32_t generation,
                  void *buffer)
{
    memset(buffer, 0xA5, (size_t)count * BLK_SECTOR);
    int status = block_read(disk, lba, count, buffer);

    CHECK(status == 0, "%s: read %u sectors at %llu: %s", disk->name, count,
          (unsigned long long)lba, blk_error_name(status));
    check_stamped(disk, buffer, lba, count, generation);
}

/* ---- A part of a disk, all of which is known ---- */

void part_begin(struct disk_part *part, struct block_device *disk, uint64_t first, uint32_t sectors,
                uint32_t seed)
{
    *part = (struct disk_part){disk, first, sectors, seed, NULL, NULL};
    part->generation = kcalloc(sectors, sizeof(*part->generation));
    part->buffer = vmalloc((size_t)sectors * BLK_SECTOR + BLK_SECTOR);
    CHECK(part->generation != NULL && part->buffer != NULL, "no memory for %u sectors", sectors);
    write_stamped(disk, first, sectors, 0, part->buffer);
}

static void exercise_write(struct disk_part *part, uint32_t at, uint32_t count, uint8_t *buffer)
{
    uint16_t generation = 0;

    for (uint32_t i = at; i < at + count; i++) {
        generation = part->generation[i] > generation ? part->generation[i] : generation;
    }
    generation++;
    write_stamped(part->disk, part->first + at, count, generation, buffer);
    for (uint32_t i = at; i < at + count; i++) {
        part->generation[i] = generation;
    }
}

/* Sectors of one generation that lie together are looked at together. */
static void exercise_read(struct disk_part *part, uint32_t at, uint32_t count, uint8_t *buffer)
{
    int status = block_read(part->disk, part->first + at, count, buffer);
    const uint16_t *generation = part->generation + at;

    CHECK(status == 0, "%s: read %u sectors at %llu: %s", part->disk->name, count,
          (unsigned long long)(part->first + at), blk_error_name(status));
    for (uint32_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && generation[end] == generation[begin]; end++) {
        }
        check_stamped(part->disk, buffer + (size_t)begin * BLK_SECTOR, part->first + at + begin,
                      end - begin, generation[begin]);
    }
}

void part_exercise(struct disk_part *part, unsigned steps)
{
    const uint32_t unit = part->disk->dev.lbs / BLK_SECTOR;

    for (unsigned step = 0; step < steps; step++) {
        uint32_t longest = 1u << random_below(&part->seed, 13);
        uint32_t count =
            1 + random_below(&part->seed, longest < part->sectors ? longest : part->sectors);
        uint32_t at = random_below(&part->seed, part->sectors - count + 1);
        uint8_t *buffer = part->buffer + random_below(&part->seed, BLK_SECTOR + 1);

        switch (random_below(&part->seed, 16)) {
        case 0:
            CHECK(block_flush(part->disk) == 0, "%s: flush", part->disk->name);
            break;
        case 1 ... 8:
            exercise_read(part, at, count, buffer);
            break;
        default: /* writes are of whole blocks */
            at -= at % unit;
            exercise_write(part, at, (count + unit - 1) / unit * unit, buffer);
        }
    }
}

void part_end(struct disk_part *part)
{
    exercise_read(part, 0, part->sectors, part->buffer);
    vfree(part->buffer);
    kfree(part->generation);
}
