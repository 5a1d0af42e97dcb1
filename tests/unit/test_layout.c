/*
 * test_layout.c - proves that no region of include/layout.h overlaps another.
 *
 * The build compiles this file a second time with -DBUILD_CHECK, without the test library, and
 * stops if a check fails: a layout that is wrong never becomes an image. Not here: what the linker
 * scripts check, that the code fits the regions.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "include/bootinfo.h"
#include "include/layout.h"
#include "include/manifest.h"

struct region {
    const char *name;
    uint64_t base, end; /* end is the first unit after it */
};

#define SIZED(name, base, size)                                                                    \
    {                                                                                              \
        name, base, (uint64_t)(base) + (size)                                                      \
    }
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Memory while booting, in bytes. These may not overlap. */
static const struct region memory[] = {
    {"interrupt vectors and BIOS data", IVT_BASE, IVT_END},
    {"print-screen status", IVT_END, BDA_END_UNUSED},
    {"A20 test", A20_TEST_BASE, A20_TEST_END},
    {"bootinfo", BOOTINFO_BASE, BOOTINFO_END},
    {"E820 map", E820_BASE, E820_END},
    SIZED("command line", CMDLINE_BASE, CMDLINE_SIZE),
    SIZED("EDD parameters", EDD_PARAMS_BASE, EDD_PARAMS_SIZE),
    SIZED("E820 bounce", E820_BOUNCE_BASE, E820_BOUNCE_SIZE),
    SIZED("manifest sectors", MANIFEST_BUFFER_BASE, MANIFEST_BUFFER_SIZE),
    {"stage 2 data", STAGE2_DATA_BASE, STAGE2_DATA_END},
    {"stack", STACK_BASE, STACK_TOP},
    {"stage 1", STAGE1_BASE, STAGE1_END},
    {"stage 2", STAGE2_BASE, STAGE2_END},
    {"bounce buffer", BOUNCE_BASE, BOUNCE_END},
    {"page tables", PAGE_TABLES_BASE, PAGE_TABLES_END},
    {"verifier", VERIFIER_BASE, VERIFIER_END},
    {"kernel", KERNEL_PHYS, KERNEL_PHYS_LIMIT},
};

/* The disk, in sectors, as mkdisk create makes it. A manifest owns its whole physical sector. */
#define SLOT_SECTORS ((FIRST_PARTITION_LBA - SLOTS_LBA) / 16 * 8)
static const struct region disk[] = {
    SIZED("stage 1", STAGE1_LBA, 1),
    SIZED("stage 2", STAGE2_LBA, STAGE2_MAX_SECTORS),
    SIZED("manifest 0", MANIFEST0_LBA, 8),
    SIZED("manifest 1", MANIFEST1_LBA, 8),
    SIZED("slot A", SLOTS_LBA, SLOT_SECTORS),
    SIZED("slot B", SLOTS_LBA + SLOT_SECTORS, SLOT_SECTORS),
    {"partition", FIRST_PARTITION_LBA, UINT64_MAX},
};

/* LBA 0, in bytes. */
static const struct region sector0[] = {
    {"first instructions", 0, STAGE1_PATCH_OFFSET},
    SIZED("patch", STAGE1_PATCH_OFFSET, STAGE1_PATCH_SIZE),
    {"BIOS parameter block", STAGE1_BPB_OFFSET, STAGE1_BPB_END},
    {"code", STAGE1_BPB_END, STAGE1_CODE_MAX},
    {"signature", MBR_SIGNATURE_OFFSET, MBR_TABLE_OFFSET},
    SIZED("partition table", MBR_TABLE_OFFSET, MBR_TABLE_ENTRIES *MBR_ENTRY_SIZE),
    SIZED("55 AA", MBR_MAGIC_OFFSET, 2),
};

static char problem[160];

/* Returns the problem in words if a region is empty or two of them share a unit, else NULL. */
static const char *find_overlap(const struct region *regions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (regions[i].base >= regions[i].end) {
            snprintf(problem, sizeof problem, "%s is empty", regions[i].name);
            return problem;
        }
        for (size_t j = 0; j < i; j++) {
            if (regions[i].base < regions[j].end && regions[j].base < regions[i].end) {
                snprintf(problem, sizeof problem, "%s overlaps %s", regions[i].name,
                         regions[j].name);
                return problem;
            }
        }
    }
    return NULL;
}

static const char *check_memory(void)
{
    return find_overlap(memory, COUNT(memory));
}

static const char *check_disk(void)
{
    return find_overlap(disk, COUNT(disk));
}

static const char *check_sector0(void)
{
    return find_overlap(sector0, COUNT(sector0));
}

