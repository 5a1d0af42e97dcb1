/*
 * test_bootinfo.c - the kernel's judgement of the hand-off: a good one is taken whole, and each
 * field broken in turn is refused by its name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/bootinfo.h"
#include "lib/crc32c.h"

static const struct kernel_header header = {.length = 40000, .mem_size = 0x30000};
static uint8_t memory[LOW_MEMORY_NEEDED];
static struct bootinfo *const info = (struct bootinfo *)(memory + BOOTINFO_BASE);
static struct boot_facts facts;
static struct bootinfo_fault fault;

static void make_good(void)
{
    memset(memory, 0xCC, sizeof(memory));
    *info = (struct bootinfo){
        .magic = BOOTINFO_MAGIC,
        .version = BOOTINFO_VERSION,
        .size = sizeof(struct bootinfo),
        .flags = BOOT_FLAG_COM1,
        .drive = 0x80,
        .low_memory_kib = 639,
        .ebda_segment = 0x9FC0,
        .sector_size = 512,
        .manifest_seq = 1,
        .kernel_length = header.length,
        .kernel_mem_size = header.mem_size,
        .merkle_root = {[31] = 1},
        .cmdline = CMDLINE_BASE,
        .e820 = E820_BASE,
        .e820_count = 2,
        .vga_mode = 3,
        .vga_columns = 80,
        .vga_rows = 25,
        .vga_cursor_row = 24,
        .vga_cursor_column = 79,
        .vga_crtc_port = 0x3D4,
        .cpuid_max = 13,
        .cpuid_ext_max = 0x80000008,
        .cpuid_ext_edx = 1u << 29,
        .timeline_count = 3,
        .timeline = {{1, 0, 100}, {4, 0, 100}, {15, 0, 900}},
    };
    strcpy((char *)memory + CMDLINE_BASE, "debug");
    memset(memory + E820_BASE, 0x5A, 2 * E820_ENTRY_SIZE);
}

static bool take(void)
{
    info->crc32c = crc32c(info, offsetof(struct bootinfo, crc32c));
    return bootinfo_take(BOOTINFO_BASE, memory, &header, &facts, &fault);
}

static void test_good(void **state)
{
    (void)state;
    make_good();
    assert_true(take());
    assert_memory_equal(&facts.info, info, sizeof(*info));
    assert_string_equal(facts.cmdline, "debug");
    assert_memory_equal(facts.e820, memory + E820_BASE, 2 * E820_ENTRY_SIZE);
}

/* A good hand-off with one CHANGE must be refused because of FIELD, with VALUE shown. */
#define REFUSED(field_, value_, change)                                                            \
    do {                                                                                           \
        make_good();                                                                               \
        change;                                                                                    \
        if (take()) {                                                                              \
            fail_msg("%s was accepted", #change);                                                  \
        }                                                                                          \
        assert_string_equal(fault.field, field_);                                                  \
        assert_int_equal(fault.value, value_);                                                     \
        assert_non_null(fault.rule);                                                               \
    } while (0)

#define ACCEPTED(change)                                                                           \
    do {                                                                                           \
        make_good();                                                                               \
        change;                                                                                    \
        if (!take()) {                                                                             \
            fail_msg("%s was refused: %s", #change, fault.field);                                  \
        }                                                                                          \
    } while (0)

static void test_identity(void **state)
{
    (void)state;
    REFUSED("magic", 1, info->magic = 1);
    REFUSED("version", 2, info->version = 2);
    REFUSED("size", 1000, info->size = 1000);

    make_good();
    assert_false(bootinfo_take(BOOTINFO_BASE + 8, memory, &header, &facts, &fault));
    assert_string_equal(fault.field, "address");
}

/* Every byte counts: flip each in turn, and nothing but an accident of the checksum may pass. */
static void test_every_byte_is_protected(void **state)
{
    (void)state;
    make_good();
    assert_true(take());
    for (size_t i = 0; i < sizeof(*info); i++) {
        memory[BOOTINFO_BASE + i] ^= 0x10;
        assert_false(bootinfo_take(BOOTINFO_BASE, memory, &header, &facts, &fault));
        memory[BOOTINFO_BASE + i] ^= 0x10;
    }
}

static void test_how_it_was_loaded(void **state)
{
    (void)state;
    REFUSED("flags", 0x41, info->flags = 0x41);
    ACCEPTED(info->stage1_status = 0xFF);
    REFUSED("read_method", 3, info->read_method = 3);
    REFUSED("slot", 2, info->slot = 2);
    REFUSED("a20_method", 4, info->a20_method = 4);
    REFUSED("map_source", 3, info->map_source = 3);
    REFUSED("partition_count", 5, info->partition_count = 5);
    REFUSED("sector_size", 4096, info->sector_size = 4096);
    REFUSED("chs_cylinders", 1025, info->chs_cylinders = 1025);
    REFUSED("chs_sectors", 64, info->chs_sectors = 64);
    REFUSED("manifest_copy", 2, info->manifest_copy = 2);
    REFUSED("manifest_seq", 0, info->manifest_seq = 0);
    REFUSED("kernel_length", 39999, info->kernel_length = 39999);
    REFUSED("kernel_mem_size", 0x31000, info->kernel_mem_size = 0x31000);
    REFUSED("merkle_root", 0, info->merkle_root[31] = 0);
}

static void test_machine(void **state)
{
    (void)state;
    REFUSED("low_memory_kib", 191, info->low_memory_kib = 191);
    REFUSED("low_memory_kib", 641, info->low_memory_kib = 641);
    REFUSED("ebda_segment", 0x10000, info->ebda_segment = 0x10000);
    REFUSED("vga_crtc_port", 0x3C0, info->vga_crtc_port = 0x3C0);
    REFUSED("vga_columns", 0, info->vga_columns = 0);
    REFUSED("vga_cursor_row", 25, info->vga_cursor_row = 25);
    REFUSED("vga_cursor_column", 80, info->vga_cursor_column = 80);
    REFUSED("cpuid_max", 0, info->cpuid_max = 0);
    REFUSED("cpuid_ext_max", 0x80000000, info->cpuid_ext_max = 0x80000000);
    REFUSED("cpuid_ext_edx", 0, info->cpuid_ext_edx = 0);
    ACCEPTED(info->vga_crtc_port = 0; info->vga_columns = 0; info->vga_rows = 0);
    ACCEPTED(info->vga_crtc_port = 0x3B4; info->vga_mode = 7);
    ACCEPTED(info->ebda_segment = 0);
}

static void test_reserved(void **state)
{
    (void)state;
    REFUSED("reserved0", 1, info->reserved0 = 1);
    REFUSED("reserved1", 1, info->reserved1 = 1);
    REFUSED("reserved2", 7, info->reserved2[91] = 7);
}

static void test_pointers(void **state)
{
    (void)state;
    REFUSED("cmdline", 0x9FFFF, info->cmdline = 0x9FFFF);
    REFUSED("e820", 1ull << 40, info->e820 = 1ull << 40);
    REFUSED("e820_count", 0, info->e820_count = 0);
    REFUSED("e820_count", E820_MAX + 1, info->e820_count = E820_MAX + 1);
    ACCEPTED(info->e820_count = E820_MAX);
    REFUSED("cmdline", CMDLINE_BASE, memset(memory + CMDLINE_BASE, 'x', CMDLINE_SIZE));
    ACCEPTED(memset(memory + CMDLINE_BASE, 'x', CMDLINE_SIZE - 1);
             memory[CMDLINE_BASE + CMDLINE_SIZE - 1] = 0);
}

static void test_timeline(void **state)
{
    (void)state;
    REFUSED("timeline_count", 0, info->timeline_count = 0);
    REFUSED("timeline_count", TIMELINE_MAX + 1, info->timeline_count = TIMELINE_MAX + 1);
    REFUSED("timeline.step", 0, info->timeline[1].step = 0);
    REFUSED("timeline.step", 16, info->timeline[2].step = 16);
    REFUSED("timeline.reserved", 9, info->timeline[0].reserved = 9);
    REFUSED("timeline.tsc", 99, info->timeline[1].tsc = 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_every_byte_is_protected),
        cmocka_unit_test(test_how_it_was_loaded),
        cmocka_unit_test(test_machine),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_timeline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
