/*
 * cmd_cpu.c - cpu: what the processor is, what it can do, and how it is set up.
 * [SDM2 CPUID, SDM3 2.5]
 */
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/string.h"
#include "shell/commands.h"

#define CPUID_EXT_BRAND_FIRST 0x80000002u
#define CPUID_EXT_BRAND_LAST  0x80000004u
#define LINE_END              78

/* A bit and its name. */
struct bit_name {
    uint8_t bit;
    char name[11];
};

static const struct bit_name leaf1_edx[] = {
    {0, "fpu"},  {4, "tsc"},   {5, "msr"},  {6, "pae"},   {7, "mce"},  {9, "apic"},
    {11, "sep"}, {12, "mtrr"}, {13, "pge"}, {15, "cmov"}, {16, "pat"}, {19, "clflush"},
    {23, "mmx"}, {24, "fxsr"}, {25, "sse"}, {26, "sse2"}, {28, "htt"},
};
static const struct bit_name leaf1_ecx[] = {
    {0, "sse3"},   {1, "pclmulqdq"}, {5, "vmx"},         {9, "ssse3"},   {12, "fma"},
    {13, "cx16"},  {17, "pcid"},     {19, "sse4.1"},     {20, "sse4.2"}, {21, "x2apic"},
    {22, "movbe"}, {23, "popcnt"},   {24, "tsc-dl"},     {25, "aes"},    {26, "xsave"},
    {28, "avx"},   {30, "rdrand"},   {31, "hypervisor"},
};
static const struct bit_name leaf7_ebx[] = {
    {0, "fsgsbase"}, {3, "bmi1"},     {5, "avx2"},    {7, "smep"},  {8, "bmi2"},
    {9, "erms"},     {16, "avx512f"}, {18, "rdseed"}, {20, "smap"}, {29, "sha"},
};
static const struct bit_name leaf7_ecx[] = {{2, "umip"}, {16, "la57"}};
static const struct bit_name extended_edx[] = {
    {11, "syscall"}, {20, "nx"}, {26, "1gb-pages"}, {27, "rdtscp"}, {29, "long-mode"},
};
static const struct bit_name cr0_bits[] = {
    {0, "PE"},  {1, "MP"},  {2, "EM"},  {3, "TS"},  {4, "ET"},  {5, "NE"},
    {16, "WP"}, {18, "AM"}, {29, "NW"}, {30, "CD"}, {31, "PG"},
};
static const struct bit_name cr4_bits[] = {
    {0, "VME"},      {1, "PVI"},      {2, "TSD"},   {3, "DE"},    {4, "PSE"},
    {5, "PAE"},      {6, "MCE"},      {7, "PGE"},   {8, "PCE"},   {9, "OSFXSR"},
    {10, "OSXMMEX"}, {11, "UMIP"},    {12, "LA57"}, {13, "VMXE"}, {16, "FSGSBASE"},
    {17, "PCIDE"},   {18, "OSXSAVE"}, {20, "SMEP"}, {21, "SMAP"},
};
static const struct bit_name efer_bits[] = {{0, "SCE"}, {8, "LME"}, {10, "LMA"}, {11, "NXE"}};

static unsigned column;

/* Print WORD after a space, on a new line if this one is full. */
static void print_word(const char *word)
{
    unsigned length = (unsigned)strlen(word);

    if (column + 1 + length > LINE_END) {
        kprintf("\n         ");
        column = 9;
    }
    kprintf(" %s", word);
    column += 1 + length;
}

static void print_label(const char *label)
{
    kprintf("%-9s", label);
    column = 9;
}

static void print_names(uint64_t value, const struct bit_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (value >> names[i].bit & 1) {
            print_word(names[i].name);
        }
    }
}
#define PRINT_NAMES(value, names) print_names(value, names, sizeof(names) / sizeof((names)[0]))

static void print_brand(void)
{
    union {
        struct cpuid_result registers[3];
        char text[49];
    } brand = {.text = {0}};
    const char *text = brand.text;

    for (uint32_t leaf = CPUID_EXT_BRAND_FIRST; leaf <= CPUID_EXT_BRAND_LAST; leaf++) {
        brand.registers[leaf - CPUID_EXT_BRAND_FIRST] = cpu_cpuid(leaf, 0);
    }
    while (*text == ' ') {
        text++; /* some brands are right-aligned */
    }
    print_label("brand");
    kprintf(" %s\n", text);
}

static void print_identity(const struct bootinfo *info)
{
    uint32_t version = cpu_cpuid(1, 0).eax;
    uint32_t family = version >> 8 & 15;
    uint32_t model = version >> 4 & 15;

    if (family == 6 || family == 15) {
        model += (version >> 16 & 15) << 4;
    }
    if (family == 15) {
        family += version >> 20 & 255;
    }
    print_label("vendor");
    kprintf(" %.12s, family %u, model %u, stepping %u\n", info->cpu_vendor, family, model,
            version & 15);
    if (info->cpuid_ext_max >= CPUID_EXT_BRAND_LAST) {
        print_brand();
    }
    if (info->cpuid_ext_max >= CPUID_EXT_ADDRESS_SIZES) {
        uint32_t sizes = cpu_cpuid(CPUID_EXT_ADDRESS_SIZES, 0).eax;

        print_label("addresses");
        kprintf(" %u bits physical, %u bits virtual\n", sizes & 255, sizes >> 8 & 255);
    }
}

static void print_features(const struct bootinfo *info)
{
    print_label("features");
    PRINT_NAMES(info->cpuid_1_edx, leaf1_edx);
    PRINT_NAMES(info->cpuid_1_ecx, leaf1_ecx);
    if (info->cpuid_max >= 7) {
        PRINT_NAMES(cpu_cpuid(7, 0).ebx, leaf7_ebx);
        PRINT_NAMES(cpu_cpuid(7, 0).ecx, leaf7_ecx);
    }
    PRINT_NAMES(info->cpuid_ext_edx, extended_edx);
    kprintf("\n");
}

static void print_register(const char *name, uint64_t value)
{
    char number[20];

    print_label(name);
    format_string(number, sizeof(number), "%016llx", (unsigned long long)value);
    print_word(number);
}

int command_cpu(int argc, char **argv)
{
    const struct bootinfo *info = &command_boot_facts()->info;

    if (argc != 1) {
        return command_usage(argv[0]);
    }
    print_identity(info);
    print_features(info);
    print_register("CR0", cpu_read_cr0());
    PRINT_NAMES(cpu_read_cr0(), cr0_bits);
    kprintf("\n");
    print_register("CR2", cpu_read_cr2());
    kprintf(" address of the last page fault\n");
    print_register("CR3", cpu_read_cr3());
    kprintf(" physical address of the PML4\n");
    print_register("CR4", cpu_read_cr4());
    PRINT_NAMES(cpu_read_cr4(), cr4_bits);
    kprintf("\n");
    print_register("EFER", cpu_read_msr(MSR_EFER));
    PRINT_NAMES(cpu_read_msr(MSR_EFER), efer_bits);
    kprintf("\n");
    return STATUS_OK;
}
