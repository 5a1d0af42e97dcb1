/*
 * test_basics.c - the checksum, the memory map and the clock, on the machine that is really there.
 */
#include <stdint.h>

#include "kernel/clock.h"
#include "kernel/mm/memory.h"
#include "lib/crc32c.h"
#include "tests/kernel/guest_test.h"

/* [RFC3720 B.4] */
GUEST_TEST(crc32c_known_values)
{
    static const uint8_t zeros[32];
    uint32_t digits = crc32c("123456789", 9);

    CHECK(digits == 0xE3069283, "of digits: %#x", digits);
    CHECK(crc32c(zeros, sizeof(zeros)) == 0x8A9136AA, "of zeros");
}

GUEST_TEST(e820_map_is_clean)
{
    const struct mem_map *map = memory_map();
    uint64_t end = 0;

    CHECK(map->count > 0 && map->count <= MEM_RANGES_MAX, "%zu ranges", map->count);
    for (size_t i = 0; i < map->count; i++) {
        const struct mem_range *range = &map->range[i];

        CHECK(range->base >= end && range->length != 0, "range %zu at %#llx", i,
              (unsigned long long)range->base);
        CHECK((range->base | range->length) % MEM_PAGE == 0, "range %zu, %#llx bytes", i,
              (unsigned long long)range->length);
        end = range->base + range->length;
    }
}

static bool is_type(uint64_t phys, uint32_t type)
{
    const struct mem_map *map = memory_map();

    for (size_t i = 0; i < map->count; i++) {
        if (phys >= map->range[i].base && phys - map->range[i].base < map->range[i].length) {
            return map->range[i].type == type;
        }
    }
    return false;
}

GUEST_TEST(e820_map_knows_the_kernel)
{
    CHECK(is_type(KERNEL_PHYS, MEM_KERNEL), "the image is somebody else's");
    CHECK(is_type(0, MEM_LOADER), "page 0 is free");
    CHECK(!is_type(0xB8000, E820_USABLE), "the screen is free");
}

/* Ten thousand reads, over many ticks, as no reader would see a small step back. */
GUEST_TEST(clock_never_goes_back)
{
    uint64_t start = clock_nanos();
    uint64_t last = start;

    for (unsigned i = 0; i < 10000 || last - start < 30000000; i++) {
        uint64_t now = clock_nanos();

        CHECK(now >= last, "read %u: %llu after %llu", i, (unsigned long long)now,
              (unsigned long long)last);
        CHECK(i < 100000000, "the clock stands still at %llu", (unsigned long long)now);
        last = now;
    }
}

GUEST_TEST(clock_wait_waits)
{
    uint64_t start = clock_micros();

    clock_wait(3000);
    CHECK(clock_micros() - start >= 3000, "%llu us", (unsigned long long)(clock_micros() - start));
}

GUEST_TEST(clock_ticks_come)
{
    uint64_t start = clock_ticks();

    for (unsigned tries = 0; clock_ticks() < start + 3; tries++) {
        CHECK(tries < 100, "%llu ticks in a second", (unsigned long long)(clock_ticks() - start));
        clock_wait(10000);
    }
}
