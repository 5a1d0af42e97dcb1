/*
 * test_mkdisk_kernelfile.c - the checks of a kernel.bin's header, at their edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tools/mkdisk/kernelfile.h"

#define LENGTH 5000

static struct kernel_header sound(void)
{
    return (struct kernel_header){
        .magic = KERNEL_MAGIC,
        .length = LENGTH,
        .mem_size = 8192,
        .entry_virt = KERNEL_VIRT + 32,
    };
}

static void expect_problem(const struct kernel_header *header, const char *expected)
{
    uint8_t file[LENGTH] = {0};
    const char *problem;

    memcpy(file, header, sizeof *header);
    problem = kernel_header_problem(file, sizeof file);
    if (expected == NULL) {
        assert_null(problem);
    } else if (problem == NULL || strstr(problem, expected) == NULL) {
        fail_msg("'%s' does not say '%s'", problem != NULL ? problem : "(nothing)", expected);
    }
}

static void test_sound_headers(void **state)
{
    struct kernel_header h = sound();

    (void)state;
    expect_problem(&h, NULL);
    h.mem_size = 14 << 20;
    expect_problem(&h, NULL);
    h.entry_virt = KERNEL_VIRT + LENGTH - 1;
    expect_problem(&h, NULL);
}

static void test_wrong_headers(void **state)
{
    struct kernel_header h;

    (void)state;
    h = sound(), h.magic[0] = 's';
    expect_problem(&h, "does not begin with the header");
    h = sound(), h.length = LENGTH - 1;
    expect_problem(&h, "its header says 4999 bytes, the file has 5000");
    h = sound(), h.mem_size = 4096;
    expect_problem(&h, "memory size 4096 must be a multiple of 4096, at least 5000");
    h = sound(), h.mem_size = 8193;
    expect_problem(&h, "memory size 8193");
    h = sound(), h.mem_size = (14 << 20) + 4096;
    expect_problem(&h, "needs 14684160 bytes of memory at 1 MiB, 14680064 end at 15 MiB");
    h = sound(), h.mem_size = 0xFFFFF000;
    expect_problem(&h, "end at 15 MiB");
    h = sound(), h.entry_virt = KERNEL_VIRT - 1;
    expect_problem(&h, "entry point FFFFFFFF800FFFFF lies outside");
    h = sound(), h.entry_virt = KERNEL_VIRT + LENGTH;
    expect_problem(&h, "entry point");
    h = sound(), h.reserved = 1;
    expect_problem(&h, "reserved");
}

static void test_a_file_without_room_for_a_header(void **state)
{
    (void)state;
    assert_non_null(kernel_header_problem((const uint8_t *)KERNEL_MAGIC, sizeof KERNEL_MAGIC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_headers),
        cmocka_unit_test(test_wrong_headers),
        cmocka_unit_test(test_a_file_without_room_for_a_header),
    };

    return cmocka_run_group_tests_name("mkdisk_kernelfile", tests, NULL, NULL);
}
