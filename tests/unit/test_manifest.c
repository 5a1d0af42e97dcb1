/*
 * test_manifest.c - the loader's judgement of manifests and slots, each rule broken in turn, and
 * map_usable_from against a byte-by-byte model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/crc32c.h"
#include "stage2/manifest.h"

#define MIB 0x100000ull

static const struct e820_entry plain_map[] = {
    {0, 0x9FC00, E820_USABLE, 1},
    {0x9FC00, 0x400, E820_RESERVED, 1},
    {MIB, 63 * MIB, E820_USABLE, 1},
};
static const struct slot_limits plain_limits = {8192, plain_map, 3};

static struct manifest good_manifest(void)
{
    struct manifest m = {.version = 1, .size = 512, .seq = 1};

    memcpy(m.magic, MANIFEST_MAGIC, 8);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        m.slot[i] = (struct boot_slot){
            .first_lba = 80 + i * 4056,
            .sectors = 4056,
            .length = 100000,
            .mem_size = 0x20000,
            .load_phys = KERNEL_PHYS,
            .entry_virt = KERNEL_VIRT + 32,
        };
    }
    m.crc32c = crc32c(&m, 508);
    return m;
}

static int check_sealed(struct manifest m)
{
    m.crc32c = crc32c(&m, 508);
    return manifest_check(&m);
}

#define REFUSED(change, error)                                                                     \
    do {                                                                                           \
        struct manifest m = good_manifest();                                                       \
        change;                                                                                    \
        assert_int_equal(check_sealed(m), error);                                                  \
    } while (0)

static void test_manifest_rules(void **state)
{
    struct manifest damaged = good_manifest();

    (void)state;
    assert_int_equal(check_sealed(good_manifest()), 0);
    REFUSED(m.magic[7] = 1, E_MANIFEST_MAGIC);
    REFUSED(m.magic[0] ^= 1, E_MANIFEST_MAGIC);
    REFUSED(m.version = 2, E_MANIFEST_VERSION);
    REFUSED(m.size = 511, E_MANIFEST_VERSION);
    REFUSED(m.seq = 0, E_MANIFEST_FIELD);
    REFUSED(m.preferred = 2, E_MANIFEST_FIELD);
    REFUSED(m.menu = 2, E_MANIFEST_FIELD);
    REFUSED(m.reserved0 = 1, E_MANIFEST_FIELD);
    REFUSED(m.reserved1[0] = 1, E_MANIFEST_FIELD);
    REFUSED(m.reserved1[91] = 1, E_MANIFEST_FIELD);
    REFUSED(memset(m.cmdline, 'x', 256), E_MANIFEST_CMDLINE);
    REFUSED(memset(m.cmdline, 'x', 255), 0);
    for (unsigned bit = 0; bit < 508 * 8; bit++) {
        if (bit >= 16 * 8) { /* magic, version and size have their own codes */
            ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(manifest_check(&damaged), E_MANIFEST_CRC);
            ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void test_newest_copy(void **state)
{
    struct manifest m[2] = {good_manifest(), good_manifest()};
    uint32_t none[2] = {E_MANIFEST_CRC, E_MANIFEST_READ}, first[2] = {0, E_MANIFEST_CRC};
    uint32_t second[2] = {E_MANIFEST_MAGIC, 0}, both[2] = {0, 0};

    (void)state;
    assert_int_equal(manifest_newest(m, none, 2), -1);
    assert_int_equal(manifest_newest(m, first, 2), 0);
    assert_int_equal(manifest_newest(m, second, 2), 1);
    assert_int_equal(manifest_newest(m, both, 2), 0); /* equal: copy 0 */
    m[1].seq = UINT64_MAX;
    assert_int_equal(manifest_newest(m, both, 2), 1);
    assert_int_equal(manifest_newest(m, first, 2), 0);
}

#define JUDGED(change, error)                                                                      \
    do {                                                                                           \
        struct manifest m = good_manifest();                                                       \
        struct boot_slot *s = &m.slot[1];                                                          \
        struct slot_limits limits = plain_limits;                                                  \
        struct slot_memory memory = {0, 0};                                                        \
        (void)s, (void)limits;                                                                     \
        change;                                                                                    \
        assert_int_equal(slot_judge(&m, 1, &limits, &memory), error);                              \
    } while (0)