/* Every part lies inside the region that it belongs to. */
static const char *check_parents(void)
{
    static const struct {
        struct region part, parent;
    } pairs[] = {
        {SIZED("E820 entries", E820_BASE, E820_MAX * E820_ENTRY_SIZE),
         {"E820 map", E820_BASE, E820_END}},
        {SIZED("manifest sectors", MANIFEST_BUFFER_BASE, MANIFEST_COPIES * SECTOR_SIZE),
         {"low buffers", CMDLINE_BASE, LOW_BUFFERS_END}},
        {SIZED("bootinfo", BOOTINFO_BASE, sizeof(struct bootinfo)),
         {"its region", BOOTINFO_BASE, BOOTINFO_END}},
        {SIZED("stage 1 record", STAGE1_RECORD_BASE, sizeof(struct stage1_record)),
         {"stack", STACK_BASE + STACK_CANARY_BYTES, STACK_TOP}},
        {SIZED("stage 1 sector", STAGE1_BASE, SECTOR_SIZE), {"stage 1", STAGE1_BASE, STAGE1_END}},
        {SIZED("stage 2 sectors", STAGE2_BASE, STAGE2_MAX_SECTORS * SECTOR_SIZE),
         {"stage 2", STAGE2_BASE, STAGE2_END}},
        {SIZED("one read", BOUNCE_BASE, BOUNCE_SECTORS * SECTOR_SIZE),
         {"bounce buffer", BOUNCE_BASE, BOUNCE_END}},
        {SIZED("page tables", PAGE_TABLES_BASE, PAGE_TABLES_COUNT * 4096),
         {"their region", PAGE_TABLES_BASE, PAGE_TABLES_END}},
        {{"everything below 1 MiB", BDA_END_UNUSED, VERIFIER_END},
         {"the memory that is asked for", 0, LOW_MEMORY_NEEDED}},
        {SIZED("pin", STAGE2_PIN_OFFSET, MERKLE_ROOT_SIZE),
         {"stage 2's first sector", 0, SECTOR_SIZE}},
        {SIZED("slots of a floppy", SLOTS_LBA, (FLOPPY_SECTORS - SLOTS_LBA) / 16 * 16),
         {"floppy", 0, FLOPPY_SECTORS}},
    };

    for (size_t i = 0; i < COUNT(pairs); i++) {
        if (pairs[i].part.base < pairs[i].parent.base || pairs[i].part.end > pairs[i].parent.end) {
            snprintf(problem, sizeof problem, "%s: not inside %s", pairs[i].part.name,
                     pairs[i].parent.name);
            return problem;
        }
    }
    return NULL;
}

/* A store into a page that holds code costs an emulator 20 times a plain one. */
static const char *check_code_pages(void)
{
    static const struct region code[] = {
        {"stage 1", STAGE1_BASE, STAGE1_END},
        {"stage 2", STAGE2_BASE, STAGE2_END},
    };

    for (size_t i = 0; i < COUNT(memory); i++) {
        for (size_t j = 0; j < COUNT(code); j++) {
            uint64_t first_page = code[j].base / 4096 * 4096;
            uint64_t last_page_end = (code[j].end + 4095) / 4096 * 4096;

            if (memory[i].base != code[j].base && memory[i].base < last_page_end &&
                first_page < memory[i].end) {
                snprintf(problem, sizeof problem, "%s shares a page with the code of %s",
                         memory[i].name, code[j].name);
                return problem;
            }
        }
    }
    return NULL;
}

/* What the BIOS, the CPU and the disk ask for. */
static const char *check_alignment(void)
{
    if (BOUNCE_BASE % 0x10000 != 0 || BOUNCE_SEG * 16 != BOUNCE_BASE) {
        return "the bounce buffer is not 64 KiB aligned: a read would cross a DMA line";
    }
    if (BOUNCE_SECTORS > 127 || BOUNCE_SECTORS * SECTOR_SIZE % MERKLE_CHUNK != 0) {
        return "one read has more than 127 sectors or cuts a Merkle chunk";
    }
    if (STAGE2_BASE / 0x10000 != (STAGE2_END - 1) / 0x10000) {
        return "stage 2 crosses a 64 KiB line";
    }
    if (PAGE_TABLES_BASE % 4096 != 0 || KERNEL_PHYS % 4096 != 0) {
        return "page tables or kernel are not page aligned";
    }
    if (MANIFEST0_LBA % 8 != 0 || MANIFEST1_LBA % 8 != 0 || SLOTS_LBA % SLOT_ALIGN_SECTORS != 0) {
        return "a manifest or a slot does not begin with a physical sector";
    }
    return NULL;
}

static const char *(*const checks[])(void) = {
    check_memory, check_disk, check_sector0, check_parents, check_code_pages, check_alignment,
};

/* A checker that cannot see anything would be silent too. */
static const char *check_the_checker(void)
{
    static const struct region touching[] = {{"a", 0, 4}, {"b", 4, 8}};
    static const struct region sharing[] = {{"a", 0, 5}, {"b", 4, 8}};
    static const struct region inside[] = {{"a", 0, 8}, {"b", 2, 3}};
    static const struct region empty[] = {{"a", 3, 3}};

    if (find_overlap(touching, 2) != NULL || find_overlap(sharing, 2) == NULL ||
        find_overlap(inside, 2) == NULL || find_overlap(empty, 1) == NULL) {
        return "find_overlap does not work";
    }
    return NULL;
}

#ifdef BUILD_CHECK

int main(void)
{
    const char *text = check_the_checker();

    for (size_t i = 0; i < COUNT(checks) && text == NULL; i++) {
        text = checks[i]();
    }
    if (text != NULL) {
        fprintf(stderr, "include/layout.h: %s\n", text);
        return 1;
    }
    return 0;
}

#else

#include <setjmp.h>
#include <cmocka.h>

static void expect_no_problem(const char *text)
{
    if (text != NULL) {
        fail_msg("include/layout.h: %s", text);
    }
}

static void test_the_checker_sees_overlaps(void **state)
{
    (void)state;
    expect_no_problem(check_the_checker());
}

static void test_no_region_overlaps_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(checks); i++) {
        expect_no_problem(checks[i]());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_checker_sees_overlaps),
        cmocka_unit_test(test_no_region_overlaps_another),
    };

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}

#endif
