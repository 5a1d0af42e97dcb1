/*
 * mkdisk.h - what every file of mkdisk shares: the options, the verbs and how to refuse.
 *
 * mkdisk is a program that runs once: a refusal prints one line and exits, there is nothing to
 * unwind. The kernel releases the locks, and tempfile.c removes an unfinished image. What judges
 * bytes from a disk (bootarea.c, mbr.c, the checks of bootcode.c and kernel_file.c) returns an
 * error instead, because `info` must report all that is wrong, not only the first thing.
 */
#ifndef SECTOR0_MKDISK_H
#define SECTOR0_MKDISK_H

#include <stdbool.h>
#include <stdint.h>

/* The structures of include/manifest.h are the disk's, byte for byte, and so is the loader's code.
 */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "mkdisk runs on little-endian machines");

#define EXIT_DONE  0
#define EXIT_IMAGE 1 /* the image or an input is at fault */
#define EXIT_USAGE 2 /* the command line is at fault */

struct options {
    const char *image;                    /* path of the image or block device */
    const char *text;                     /* second operand, NULL if none */
    uint64_t size;                        /* bytes */
    const char *cmdline;                  /* NULL: not given */
    const char *stage1, *stage2, *kernel; /* paths; NULL: the build's own, beside mkdisk */
    uint16_t menu_timeout_s;
    bool menu_given;    /* --menu-timeout was given */
    uint32_t signature; /* disk signature, 0: choose one */
    bool pin;
    bool json;
    uint32_t block_size; /* of the SFS volume, bytes; 0: the usual */
    bool seed_profile;   /* version 1 of SFS */
    const char *label;   /* of the volume; NULL: none */
    const char *root;    /* directory to fill it from; NULL: none */
    char **operands;     /* those behind the image */
    int operand_count;
    bool long_form, recursive, parents;
    bool foreground, single_thread, read_only;
    bool repair, no_repair; /* -y, -n */
};

/* The verbs. Each returns an exit code, or refuses. */
int verb_create(const struct options *options);
int verb_format(const struct options *options);
int verb_ls(const struct options *options);
int verb_cat(const struct options *options);
int verb_stat(const struct options *options);
int verb_mkdir(const struct options *options);
int verb_rm(const struct options *options);
int verb_mv(const struct options *options);
int verb_put(const struct options *options);
int verb_get(const struct options *options);
int verb_mount(const struct options *options);
int verb_dump(const struct options *options);
int verb_install(const struct options *options);
int verb_update(const struct options *options);
int verb_cmdline(const struct options *options);
int verb_info(const struct options *options);
int verb_check(const struct options *options);

/* Print `mkdisk: SUBJECT: message` as one line on stderr. SUBJECT is a path. */
void complain(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Complain, and exit with EXIT_IMAGE, or what refuse_with said last. */
_Noreturn void refuse(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Print `mkdisk: wrong usage: message` and a hint as one line, and exit with EXIT_USAGE. */
_Noreturn void usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on the hint is at the help of VERB, a string that stays. */
void usage_hint(const char *verb);

/* From now on refusals exit with CODE. */
void refuse_with(int code);

/* Memory that is zero, or a refusal. */
void *allocate(uint64_t size);

#endif
