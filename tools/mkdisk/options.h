/*
 * options.h - the command line of mkdisk.
 */
#ifndef SECTOR0_MKDISK_OPTIONS_H
#define SECTOR0_MKDISK_OPTIONS_H

#include <limits.h>

#include "mkdisk.h"

/* Which options a verb accepts. */
#define OPT_SIZE      1u
#define OPT_CMDLINE   2u
#define OPT_MENU      4u
#define OPT_PIN       8u
#define OPT_SIGNATURE 16u
#define OPT_JSON      32u
#define OPT_KERNEL    64u
#define OPT_STAGES    128u
#define OPT_VOLUME    256u /* --block-size, --profile, --label */
#define OPT_ROOT      512u
#define OPT_LONG      1024u  /* -l */
#define OPT_RECURSIVE 2048u  /* -r */
#define OPT_PARENTS   4096u  /* -p */
#define OPT_MOUNT     8192u  /* -f, -s, --read-only */
#define OPT_CHECK     16384u /* -n, -y */
#define OPT_FILES     (OPT_KERNEL | OPT_STAGES)

#define LABEL_MAX     16 /* bytes, in the superblock */

#define ANY_NUMBER    INT_MAX       /* of operands */
#define DEFAULT_SIZE  (64ULL << 20) /* bytes of an image without --size */

struct verb {
    const char *name;
    int (*run)(const struct options *options);
    int operands_min, operands_max; /* the image is one */
    unsigned accepts;               /* OPT_* */
    const char *operands;           /* for the help */
    const char *purpose;            /* for the help */
};

/*
 * Fill OPTIONS from the ARGC words at ARGV, of which the first is the verb's name. A word that VERB
 * does not accept is a usage error. Returns false if one of them asks for help.
 */
bool options_parse(struct options *options, const struct verb *verb, int argc, char **argv);

/* Print what VERB does, and what each of its options means. */
void options_help(const struct verb *verb);

/*
 * Read a size in bytes, with an optional suffix K, M, G or T, from TEXT. Returns false if TEXT is
 * not such a number or is 2^63 or more.
 */
bool parse_size(const char *text, uint64_t *size);

/*
 * The path of a file that is given as OPTION, or of the build product NAME that lies in the same
 * directory as the mkdisk that runs.
 */
const char *input_path(const char *option, const char *name);

/*
 * Refuse, with exit code 2, a command line that does not fit the manifest or holds other characters
 * than printable ASCII.
 */
void check_cmdline_argument(const char *text);

#endif
