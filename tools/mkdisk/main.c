/*
 * main.c - the contents page of mkdisk: its verbs, and the options that each of them takes.
 *
 * A new verb is one line in the table below and one file; a new option is one line in options.c.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "mkdisk.h"
#include "options.h"

static const struct verb verbs[] = {
    {"create", verb_create, 1, 1,
     OPT_SIZE | OPT_CMDLINE | OPT_MENU | OPT_PIN | OPT_SIGNATURE | OPT_FILES | OPT_VOLUME,
     "IMAGE [--size 64M] [--block-size N] [--profile seed] [--label L]\n"
     "         [--cmdline S] [--menu-timeout N] [--pin] [--signature HEX]\n"
     "         [--stage1 F] [--stage2 F] [--kernel F]",
     "make a disk image, or with --size 1440K a floppy image"},
    {"format", verb_format, 1, 1, OPT_VOLUME, "IMAGE [--block-size N] [--profile seed] [--label L]",
     "make an empty file system in the SFS partition, or in an image without partitions"},
    {"install", verb_install, 1, 1, OPT_CMDLINE | OPT_MENU | OPT_PIN | OPT_FILES,
     "IMAGE [--cmdline S] [--menu-timeout N] [--pin] [--stage1 F] [--stage2 F] [--kernel F]",
     "put the boot code onto a partitioned disk; not safe against a power cut"},
    {"update", verb_update, 1, 1, OPT_KERNEL, "IMAGE [--kernel F]",
     "replace the kernel; safe against a power cut"},
    {"cmdline", verb_cmdline, 1, 2, 0, "IMAGE [TEXT]",
     "print the kernel's command line, or set it; safe against a power cut"},
    {"info", verb_info, 1, 1, OPT_JSON, "IMAGE [--json]",
     "show the boot area; exit code 1 if a part of it is damaged"},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static int print_help(void)
{
    printf("mkdisk makes and looks after disk images that boot Sector0.\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        printf("  mkdisk %s %s\n         %s\n", verbs[i].name, verbs[i].operands, verbs[i].purpose);
    }
    printf("\nSizes take a suffix K, M, G or T. The files default to stage1.bin, stage2.bin and\n"
           "kernel.bin beside mkdisk. Exit codes: 0 done, 1 the image or an input is at fault,\n"
           "2 wrong usage.\n");
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    struct options options;

    signal(SIGXFSZ, SIG_IGN); /* a write past a limit on file sizes is an error like any other */
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return print_help();
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            options_parse(&options, &verbs[i], argc - 1, argv + 1);
            return verbs[i].run(&options);
        }
    }
    if (argc < 2) {
        usage_error("no verb given");
    }
    usage_error("unknown verb '%s'", name);
}