static void test_slot_rules(void **state)
{
    (void)state;
    JUDGED((void)0, 0);
    JUDGED(s->length = 0, E_SLOT_EMPTY);
    JUDGED(s->length = s->mem_size = 4056 * 512; s->mem_size = 0x1FB000, 0);
    JUDGED(s->length = 4056 * 512 + 1, E_SLOT_LENGTH);
    JUDGED(s->sectors = 0, E_SLOT_LENGTH);
    JUDGED(s->sectors = 0xFFFFFFFF, E_SLOT_PLACE);
    JUDGED(s->first_lba = 79, E_SLOT_PLACE);
    JUDGED(s->first_lba = 4137, E_SLOT_PLACE);       /* one sector into the partition */
    JUDGED(s->first_lba = 0xFFFFFFFF, E_SLOT_PLACE); /* 32-bit arithmetic would wrap */
    JUDGED(limits.end_lba = 8191, E_SLOT_PLACE);
    JUDGED(s->first_lba = 4135, E_SLOT_OVERLAP);
    JUDGED(s->load_phys = KERNEL_PHYS + 0x1000, E_SLOT_ADDRESS);
    JUDGED(s->load_phys = KERNEL_PHYS + (1ull << 32), E_SLOT_ADDRESS);
    JUDGED(s->mem_size = 0x20001, E_SLOT_MEM_SIZE);
    JUDGED(s->mem_size = 0x18000, E_SLOT_MEM_SIZE); /* below length */
    JUDGED(s->mem_size = 0xE00000, 0);              /* up to 15 MiB */
    JUDGED(s->mem_size = 0xE01000, E_SLOT_MEM_SIZE);
    JUDGED(s->mem_size = 0xFFFFF000, E_SLOT_MEM_SIZE);
    JUDGED(s->entry_virt = KERNEL_VIRT - 1, E_SLOT_ENTRY);
    JUDGED(s->entry_virt = KERNEL_VIRT + 99999, 0);
    JUDGED(s->entry_virt = KERNEL_VIRT + 100000, E_SLOT_ENTRY);
    JUDGED(s->entry_virt = 0, E_SLOT_ENTRY);
}

static void test_slot_memory_words(void **state)
{
    struct manifest m = good_manifest();
    struct e820_entry map[] = {{0, 2 * MIB, E820_USABLE, 1}, {MIB + 0x10000, 1, 7, 1}};
    struct slot_limits limits = {8192, map, 2};
    struct slot_memory memory = {0, 0};

    (void)state;
    assert_int_equal(slot_judge(&m, 0, &limits, &memory), E_SLOT_MEMORY);
    assert_int_equal(memory.needed_kib, 128);
    assert_int_equal(memory.present_kib, 64);
    limits.map_count = 1;
    assert_int_equal(slot_judge(&m, 0, &limits, &memory), 0);
    limits.map_count = 0;
    assert_int_equal(slot_judge(&m, 0, &limits, &memory), E_SLOT_MEMORY);
    assert_int_equal(memory.present_kib, 0);
}

/* Addresses 0-63 as single bytes: usable from START means inside one usable entry, no other type.
 */
static uint64_t model(const struct e820_entry *map, unsigned count, uint64_t start)
{
    uint64_t best = 0;

    for (unsigned i = 0; i < count; i++) {
        uint64_t byte = start;
        int blocked = 0;

        if (map[i].type != E820_USABLE || map[i].base > start) {
            continue;
        }
        while (byte < map[i].base + map[i].length && !blocked) {
            for (unsigned j = 0; j < count; j++) {
                blocked |= map[j].type != E820_USABLE && map[j].base <= byte &&
                           byte < map[j].base + map[j].length;
            }
            byte += !blocked;
        }
        best = byte - start > best ? byte - start : best;
    }
    return best;
}

static void test_map_against_model(void **state)
{
    (void)state;
    srand(20);
    for (unsigned round = 0; round < 50000; round++) {
        struct e820_entry map[6];
        unsigned count = (unsigned)rand() % 7;
        uint64_t start = (uint64_t)rand() % 64;

        for (unsigned i = 0; i < count; i++) {
            map[i].base = (uint64_t)rand() % 64;
            map[i].length = (uint64_t)rand() % 32;
            map[i].type = 1 + (uint32_t)rand() % 3;
        }
        assert_int_equal(map_usable_from(map, count, start), model(map, count, start));
    }
}

static void test_map_end_of_address_space(void **state)
{
    struct e820_entry map[] = {{MIB, UINT64_MAX, E820_USABLE, 1}, {3 * MIB, UINT64_MAX, 2, 1}};

    (void)state;
    assert_int_equal(map_usable_from(map, 1, MIB), UINT64_MAX - MIB);
    assert_int_equal(map_usable_from(map, 2, MIB), 2 * MIB);
    assert_int_equal(map_usable_from(map, 2, 4 * MIB), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest_rules),    cmocka_unit_test(test_newest_copy),
        cmocka_unit_test(test_slot_rules),        cmocka_unit_test(test_slot_memory_words),
        cmocka_unit_test(test_map_against_model), cmocka_unit_test(test_map_end_of_address_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
