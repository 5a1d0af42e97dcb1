/*
 * cmd_boot.c - boot: the way from 7C00 to the prompt, as a bar chart; boot facts: what was booted.
 *
 * Under Bochs the time stamp counter counts executed instructions, so there the numbers are exact
 * and the same in each run. Bochs is recognised by port E9 (a sign of an emulator) without the
 * hypervisor bit of CPUID (which QEMU sets, and Bochs does not). Elsewhere they are cycles.
 */
#include "include/tour.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/string.h"
#include "kernel/timeline.h"
#include "shell/commands.h"

#define BAR_CELLS   16
#define STEP_PROMPT TOUR_STEP_COUNT
#define STEP_LOAD   11

static const char *step_text(uint32_t step)
{
    switch (step) {
#define STEP_CASE(number, name, text)                                                              \
    case number:                                                                                   \
        return text;
        TOUR_STEPS(STEP_CASE)
#undef STEP_CASE
    default:
        return "unknown step";
    }
}

/* PART in TOTAL as UNITS-ths, rounded to the nearest. */
static unsigned share(uint64_t part, uint64_t total, unsigned units)
{
    return total == 0 ? 0 : (unsigned)((part * units + total / 2) / total);
}

static void print_bar(uint64_t part, uint64_t total)
{
    char bar[BAR_CELLS + 1];
    unsigned cells = share(part, total, BAR_CELLS);

    memset(bar, '#', cells);
    bar[cells] = '\0';
    kprintf_coloured(COLOUR_LIGHT_CYAN, "%s", bar);
    kprintf("\n");
}

/* NUMBER is the step's, or 0 for a part of the step above. */
static void print_row(unsigned number, const char *text, uint64_t cycles, uint64_t total)
{
    unsigned permille = share(cycles, total, 1000);

    if (number != 0) {
        kprintf("%2u %-40s", number, text);
    } else {
        kprintf("     - %-36s", text);
    }
    kprintf(" %13llu %3u.%u%% ", (unsigned long long)cycles, permille / 10, permille % 10);
    print_bar(cycles, total);
}

static const char *unit_name(const struct bootinfo *info)
{
    bool bochs = (info->flags & BOOT_FLAG_E9) && !(info->cpuid_1_ecx & CPUID_1_ECX_HYPERVISOR);

    return bochs ? "instructions" : "TSC cycles";
}

static void print_load_parts(const struct bootinfo *info, uint64_t total)
{
    print_row(0, "reading it through the BIOS", info->read_tsc, total);
    print_row(0, "copying and hashing it", info->verify_tsc, total);
}

/* What the loader says about itself; the chart alone fills a screen. */
static void print_facts(const struct bootinfo *info)
{
    static const char *const methods[] = {"EDD", "EDD, one by one", "CHS"};
    static const char *const gates[] = {"was open", "INT 15h", "port 92h", "keyboard controller"};

    kprintf("drive         %02x, read by %s, %u retries\n", info->drive, methods[info->read_method],
            info->retries);
    kprintf("disk          signature %08x, CRC of LBA 0 %08x, %u partitions\n",
            info->disk_signature, info->mbr_crc32c, info->partition_count);
    kprintf("A20 gate      %s\n", gates[info->a20_method]);
    kprintf("manifest      copy %u, change %llu%s\n", info->manifest_copy,
            (unsigned long long)info->manifest_seq,
            info->flags & BOOT_FLAG_MANIFEST_BAD ? "; the other copy was refused" : "");
    kprintf("kernel        slot %c, %u bytes%s\n", 'A' + info->slot, info->kernel_length,
            info->flags & BOOT_FLAG_FALLBACK ? "; the other slot was refused" : "");
    kprintf("Merkle root   ");
    for (size_t i = 0; i < sizeof(info->merkle_root); i++) {
        kprintf("%02x", info->merkle_root[i]);
    }
    kprintf("\n              verified%s\n",
            info->flags & BOOT_FLAG_PINNED ? ", and pinned in the loader" : "");
    kprintf("command line  %s\n", command_boot_facts()->cmdline);
}

int command_boot(int argc, char **argv)
{
    const struct bootinfo *info = &command_boot_facts()->info;
    size_t count;
    const struct timeline_entry *entries = timeline_entries(&count);
    uint64_t total = entries[count - 1].tsc - entries[0].tsc;

    if (argc == 2 && strcmp(argv[1], "facts") == 0) {
        print_facts(info);
        return STATUS_OK;
    }
    if (argc != 1) {
        return command_usage(argv[0]);
    }
    kprintf("step %38s %13s  share\n", "", unit_name(info));
    for (size_t i = 0; i + 1 < count; i++) {
        print_row(entries[i].step, step_text(entries[i].step), entries[i + 1].tsc - entries[i].tsc,
                  total);
        if (entries[i].step == STEP_LOAD) {
            print_load_parts(info, total);
        }
    }
    kprintf("%2u %-40s %13llu from 7C00\n", entries[count - 1].step,
            step_text(entries[count - 1].step), (unsigned long long)total);
    return STATUS_OK;
}
