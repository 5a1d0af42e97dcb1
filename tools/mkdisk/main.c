/*
 * main.c - the contents page of mkdisk: its verbs, and the options that each of them takes.
 *
 * A new verb is one line in the table below and one file; a new option is one line in options.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mkdisk.h"
#include "options.h"

static const struct verb verbs[] = {
    {"create", verb_create, 1, 1,
     OPT_SIZE | OPT_CMDLINE | OPT_MENU | OPT_PIN | OPT_SIGNATURE | OPT_FILES | OPT_VOLUME |
         OPT_ROOT,
     "IMAGE [--size 64M] [--root DIR] [--block-size N] [--profile seed] [--label L]\n"
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
    {"ls", verb_ls, 1, ANY_NUMBER, OPT_LONG, "IMAGE [-l] [PATH...]",
     "list directories of the volume"},
    {"cat", verb_cat, 2, ANY_NUMBER, 0, "IMAGE PATH...", "print files of the volume"},
    {"stat", verb_stat, 2, ANY_NUMBER, 0, "IMAGE PATH...", "show all attributes of files"},
    {"mkdir", verb_mkdir, 2, ANY_NUMBER, OPT_PARENTS, "IMAGE [-p] PATH...",
     "make directories; -p: those above them as well"},
    {"rm", verb_rm, 2, ANY_NUMBER, OPT_RECURSIVE, "IMAGE [-r] PATH...",
     "remove files; -r: directories with all that is in them"},
    {"mv", verb_mv, 3, 3, 0, "IMAGE FROM TO", "rename a file, or move it into a directory"},
    {"put", verb_put, 3, 3, OPT_RECURSIVE, "IMAGE [-r] HOST PATH",
     "copy a file of the host into the volume; -r: a directory"},
    {"get", verb_get, 3, 3, OPT_RECURSIVE, "IMAGE [-r] PATH HOST",
     "copy a file of the volume to the host; -r: a directory"},
    {"check", verb_check, 1, 1, OPT_CHECK, "IMAGE [-n|-y]",
     "check the volume; -y: repair it; exit codes: 0 sound, 1 repaired, 4 damaged, 8 not done"},
    {"dump", verb_dump, 1, 2, 0, "IMAGE [BLOCK]",
     "show a block of the volume, byte for byte, and what each of them means"},
    {"mount", verb_mount, 2, 2, OPT_MOUNT, "IMAGE DIR [-f] [-s] [--read-only]",
     "mount the volume; -f: stay in the foreground, -s: one thread; fusermount3 -u ends it"},
    {"info", verb_info, 1, 1, OPT_JSON, "IMAGE [--json]",
     "show what lies where in the image; exit code 1 if a part of it is damaged"},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_all_help(void)
{
    printf("mkdisk makes and looks after disk images that boot Sector0.\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        printf("  mkdisk %s %s\n         %s\n", verbs[i].name, verbs[i].operands, verbs[i].purpose);
    }
    printf("\nSizes take a suffix K, M, G or T. The files default to stage1.bin, stage2.bin and\n"
           "kernel.bin beside mkdisk. Exit codes: 0 done, 1 the image or an input is at fault,\n"
           "2 wrong usage. `mkdisk help VERB` explains the options of a verb.\n");
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return &verbs[i];
        }
    }
    usage_error("unknown verb '%s'", name);
}

/* A word for help, in place of a verb. */
static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/*
 * Whoever starts us without one of the three standard files would see our messages written into the
 * first file that we open, an image. What is opened here instead fails when it is used.
 */
static void hold_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

/* Output that got lost is no success. */
static int finish(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        refuse("standard output", "cannot be written");
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct verb *verb;
    struct options options;

    hold_standard_files();
    signal(SIGXFSZ, SIG_IGN); /* a write past a limit on file sizes is an error like any other */
    if (argc < 2) {
        usage_error("no verb given");
    }
    if (is_help(name)) {
        if (argc > 2) {
            options_help(find_verb(argv[2]));
        } else {
            print_all_help();
        }
        return finish(EXIT_DONE);
    }
    verb = find_verb(name);
    if (!options_parse(&options, verb, argc - 1, argv + 1)) {
        options_help(verb);
        return finish(EXIT_DONE);
    }
    return finish(verb->run(&options));
}
